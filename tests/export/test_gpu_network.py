"""The network as a graphics card takes it: the same pictures, and of no other network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from engines import EngineOptions, load_model, open_engine
from export import gpu_network
from tests.small_frame import small_frame

torch = pytest.importorskip("torch", reason="the small model is exported by torch")


@pytest.fixture(scope="module")
def small_model(tmp_path_factory):
    from tests.small_network import write_small_model

    return load_model(write_small_model(tmp_path_factory.mktemp("model") / "small.onnx"))


def test_it_computes_what_the_engine_does(small_model):
    weights, config = gpu_network.read_fast(small_model), gpu_network._config_of(small_model)
    style, size = np.array([[0.0, 0.25, 0.75]], np.float32), (64, 80)
    canvas = small_model.canvas.draw(size, style, seed=5)
    frame = small_frame(*size)
    with open_engine("onnxruntime", small_model, EngineOptions(precision="fp32"), size) as engine:
        expected = engine.infer(frame[None], style, canvas)[0]
    row = style[0, 1:] @ weights["rows"]
    painted = gpu_network.paint(weights, config, frame / np.float32(255), row, canvas[0])
    assert np.abs(painted.clip(0, 1) * 255 - expected).max() < 0.51


def test_weights_lie_in_fours(small_model, tmp_path: Path):
    told = gpu_network.write_gpu_network(small_model, tmp_path)
    arrays = load_file(tmp_path / told["file"])
    weights = gpu_network.read_fast(small_model)
    assert set(arrays) == set(weights) and told["blocks"] == 1 and told["fine_px"] == 4
    down = arrays["down.weight"]
    assert down.shape == (4, 6, 6, 4, 4, 4) and down.dtype == np.float16
    assert down[3, 5, 1, 2, 1, 0] == weights["down.weight"][12, 9, 5, 1]
    up = arrays["up.weight"]  # the second place of a cell, channel 2
    assert up[4, 0, 0, 0, 0, 2] == weights["up.weight"][2 * 4 + 1, 0, 0, 0]
    assert arrays["down.bias"].dtype == np.float32


def test_another_network_is_not_taken_for_it(tiny_model, small_model, tmp_path: Path, monkeypatch):
    assert gpu_network.write_gpu_network(tiny_model, tmp_path) is None
    monkeypatch.setattr(gpu_network, "_CANVAS_GAIN", 1.0)  # as of a version that computes otherwise
    assert gpu_network.write_gpu_network(small_model, tmp_path) is None
    assert not list(tmp_path.iterdir())
