from __future__ import annotations

import sys

import pytest

from engines import (
    EngineOptions,
    ModelFile,
    auto,
    candidates,
    load_model,
    measured,
    open_engine,
)
from engines.errors import EngineUnavailable
from engines.measured import make_key

DAMAGED = (
    '{"engine": %s, "precision": %s, "ms": 1.0, "wall_ms": 1.0, "model": "small", '
    '"size": "64x48", "measured": %s, "load": 0.1}'
)


def test_first_run_guesses_and_says_so(small_model: ModelFile):
    with open_engine("auto", small_model, EngineOptions(device="cpu"), (48, 64)) as engine:
        assert engine.name == "openvino"
        assert "measured in the background" in engine.note


def test_measured_choice_is_remembered(small_model: ModelFile):
    options = EngineOptions(device="cpu")
    results = auto.measure(small_model, options, (48, 64))
    assert {r.engine for r in results} == {"openvino", "onnxruntime"}
    assert {r.precision for r in results} == {"fp32", "int8"}
    assert [r.ms for r in results[1:]] == sorted(r.ms for r in results[1:])
    with open_engine("auto", small_model, options, (48, 64)) as engine:
        assert (engine.name, engine.precision) == (results[0].engine, results[0].precision)
        assert "when measured" in engine.note


def test_the_choice_belongs_to_its_circumstances(
    small_model: ModelFile, monkeypatch: pytest.MonkeyPatch
):
    options = EngineOptions(device="cpu")
    key = make_key(small_model, options, (48, 64))
    assert key == make_key(small_model, options, (48, 64))
    assert key != make_key(small_model, options, (64, 48))
    assert key != make_key(small_model, EngineOptions(device="cpu", precision="fp32"), (48, 64))
    assert key != make_key(small_model, EngineOptions(device="cpu", threads=1), (48, 64))
    monkeypatch.setattr(measured, "package_version", lambda package: "another")
    assert key != make_key(small_model, options, (48, 64))


def test_damaged_memory_is_ignored(small_model: ModelFile):
    options = EngineOptions(device="cpu")
    file = measured.choice_file(make_key(small_model, options, (48, 64)))
    for content in (
        "",
        "{",
        "[]",
        '{"engine": "torch", "precision": "fp32", "ms": 1}',
        '{"engine": "openvino"}',
        '{"engine": "openvino", "precision": "fp9", "ms": 1.0}',
        '{"engine": "openvino", "precision": "fp32", "ms": 1.0}',
        DAMAGED % ('"openvino"', '"fp9"', '"2026-11-29T12:00:00+00:00"'),
        DAMAGED % ("[]", '"fp32"', '"2026-11-29T12:00:00+00:00"'),
        DAMAGED % ('"openvino"', '"fp32"', '"yesterday"'),
        DAMAGED % ('"openvino"', '"fp32"', '"2026-11-29T12:00:00"'),
    ):
        file.write_text(content)
        with open_engine("auto", small_model, options, (48, 64)) as engine:
            assert "measured in the background" in engine.note


def test_a_damaged_int8_file_leaves_fp32(small_model: ModelFile, tmp_path):
    for name in ("small.onnx", "small.safetensors"):
        (tmp_path / name).write_bytes(small_model.path.with_name(name).read_bytes())
    (tmp_path / "small.int8.onnx").write_bytes(b"damaged")
    with open_engine(
        "auto", load_model(tmp_path / "small.onnx"), EngineOptions(device="cpu"), (48, 64)
    ) as engine:
        assert (engine.name, engine.precision) == ("openvino", "fp32")


def test_a_runtime_that_does_not_start_leaves_the_other(
    small_model: ModelFile, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "__init__.py").write_text("raise ImportError('libtbb.so is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    with open_engine("auto", small_model, EngineOptions(device="cpu"), (48, 64)) as engine:
        assert engine.name == "onnxruntime"
    with pytest.raises(EngineUnavailable, match=r"does not start \(libtbb"):
        open_engine("openvino", small_model, EngineOptions(), (48, 64))


def test_int8_is_left_out_where_its_pictures_differ(
    small_model: ModelFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(candidates, "_INT8_BOUND", 0.0)
    with open_engine("auto", small_model, EngineOptions(device="cpu"), (48, 64)) as engine:
        assert engine.precision == "fp32"
    assert {
        r.precision for r in auto.measure(small_model, EngineOptions(device="cpu"), (48, 64))
    } == {"fp32"}


def test_asked_precision_is_kept(small_model: ModelFile):
    for precision in ("fp32", "int8"):
        with open_engine(
            "auto", small_model, EngineOptions(device="cpu", precision=precision), (48, 64)
        ) as engine:
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
