"""The network of the page as a graphics card takes it: `fast`, its weights in fours of channels.

The page runs it by ``export/site/network.js``, which says what is computed in which order; here are
the weights, and the same in NumPy, by which a model is known to be such a network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import numpy_helper
from safetensors.numpy import save

from engines.base import EngineOptions
from engines.canvas import CHANNELS
from engines.model_file import ModelFile
from engines.opening import open_engine
from export.halves import restore_halves

NETWORK_NAME = "network.safetensors"
_PREFIX = "network.network."
_CONFIG = {"fine_px": 4, "width": 48, "deep": 64, "blocks": 4, "canvas": 0}  # FastConfig's
_DEPTH, _CANVAS_GAIN = 2, 2.0  # of engines/networks/families/fast.py
_PROBE = (72, 96)
_MOST_APART = 0.6  # levels: the engine's are rounded


def write_gpu_network(model: ModelFile, folder: Path) -> dict[str, Any] | None:
    """Write the weights of ``model`` into ``folder``, and return what the page is told of them.

    None, and nothing is written, for a network that the page has no other form of.
    """
    weights = read_fast(model)
    if weights is None or _stray(model, weights) > _MOST_APART:
        return None
    config = _config_of(model)
    arranged = {name: _arranged(name, array, config) for name, array in weights.items()}
    (folder / NETWORK_NAME).write_bytes(save(arranged))
    return {"file": NETWORK_NAME, **config, "canvas_gain": _CANVAS_GAIN}


def read_fast(model: ModelFile) -> dict[str, np.ndarray] | None:
    """Return the weights of a `fast` network by their names, float32; None for another network."""
    config = _config_of(model)
    sizes = (config["width"], config["deep"], 3 * config["fine_px"] ** 2)
    if model.family != "fast" or config["canvas"] != CHANNELS or any(size % 4 for size in sizes):
        return None
    proto = onnx.load(str(model.path))
    restore_halves(proto)
    weights = {
        tensor.name.removeprefix(_PREFIX): numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in proto.graph.initializer
        if tensor.name.startswith(_PREFIX)
    }
    rows = weights.get("rows")
    layers = {name.rsplit(".", 1)[0].removesuffix(".conv") for name in weights if name != "rows"}
    if rows is None or rows.shape[1] != row_length(config) or layers != set(_layers(config)):
        return None
    return {name.replace(".conv.", "."): array for name, array in weights.items()}


def row_length(config: dict[str, int]) -> int:
    """Return how many numbers the row of a style has."""
    width, deep, blocks = config["width"], config["deep"], config["blocks"]
    scales = width + deep * (1 + 2 * blocks) + 3 * width + 3
    return 2 * scales + (blocks + 1) * deep * config["canvas"]


def paint(
    weights: dict[str, np.ndarray],
    config: dict[str, int],
    frame: np.ndarray,
    row: np.ndarray,
    canvas: np.ndarray,
) -> np.ndarray:
    """Return the painting of ``frame``, both (H, W, 3) in 0..1, H and W whole deep cells.

    row: (R,). canvas: (C, H / cell_px + 1, W / cell_px + 1).
    """
    fine_px, blocks, deep = config["fine_px"], config["blocks"], config["deep"]
    height, width = (side // fine_px for side in frame.shape[:2])
    places = (blocks + 1, deep, config["canvas"])
    strengths = _CANVAS_GAIN * row[-int(np.prod(places)) :].reshape(places)
    taken = 0

    def styled(x: np.ndarray, channels: int) -> np.ndarray:
        nonlocal taken
        scale, shift = row[taken : taken + 2 * channels].reshape(2, channels, 1, 1)
        taken += 2 * channels
        changed: np.ndarray = x * (1 + scale) + shift
        return changed

    def conv(x: np.ndarray, name: str, margin: int, stride: int = 1) -> np.ndarray:
        weight = weights[f"{name}.weight"]
        wide = np.pad(x, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
        windows = sliding_window_view(wide, weight.shape[2:], axis=(1, 2))
        result = np.tensordot(weight, windows[:, ::stride, ::stride], ([1, 2, 3], [0, 3, 4]))
        bias = weights.get(f"{name}.bias", np.zeros(len(weight), np.float32))
        added: np.ndarray = result + bias[:, None, None]
        return added

    def block(x: np.ndarray, name: str) -> np.ndarray:
        first = styled(conv(x, f"{name}.first", 2), len(x)).clip(0)
        return x + styled(conv(first, f"{name}.second", 0), len(x))

    cells = frame.reshape(height, fine_px, width, fine_px, 3).transpose(1, 3, 4, 0, 2)
    fine = conv(cells.reshape(-1, height, width) - 0.5, "head", 2)
    fine = styled(fine, len(fine))
    x = styled(conv(fine, "down", _DEPTH, _DEPTH), deep)
    for i in range(blocks + 1):
        x = x if i == 0 else block(x, f"body.{i - 1}")
        x = x + np.tensordot(strengths[i], canvas, 1)
    up = conv(x, "up", 1)
    up = up.reshape(-1, _DEPTH, _DEPTH, *up.shape[1:]).transpose(0, 3, 1, 4, 2)
    fine = block(fine + styled(up.reshape(fine.shape), len(fine)), "detail")
    painted = conv(fine, "tail", 0).reshape(fine_px, fine_px, 3, height, width)
    scale, shift = row[taken : taken + 6].reshape(2, 3)
    rows = painted.transpose(3, 0, 4, 1, 2).reshape(frame.shape)
    changed: np.ndarray = rows * (1 + scale) + shift + 0.5
    return changed


def _config_of(model: ModelFile) -> dict[str, int]:
    given = json.loads(model.metadata.get("config", "{}"))
    return {name: int(given.get(name, usual)) for name, usual in _CONFIG.items()}


def _layers(config: dict[str, int]) -> list[str]:
    blocks = [*(f"body.{i}" for i in range(config["blocks"])), "detail"]
    inner = [f"{block}.{part}" for block in blocks for part in ("first", "second")]
    return ["head", "down", *inner, "up", "tail"]


def _stray(model: ModelFile, weights: dict[str, np.ndarray]) -> float:
    """Return how far, in levels, a painting of ``paint`` is at most from the engine's."""
    frame = np.random.default_rng(0).integers(0, 256, (*_PROBE, 3), np.uint8)
    style = np.eye(model.own_styles, dtype=np.float32)[[1]]
    assert model.canvas is not None
    canvas = model.canvas.draw(_PROBE, style)
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), _PROBE) as engine:
        expected = engine.infer(frame[None], style, canvas)[0].astype(np.float32)
    row = weights["rows"][0]
    painted = paint(weights, _config_of(model), frame / np.float32(255), row, canvas[0])
    return float(np.abs(painted.clip(0, 1) * 255 - expected).max())


def _arranged(name: str, array: np.ndarray, config: dict[str, int]) -> np.ndarray:
    """Return an array in the order in which the card reads it; weights and rows as halves.

    Weights, (O, I, h, w), become (O / 4, h, w, I / 4, 4, 4), the outputs last: matrices by columns.
    """
    if name == "rows":
        return array.astype(np.float16)
    if not name.endswith(".weight"):
        return array
    if name == "up.weight":  # the places in a cell before the channels, which stay together
        places = array.reshape(config["width"], _DEPTH**2, *array.shape[1:])
        array = places.swapaxes(0, 1).reshape(array.shape)
    outputs, inputs, height, width = array.shape
    fours = array.reshape(outputs // 4, 4, inputs // 4, 4, height, width)
    arranged: np.ndarray = np.ascontiguousarray(fours.transpose(0, 4, 5, 2, 3, 1), np.float16)
    return arranged
