"""A predictor that only looks at a picture's mean colour: enough to see which picture it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engines import ModelFile, load_model


def write_model_and_predictor(folder: Path) -> ModelFile:
    """Write the small model into ``folder`` and, beside it, a predictor.onnx for it."""
    pytest.importorskip("torch", reason="the small model is exported by torch")
    from tests.small_network import write_small_model

    made = load_model(write_small_model(folder / "small.onnx"))
    write_predictor(folder / "predictor.onnx", made)
    return made


def use_predictor(model: ModelFile, styles: Path, patch: pytest.MonkeyPatch) -> None:
    """Predict with what lies beside ``model``; keep styles in the folder ``styles``."""
    patch.setattr("engines.predictor.PREDICTOR", model.path.with_name("predictor.onnx"))
    patch.setenv("LIVEBRUSH_MODELS", str(styles))


def write_predictor(path: Path, model: ModelFile) -> Path:
    """Write one for ``model``: each colour's mean, 0..1, times numbers of its own."""
    numbers = np.random.default_rng(0).normal(0, 0.4, (3, model.row_length)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["picture"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["mean", "most"], ["share"]),
        helper.make_node("MatMul", ["share", "numbers"], ["row"]),
    ]
    constants = {"most": np.array(255, np.float32), "numbers": numbers}
    graph = helper.make_graph(
        nodes,
        "predictor",
        [helper.make_tensor_value_info("picture", TensorProto.UINT8, [1, "H", "W", 3])],
        [helper.make_tensor_value_info("row", TensorProto.FLOAT, [1, model.row_length])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, {"network": model.metadata["network"]})
    onnx.save(made, str(path))
    return path
