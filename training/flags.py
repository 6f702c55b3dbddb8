"""Flags that more than one command of `python -m training` has."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_vgg(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vgg", type=Path, help="VGG16 weights: Caffe-convention safetensors or torchvision's vgg16 (default: download)"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"), help="default: cpu")
