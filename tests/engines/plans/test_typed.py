"""What is half in a strongly typed graph and what must not be, and that its pictures are still
those of the model file.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines import ModelFile, find_model
from engines.conditions import conditions_of
from engines.errors import EngineLoadError, ParityError
from engines.plans.gate import check_graph
from engines.plans.typed import strongly_typed

HALF, FLOAT = TensorProto.FLOAT16, TensorProto.FLOAT


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    values = [*graph.input, *graph.value_info, *graph.output]
    return {v.name: v.type.tensor_type.elem_type for v in values} | {
        t.name: t.data_type for t in graph.initializer
    }


def inputs_of(model: onnx.ModelProto, *operators: str) -> set[int]:
    types = types_of(model)
    return {
        types[name] for node in model.graph.node if node.op_type in operators for name in node.input
    }


def load(model: ModelFile, precision: str) -> onnx.ModelProto:
    return onnx.load(str(model.int8_path if precision in ("int8", "fp8") else model.path))


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "fp8"])
def test_the_bundled_model_keeps_its_pictures(precision: str):
    model = find_model(None, [])
    typed = strongly_typed(load(model, precision), precision)
    expected = {"fp32": 0.01, "fp16": 0.2, "int8": 2.5, "fp8": 3}[precision]
    assert check_graph(typed, model, precision).mean <= expected
    if precision == "fp16":
        assert inputs_of(typed, "Conv") == {HALF}
        largest = max(
            np.abs(values).max()
            for values in half_values(model, typed, np.full((1, 40, 56, 3), 255, np.uint8))
        )
        assert largest < 128, "a pixel's 0..255 must not be half"


def half_values(model: ModelFile, typed: onnx.ModelProto, frame: np.ndarray) -> list[np.ndarray]:
    """Every half tensor of a run in the last style."""
    import onnxruntime

    names = [n for node in typed.graph.node for n in node.output if types_of(typed).get(n) == HALF][
        ::5
    ]
    probe = onnx.ModelProto()
    probe.CopyFrom(typed)
    probe.graph.output.extend(helper.make_tensor_value_info(name, HALF, None) for name in names)
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    style = np.eye(len(model.styles), dtype=np.float32)[-1:]
    return session.run(names, {"frame": frame, **conditions_of(model, style, frame.shape[1:3])})


def test_a_network_on_0_to_255_does_not_overflow(classic_model: ModelFile):
    typed = strongly_typed(load(classic_model, "fp16"), "fp16")
    difference = check_graph(typed, classic_model, "fp16")
    assert difference.mean < 0.5 and difference.largest <= 4
    assert inputs_of(typed, "Conv") == {HALF}
    assert inputs_of(typed, "InstanceNormalization") == {FLOAT}


def test_the_gate_sees_an_overflow(classic_model: ModelFile, monkeypatch: pytest.MonkeyPatch):
    """The same network without the step that keeps 0..255 away, declared half all the same."""
    from engines.plans import typed

    monkeypatch.setattr(typed, "_scale_to_one", lambda graph: None)
    monkeypatch.setattr(typed, "_NARROW", 1e9)
    with pytest.raises(ParityError, match="fp16 graph"):
        check_graph(strongly_typed(load(classic_model, "fp16"), "fp16"), classic_model, "fp16")


def test_original_and_the_blend_stay_exact(small_model: ModelFile):
    import onnxruntime

    typed = strongly_typed(load(small_model, "fp16"), "fp16")
    session = onnxruntime.InferenceSession(
        typed.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    frame = np.random.default_rng(0).integers(0, 256, (1, 33, 47, 3), np.uint8)
    style = np.array([[1, 0, 0]], np.float32)
    (out,) = session.run(None, {"frame": frame, **conditions_of(small_model, style, (33, 47))})
    np.testing.assert_array_equal(out, frame)


def test_unsigned_pairs_become_signed_ones(small_model: ModelFile):
    """TensorRT takes an unsigned pair for a signed one and would cut off its upper half."""
    before = load(small_model, "int8")
    assert TensorProto.UINT8 in inputs_of(before, "QuantizeLinear"), (
        "the test needs a file with unsigned activations"
    )
    typed = strongly_typed(before, "int8")
    assert inputs_of(typed, "QuantizeLinear") == {HALF, TensorProto.INT8}
    assert inputs_of(typed, "Conv") == {HALF}
    assert check_graph(typed, small_model, "int8").mean < 2


def test_pairs_of_fp8_keep_their_span(small_model: ModelFile):
    typed = strongly_typed(load(small_model, "fp8"), "fp8")
    assert inputs_of(typed, "QuantizeLinear") == {HALF, TensorProto.FLOAT8E4M3FN}
    assert inputs_of(typed, "DequantizeLinear") == {HALF, TensorProto.FLOAT8E4M3FN}
    assert inputs_of(typed, "Conv") == {HALF}
    spans = {}
    for precision, largest in (("int8", 127), ("fp8", 448)):
        graph = strongly_typed(load(small_model, precision), precision).graph
        stored = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        pairs = [node for node in graph.node if node.op_type == "QuantizeLinear"]
        spans[precision] = [float(stored[node.input[1]]) * largest for node in pairs]
    np.testing.assert_allclose(spans["fp8"], spans["int8"], rtol=2e-3)
    assert check_graph(typed, small_model, "fp8").mean < 4


def conv_graph(
    nodes: list[onnx.NodeProto], numbers: dict[str, np.ndarray], opset: int = 17
) -> onnx.ModelProto:
    """frame -> x (1, 3, H, W) in 0..1 -> ``nodes`` -> y -> stylized."""
    before = [
        helper.make_node("Cast", ["frame"], ["bytes"], to=FLOAT),
        helper.make_node("Transpose", ["bytes"], ["pixels"], perm=[0, 3, 1, 2]),
        helper.make_node("Mul", ["pixels", "scale"], ["x"]),
    ]
    after = [
        helper.make_node("Transpose", ["y"], ["upright"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["upright"], ["stylized"], to=TensorProto.UINT8),
    ]
    picture = ["N", "H", "W", 3]
    numbers = {"scale": np.array(1 / 255, np.float32), **numbers}
    graph = helper.make_graph(
        [*before, *nodes, *after],
        "g",
        [
            helper.make_tensor_value_info("frame", TensorProto.UINT8, picture),
            helper.make_tensor_value_info("style", FLOAT, ["N", 2]),
        ],
        [helper.make_tensor_value_info("stylized", TensorProto.UINT8, picture)],
        [numpy_helper.from_array(v, k) for k, v in numbers.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


EYE = np.eye(3, dtype=np.float32)[:, :, None, None]


def test_statistics_written_out_stay_fp32():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("ReduceMean", ["c"], ["mean"], axes=[2, 3]),
        helper.make_node("Sub", ["c", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["variance"], axes=[2, 3]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Div", ["centred", "deviation"], ["normal"]),
        helper.make_node("Conv", ["normal", "w"], ["y"]),
    ]
    typed = strongly_typed(conv_graph(nodes, {"w": EYE}), "fp16")
    types = types_of(typed)
    assert {
        types[name] for name in ("mean", "centred", "squares", "variance", "deviation", "normal")
    } == {FLOAT}
    assert inputs_of(typed, "Conv") == {HALF}


def test_a_convolution_of_pixels_that_cannot_be_scaled_stays_fp32():
    nodes = [helper.make_node("Conv", ["pixels", "w"], ["y"])]
    assert inputs_of(strongly_typed(conv_graph(nodes, {"w": EYE}), "fp16"), "Conv") == {FLOAT}


def test_a_weight_beyond_half_is_an_error():
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    with pytest.raises(EngineLoadError, match="--precision fp32"):
        strongly_typed(conv_graph(nodes, {"w": EYE * 1e5}), "fp16")


def test_steps_too_small_for_half_get_fewer_levels():
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w8", "steps"], ["w"], axis=0),
        helper.make_node("Conv", ["d", "w"], ["y"]),
    ]
    steps = np.array([1e-6, 1e-2, 1e-2], np.float32)
    numbers = {
        "step": np.array(1 / 127, np.float32),
        "zero": np.array(0, np.int8),
        "w8": (EYE * 60).astype(np.int8),
    }
    typed = strongly_typed(conv_graph(nodes, {**numbers, "steps": steps}, opset=19), "int8")
    node = next(n for n in typed.graph.node if n.output[0] == "w")
    levels, halves = (
        numpy_helper.to_array(next(t for t in typed.graph.initializer if t.name == n))
        for n in node.input[:2]
    )
    assert halves.dtype == np.float16 and halves.min() >= 2**-14
    restored = levels.astype(np.float64) * halves.reshape(3, 1, 1, 1)
    np.testing.assert_allclose(restored[:, :, 0, 0], np.diag([60e-6, 0.6, 0.6]), atol=4e-4)


def test_weights_that_the_file_keeps_as_half():
    nodes = [
        helper.make_node("Cast", ["w_half"], ["w"], to=FLOAT),
        helper.make_node("Conv", ["x", "w"], ["y"]),
    ]
    typed = strongly_typed(conv_graph(nodes, {"w_half": EYE.astype(np.float16)}), "fp16")
    assert inputs_of(typed, "Conv") == {HALF}
