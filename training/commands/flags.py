"""Flags that more than one command of `python -m training` has."""

from __future__ import annotations

import argparse
from pathlib import Path

from engines.errors import EngineUnavailable

PREDICTOR_CONFIG = Path(__file__).parents[1] / "configs" / "predictor.yaml"
BUNDLED_WEIGHTS = Path(__file__).parents[2] / "engines" / "styles" / "gallery.safetensors"


def add_vgg(
    parser: argparse.ArgumentParser,
    words: str = "VGG16 weights: Caffe-convention safetensors or torchvision's vgg16 "
    "(default: download)",
) -> None:
    """Add --vgg; ``words``: its help."""
    parser.add_argument("--vgg", type=Path, help=words)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add --device."""
    parser.add_argument(
        "--device", default="cpu", choices=("cpu", "cuda", "mps"), help="default: cpu"
    )


def check_device(device: str) -> None:
    """Raise EngineUnavailable if this PyTorch does not see the ``device``."""
    import torch

    seen = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not seen[device]:
        raise EngineUnavailable(
            f"--device {device}: this PyTorch ({torch.__version__}) sees no such GPU. "
            "Use --device cpu, or install PyTorch's "
            "build for your GPU: https://pytorch.org/get-started"
        )
