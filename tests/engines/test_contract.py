"""The contract that every engine keeps. A new engine file is tested here because it is there."""

from __future__ import annotations

import os

import numpy as np
import pytest

from engines import (
    Engine,
    EngineOptions,
    ModelFile,
    engine_class,
    engine_names,
    load_model,
    open_engine,
)
from engines.errors import EngineLoadError, EngineUnavailable, UsageError
from tests.small_frame import small_frame

CPU = [pytest.param((name, "cpu"), id=name) for name in engine_names() if name != "tensorrt"]
GPU = [
    pytest.param(("torch", "cuda"), id="torch-cuda", marks=pytest.mark.cuda),
    pytest.param(
        ("tensorrt", "cuda"),
        id="tensorrt",
        marks=[pytest.mark.tensorrt, pytest.mark.timeout(900)],  # it builds
    ),
]
SIZES = [(48, 64), (33, 47), (1, 1), (5, 3)]


@pytest.fixture(params=CPU + GPU)
def engine(request: pytest.FixtureRequest, small_model: ModelFile):
    name, device = request.param
    reason = engine_class(name).unavailable()
    if reason:
        (pytest.fail if name in os.environ.get("REQUIRE", "").split(",") else pytest.skip)(reason)
    opened = open_engine(
        name,
        small_model,
        EngineOptions(device=device, precision="auto" if name == "passthrough" else "fp32"),
        (48, 64),
    )
    with opened:
        yield opened


@pytest.fixture(scope="module")
def reference(small_model: ModelFile):
    with open_engine(
        "torch", small_model, EngineOptions(device="cpu", precision="fp32"), (48, 64)
    ) as opened:
        yield opened


def vector(*weights: float) -> np.ndarray:
    return np.array([weights], np.float32)


def test_resolves_device_and_precision(engine: Engine):
    assert engine.device.split(":")[0] in ("cpu", "cuda", "mps")
    assert engine.precision in ("fp32", "fp16", "int8", "uint8")


@pytest.mark.parametrize("size", SIZES)
def test_original_is_exact(engine: Engine, size: tuple[int, int]):
    frame = small_frame(*size)[None]
    out = engine.infer(frame, vector(1, 0, 0))
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, frame)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "style",
    [vector(0, 1, 0), vector(0, 0, 1), vector(0.3, 0.5, 0.2)],
    ids=["first", "second", "blend"],
)
def test_gives_the_reference_picture(
    engine: Engine, reference: Engine, size: tuple[int, int], style: np.ndarray
):
    if engine.name == "passthrough":
        pytest.skip("passthrough paints nothing")
    frame = small_frame(*size)[None]
    difference = np.abs(engine.infer(frame, style).astype(int) - reference.infer(frame, style))
    assert difference.max() <= 2
    assert difference.mean() <= 0.5


def test_strength_mixes_with_the_original(engine: Engine):
    frame = small_frame(48, 64)[None]
    full = engine.infer(frame, vector(0, 1, 0)).astype(float)
    half = engine.infer(frame, vector(0.5, 0.5, 0)).astype(float)
    assert np.abs(half - (full + frame) / 2).max() <= 1


def test_a_batch_is_its_frames(engine: Engine):
    frames = np.stack([small_frame(48, 64, seed) for seed in range(3)])
    styles = np.concatenate([vector(0, 1, 0), vector(0, 0, 1), vector(1, 0, 0)])
    together = engine.infer(frames, styles)
    for i in range(3):
        alone = engine.infer(frames[i : i + 1], styles[i : i + 1])
        assert np.abs(together[i].astype(int) - alone[0]).max() <= 1


def test_result_is_the_callers(engine: Engine):
    first = engine.infer(small_frame(48, 64, 0)[None], vector(0, 1, 0))
    kept = first.copy()
    engine.infer(small_frame(48, 64, 1)[None], vector(0, 0, 1))
    np.testing.assert_array_equal(first, kept)


def test_frames_may_be_under_way_together(engine: Engine):
    frames = [small_frame(48, 64, seed)[None] for seed in range(4)]
    expected = [engine.infer(frame, vector(0, 1, 0)) for frame in frames]
    kept = frames[0].copy()
    begun = [engine.start(frame, vector(0, 1, 0)) for frame in frames[: engine.in_flight]]
    frames[0][:] = 0  # the caller's again as soon as it is begun
    results = [finish() for finish in begun]
    for result, picture in zip(results, expected, strict=False):
        np.testing.assert_array_equal(result, picture)
    np.testing.assert_array_equal(engine.start(kept, vector(0, 1, 0))(), expected[0])


def test_says_whether_it_is_ready(engine: Engine):
    assert engine.ready((48, 64))


def test_takes_tensors_on_its_card_or_says_so(engine: Engine):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
    frames = torch.from_numpy(small_frame(48, 64)[None])
    if not engine.takes_tensors:
        with pytest.raises(ValueError, match="host memory"):
            engine.infer(frames, vector(0, 1, 0))
        return
    result = engine.infer(frames.to(engine.device), vector(0, 1, 0))
    assert str(result.device) == str(torch.empty(0, device=engine.device).device)
    np.testing.assert_array_equal(
        result.cpu().numpy(), engine.infer(frames.numpy(), vector(0, 1, 0))
    )


def test_accepts_views(engine: Engine):
    frame = small_frame(64, 48)
    turned = engine.infer(frame.transpose(1, 0, 2)[None], vector(0, 1, 0))
    np.testing.assert_array_equal(
        turned, engine.infer(np.ascontiguousarray(frame.transpose(1, 0, 2))[None], vector(0, 1, 0))
    )


@pytest.mark.parametrize(
    ("frames", "style"),
    [
        (np.zeros((1, 4, 4), np.uint8), vector(0, 1, 0)),
        (np.zeros((1, 4, 4, 4), np.uint8), vector(0, 1, 0)),
        (np.zeros((1, 4, 4, 3), np.float32), vector(0, 1, 0)),
        (np.zeros((1, 0, 4, 3), np.uint8), vector(0, 1, 0)),
        (np.zeros((1, 4, 4, 3), np.uint8), vector(0, 1)),
        (np.zeros((2, 4, 4, 3), np.uint8), vector(0, 1, 0)),
        (np.zeros((1, 4, 4, 3), np.uint8), vector(0, 1, 0).astype(np.float64)),
    ],
)
def test_refuses_what_is_no_batch(engine: Engine, frames: np.ndarray, style: np.ndarray):
    with pytest.raises(ValueError, match="must be"):
        engine.infer(frames, style)


def test_closes_twice(engine: Engine):
    engine.close()
    engine.close()


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_int8_is_close_to_fp32(small_model: ModelFile, name: str):
    frame = small_frame(48, 64)[None]
    outs = []
    for precision in ("fp32", "int8"):
        with open_engine(
            name, small_model, EngineOptions(device="cpu", precision=precision), (48, 64)
        ) as engine:
            assert engine.precision == precision
            outs.append(engine.infer(frame, vector(0, 1, 0)).astype(int))
    assert 0 < np.abs(outs[0] - outs[1]).mean() < 2


def test_named_engine_says_what_it_cannot(small_model: ModelFile):
    with pytest.raises(UsageError, match="openvino"):
        open_engine("opnvino", small_model)
    with pytest.raises(UsageError, match="fp16"):
        open_engine("openvino", small_model, EngineOptions(precision="fp4"))
    with pytest.raises(UsageError, match="cuda:N"):
        open_engine("openvino", small_model, EngineOptions(device="gpu"))
    for precision in ("fp16", "fp8"):
        with pytest.raises(EngineUnavailable, match=precision):
            open_engine("openvino", small_model, EngineOptions(precision=precision))
    with pytest.raises(EngineUnavailable, match="CPU"):
        open_engine("openvino", small_model, EngineOptions(device="cuda"))


def test_keeps_a_few_sizes_only(engine: Engine):
    for width in range(16, 32, 2):
        engine.infer(small_frame(16, width)[None], vector(0, 1, 0))
    assert len(engine._made) <= 4
    engine.infer(small_frame(48, 64)[None], vector(0, 1, 0))


def test_engines_are_the_modules_that_define_one():
    assert engine_names() == ["onnxruntime", "openvino", "passthrough", "tensorrt", "torch"]


def test_torch_refuses_another_networks_weights(small_model: ModelFile, tmp_path):
    import onnx

    proto = onnx.load(str(small_model.path))
    proto.metadata_props.add(key="weights_sha256", value="0" * 64)
    onnx.save(proto, str(tmp_path / "small.onnx"))
    (tmp_path / "small.safetensors").write_bytes(small_model.weights_path.read_bytes())
    with pytest.raises(EngineLoadError, match="not the weights"):
        open_engine("torch", load_model(tmp_path / "small.onnx"))


def test_torch_without_weights_says_so(small_model: ModelFile, tmp_path):
    lonely = tmp_path / "lonely.onnx"
    lonely.write_bytes(small_model.path.read_bytes())
    with pytest.raises(EngineUnavailable, match="safetensors"):
        open_engine("torch", load_model(lonely))


def test_a_row_paints_as_the_style_that_has_it(engine: Engine, small_model: ModelFile):
    rows, frame = small_model.read_own_rows(), small_frame(48, 64)[None]

    def with_row(*weights: float, of: int) -> np.ndarray:
        return np.concatenate([vector(*weights), weights[-1] * rows[of : of + 1]], axis=1)

    for own, row in (
        (vector(0, 0, 1), with_row(0, 0, 0, 1, of=1)),
        (vector(0.3, 0.5, 0.2), with_row(0.3, 0.5, 0, 0.2, of=1)),
        (vector(1, 0, 0), with_row(1, 0, 0, 0, of=0)),
    ):
        difference = np.abs(engine.infer(frame, own).astype(int) - engine.infer(frame, row))
        assert difference.max() <= 1


def test_several_rows_mix_as_styles_do(engine: Engine, small_model: ModelFile):
    rows, frame = small_model.read_own_rows(), small_frame(33, 47)[None]
    mixed = 0.25 * rows[:1] + 0.75 * rows[1:2]
    out = engine.infer(frame, np.concatenate([vector(0, 0, 0, 1), mixed], axis=1))
    difference = np.abs(engine.infer(frame, vector(0, 0.25, 0.75)).astype(int) - out)
    assert difference.max() <= 1


def test_a_style_of_another_length_is_refused(engine: Engine, small_model: ModelFile):
    longer = np.zeros((1, 4 + small_model.row_length + 1), np.float32)
    for style in (vector(0, 1), vector(0, 1, 0, 0), longer):
        with pytest.raises(ValueError, match="style must be"):
            engine.infer(small_frame(48, 64)[None], style)
