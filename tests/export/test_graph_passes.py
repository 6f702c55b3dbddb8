"""What happens to a traced graph before it is written: it becomes smaller and computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.fold import fold_constants
from export.halves import restore_halves, store_in_halves
from tests.small_frame import small_frame
from tests.small_network import write_small_model


def run(model: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    random = np.random.default_rng(0)
    style = np.array([[0.2, 0.4, 0.3, 0.1]], np.float32)
    length = next(node.shape[1] for node in session.get_inputs() if node.name == "row")
    canvas, row = (random.standard_normal(of, np.float32) for of in ((1, 2, 6, 7), (1, length)))
    given = {"frame": small_frame(33, 47)[None], "style": style, "canvas": canvas, "row": row / 9}
    return session.run(None, given)[0]


@pytest.fixture
def model(tmp_path: Path) -> onnx.ModelProto:
    return onnx.load(str(write_small_model(tmp_path / "small.onnx")))


def test_halves_lose_nothing_and_come_back(model: onnx.ModelProto):
    stored = {t.name: t for t in model.graph.initializer}
    assert sum(t.data_type == TensorProto.FLOAT16 for t in stored.values()) >= 5  # written that way
    restored = onnx.ModelProto()
    restored.CopyFrom(model)
    restore_halves(restored)
    assert not any(t.data_type == TensorProto.FLOAT16 for t in restored.graph.initializer)
    assert len(restored.SerializeToString()) > 1.5 * len(model.SerializeToString())
    np.testing.assert_array_equal(run(restored), run(model))


def test_what_halves_would_round_stays_as_it_is():
    exact, rounded = np.arange(512, dtype=np.float32), np.linspace(0, 1, 512, dtype=np.float32)
    graph = helper.make_graph(
        [],
        "g",
        [],
        [],
        [numpy_helper.from_array(exact, "a"), numpy_helper.from_array(rounded, "b")],
    )
    model = helper.make_model(graph)
    store_in_halves(model)
    assert [(t.name, t.data_type) for t in model.graph.initializer] == [
        ("a_half", TensorProto.FLOAT16),
        ("b", TensorProto.FLOAT),
    ]


def test_folding_leaves_nothing_that_constants_decide():
    """The sum of two constants is folded, the one that depends on the input and large results are
    not.
    """
    nodes = [
        helper.make_node("Add", ["a", "a"], ["twice"]),
        helper.make_node("Add", ["x", "twice"], ["y"]),
        helper.make_node("Expand", ["a", "wide"], ["large"]),
        helper.make_node("Add", ["y", "large"], ["z"]),
        helper.make_node("Neg", ["x"], ["unread"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([3.0], np.float32), "a"),
        numpy_helper.from_array(np.array([500]), "wide"),
    ]
    x, z = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in ("x", "z"))
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [z], constants),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 10
    fold_constants(model)
    assert [node.op_type for node in model.graph.node] == ["Add", "Expand", "Add"]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": np.array([1.0], np.float32)})[0][0] == 10.0
