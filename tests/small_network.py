"""A `fast` network of a few thousand parameters for tests: small, but exported and quantised like
the one that ships.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from engines.canvas import Canvas
from engines.conditions import conditions_of
from engines.model_file import ModelFile, load_model
from engines.networks import build_network
from engines.networks.layers import settle_bytes
from engines.networks.weights import save_weights
from export.to_int8 import quantise
from export.to_onnx import export_onnx
from tests.small_frame import small_frame

CONFIG = {"width": 16, "deep": 16, "blocks": 1, "canvas": 2}
STYLES = ("original", "first", "second")


def small_network() -> nn.Module:
    torch.manual_seed(0)
    network = build_network("fast", len(STYLES) - 1, **CONFIG)
    with torch.no_grad():
        network.rows.normal_(0, 0.3)
    return settle_bytes(network).eval()


def small_metadata() -> dict[str, str]:
    return {"styles": json.dumps([{"name": name} for name in STYLES]), "training": "{}"}


def write_small_weights(path: Path) -> Path:
    save_weights(path, small_network(), "fast", CONFIG, small_metadata())
    return path


def write_small_model(path: Path) -> Path:
    """NAME.onnx, NAME.int8.onnx and NAME.safetensors."""
    write_small_weights(path.with_suffix(".safetensors"))
    export_onnx(
        small_network(), {**small_metadata(), "family": "fast", "config": json.dumps(CONFIG)}, path
    )
    model = load_model(path)
    inputs = [_calibration_input(model, seed) for seed in range(4)]
    quantise(path, path.with_name(f"{path.stem}.int8.onnx"), inputs)
    return path


def _calibration_input(model: ModelFile, seed: int) -> dict[str, np.ndarray]:
    style = np.eye(3, dtype=np.float32)[[1 + seed % 2]]
    canvas = Canvas(cell_px=8, strengths=(1.0,) * 3).draw((64, 80), style, seed)
    conditions = conditions_of(model, style, (64, 80), canvas)
    return {"frame": small_frame(64, 80, seed)[None], **conditions}
