from __future__ import annotations

import numpy as np
import pytest

from engines import EngineOptions, ModelFile, auto, open_engine
from engines.errors import EngineUnavailable


def test_first_run_guesses_and_says_so(small_model: ModelFile):
    with open_engine("auto", small_model, EngineOptions(device="cpu"), (48, 64)) as engine:
        assert engine.name == "openvino"
        assert "measured in the background" in engine.note


def test_measured_choice_is_remembered(small_model: ModelFile):
    options = EngineOptions(device="cpu")
    results = auto.measure(small_model, options, (48, 64))
    assert {r["engine"] for r in results} == {"openvino", "onnxruntime"}
    assert {r["precision"] for r in results} == {"fp32", "int8"}
    assert [r["ms"] for r in results] == sorted(r["ms"] for r in results)
    with open_engine("auto", small_model, options, (48, 64)) as engine:
        assert (engine.name, engine.precision) == (results[0]["engine"], results[0]["precision"])
        assert "when measured" in engine.note


def test_the_choice_belongs_to_its_circumstances(small_model: ModelFile, monkeypatch: pytest.MonkeyPatch):
    options = EngineOptions(device="cpu")
    key = auto._key(small_model, options, (48, 64))
    assert key == auto._key(small_model, options, (48, 64))
    assert key != auto._key(small_model, options, (64, 48))
    assert key != auto._key(small_model, EngineOptions(device="cpu", precision="fp32"), (48, 64))
    assert key != auto._key(small_model, EngineOptions(device="cpu", threads=1), (48, 64))
    monkeypatch.setattr(auto, "_version", lambda package: "another")
    assert key != auto._key(small_model, options, (48, 64))


def test_damaged_memory_is_ignored(small_model: ModelFile):
    options = EngineOptions(device="cpu")
    file = auto._file(auto._key(small_model, options, (48, 64)))
    for content in ("", "{", "[]", '{"engine": "torch", "precision": "fp32", "ms": 1}', '{"engine": "openvino"}'):
        file.write_text(content)
        with open_engine("auto", small_model, options, (48, 64)) as engine:
            assert "measured in the background" in engine.note


def test_int8_is_left_out_where_its_pictures_differ(small_model: ModelFile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auto, "_INT8_BOUND", 0.0)
    with open_engine("auto", small_model, EngineOptions(device="cpu"), (48, 64)) as engine:
        assert engine.precision == "fp32"
    assert {r["precision"] for r in auto.measure(small_model, EngineOptions(device="cpu"), (48, 64))} == {"fp32"}


def test_asked_precision_is_kept(small_model: ModelFile):
    for precision in ("fp32", "int8"):
        with open_engine("auto", small_model, EngineOptions(device="cpu", precision=precision), (48, 64)) as engine:
            assert engine.precision == precision


def test_a_device_that_is_not_here_is_an_error(small_model: ModelFile):
    try:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
    except ImportError:
        pass
    with pytest.raises(EngineUnavailable, match="--device cpu works"):
        open_engine("auto", small_model, EngineOptions(device="cuda"), (48, 64))


def test_background_measuring_runs_for_real(small_model: ModelFile):
    """The command that the background process gets does what ``measure`` does."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "engines.auto", str(small_model.path), "48", "64", "auto", "0"]
    assert subprocess.run(command, timeout=100, check=False).returncode == 0
    with open_engine("auto", small_model, EngineOptions(device="cpu"), (48, 64)) as engine:
        assert "when measured" in engine.note
        assert np.isfinite(engine.infer(np.zeros((1, 48, 64, 3), np.uint8), np.array([[0, 1, 0]], np.float32))).all()
