"""Small networks as others would publish them, for the tests of the importers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAPLACE = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32)


def write_network(
    path: Path,
    tail: str = "Tanh",
    channels_last: bool = False,
    size: tuple[int, int] | None = None,
    licence: str = "",
    stiff: bool = False,
    channels: int = 3,
    batch: int | str = 1,
    halves: bool = False,
    gain: float = 1.0,
) -> Path:
    """Write an ONNX network that sharpens a picture and ends as networks of a range end.

    tail: Tanh (-1..1), Sigmoid (0..1) or Clip (0..255). stiff: its size stands in its middle.
    """
    kernel = np.zeros((channels, channels, 3, 3), np.float32)
    for channel in range(channels):
        kernel[channel, channel] = 0.1 * LAPLACE
        kernel[channel, channel, 1, 1] += 1
    dtype = np.float16 if halves else np.float32
    with np.errstate(over="ignore"):
        constants = {"kernel": (kernel * gain).astype(dtype)}
    nodes = [helper.make_node("Conv", ["x0", "kernel"], ["x1"], pads=[1, 1, 1, 1])]
    if tail == "Sigmoid":
        constants |= {"six": dtype(6), "three": dtype(3)}
        nodes += [
            helper.make_node("Mul", ["x1", "six"], ["x2"]),
            helper.make_node("Sub", ["x2", "three"], ["x3"]),
            helper.make_node("Sigmoid", ["x3"], ["y0"]),
        ]
    elif tail == "Clip":
        constants |= {"low": dtype(0), "high": dtype(255)}
        nodes.append(helper.make_node("Clip", ["x1", "low", "high"], ["y0"]))
    else:
        nodes.append(helper.make_node("Tanh", ["x1"], ["y0"]))
    sides: list[Any] = list(size or ("h", "w"))
    last = "y0"
    if stiff and size:
        constants["flat"] = np.array([1, channels, -1], np.int64)
        constants["back"] = np.array([1, channels, *size], np.int64)
        nodes += [
            helper.make_node("Reshape", ["y0", "flat"], ["y1"]),
            helper.make_node("Reshape", ["y1", "back"], ["y2"]),
        ]
        last = "y2"
    shape = [batch, *sides, channels] if channels_last else [batch, channels, *sides]
    if channels_last:
        nodes.insert(0, helper.make_node("Transpose", ["image"], ["x0"], perm=[0, 3, 1, 2]))
        nodes.append(helper.make_node("Transpose", [last], ["painted"], perm=[0, 2, 3, 1]))
    else:
        nodes.insert(0, helper.make_node("Identity", ["image"], ["x0"]))
        nodes.append(helper.make_node("Identity", [last], ["painted"]))
    return save(path, nodes, {"image": shape}, {"painted": shape}, constants, licence, halves)


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[Any]],
    outputs: dict[str, list[Any]],
    constants: dict[str, Any],
    licence: str = "",
    halves: bool = False,
) -> Path:
    kind = TensorProto.FLOAT16 if halves else TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if licence:
        helper.set_model_props(model, {"license": licence})
    path.write_bytes(model.SerializeToString())
    return path
