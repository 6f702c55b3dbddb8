"""Network families: each file in ``families`` is one and defines ``build(styles, **config)``.

Needs torch.

Every network is ``forward(image, mix)``: image (N, 3, H, W) float, RGB in 0..1; mix (N, P) float,
the weights of the P paintings, each row summing to 1 (``original`` is not among them). It returns
(N, 3, H, W), not clamped. Scaling to bytes, ``original`` and rounding are ``FrameGraph``'s
(frame_graph.py), so that every family and every runtime has them alike.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from torch import nn

from engines.errors import ModelError


def network_families() -> list[str]:
    """Names that a config or a weights file may give as its family."""
    return sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "families")]))


def build_network(family: str, paintings: int, **config: Any) -> nn.Module:
    """A network with fresh weights. Raises ModelError for an unknown family or configuration."""
    if family not in network_families():
        raise ModelError(
            f"there is no network family {family!r}. There are: {', '.join(network_families())}."
        )
    try:
        return importlib.import_module(f"engines.networks.families.{family}").build(
            paintings, **config
        )
    except TypeError as error:
        raise ModelError(
            f"the configuration {config} does not fit the network family {family}: {error}"
        ) from error


__all__ = ["build_network", "network_families"]
