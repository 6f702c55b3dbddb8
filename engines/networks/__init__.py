"""Network families: each file in ``families`` is one and defines ``build(paintings, **config)``.

Needs torch.

``build`` returns a ``StyleNetwork`` (style_network.py): ``forward(image, mix)``, with image
(N, 3, H, W) float, RGB in 0..1, and mix (N, P) float, the weights of the P paintings, each row
summing to 1 (``original`` is not among them). It returns (N, 3, H, W), not clamped. Scaling to
bytes, ``original`` and rounding are ``FrameGraph``'s (frame_graph.py), so that every family and
every runtime has them alike.

What else is asked of a network has a name there, and a default that a small family can leave:

- ``cell_px``, ``reach_px``, ``takes_statistics``: how far it sees. They are written into the model
  file, and frames too large for it are cut into pieces by them.
- ``in_cells()``: a faster form of it for export and painting.
- ``rows`` and ``paint_traced()``: what training needs (``TrainableNetwork``).
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from engines.errors import ModelError
from engines.networks.style_network import StyleNetwork


def network_families() -> list[str]:
    """Return the names that a config or a weights file may give as its family."""
    return sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "families")]))


def build_network(family: str, paintings: int, **config: Any) -> StyleNetwork:
    """Build a network with fresh weights.

    Raises ModelError for an unknown family or configuration.
    """
    if family not in network_families():
        raise ModelError(
            f"there is no network family {family!r}. There are: {', '.join(network_families())}."
        )
    module = importlib.import_module(f"engines.networks.families.{family}")
    try:
        network = module.build(paintings, **config)
    except TypeError as error:
        raise ModelError(
            f"the configuration {config} does not fit the network family {family}: {error}"
        ) from error
    if not isinstance(network, StyleNetwork):
        raise TypeError(f"engines/networks/families/{family}.py builds no StyleNetwork")
    return network


__all__ = ["build_network", "network_families"]
