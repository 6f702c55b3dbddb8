"""An ONNX network by somebody else, brought to where our own nodes can stand around it.

Experimental operations of 2018 (WinML) become what they mean, old operator sets are raised, and
nothing is left that a model file may not have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from engines.errors import ExportError, ModelError
from engines.model_file import check_contents
from export.foreign.from_openvino import OPSET

_OLDEST = 13  # from here on, operations that we add take axes and sizes as inputs

# The operations that stand for one, and their constants.
Replaced = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]
_IR_WITH_FREE_WEIGHTS = 8  # before 4, every weight had to be an input


@dataclass(frozen=True)
class Port:
    """An input or an output that is a picture."""

    name: str
    element: int
    """Its type, of onnx.TensorProto."""
    channels_last: bool
    size: tuple[int, int] | None
    """(height, width), None where any fits."""


def prepare(model: onnx.ModelProto, path: Path) -> tuple[onnx.ModelProto, bool]:
    """Return the network ready for ``contract.wrap``, and whether it wants BGR.

    Raises ExportError for what no model file may have, before anything runs.
    """
    if model.functions:
        model = onnx.inliner.inline_local_functions(model)
    bgr = _replace_experimental(model)
    _drop_idle(model)
    try:
        check_contents(path, model)
    except ModelError as error:
        raise ExportError(f"{error} Nothing was written.") from error
    del model.opset_import[1:]  # check_contents has seen that only ONNX's own are used
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    del model.graph.input[:], model.graph.value_info[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, _IR_WITH_FREE_WEIGHTS)
    if model.opset_import[0].version < _OLDEST:
        try:
            model = onnx.version_converter.convert_version(model, OPSET)
        except Exception as error:
            raise ExportError(
                f"{path}: its operator set {model.opset_import[0].version} cannot be raised to "
                f"{OPSET} ({str(error)[:200]}). Export it anew with opset {OPSET}."
            ) from error
    return model, bgr


def _drop_idle(model: onnx.ModelProto) -> None:
    """Take out what does nothing when a network is only run: Dropout."""
    renamed: dict[str, str] = {}
    kept = []
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        if node.op_type == "Dropout":
            renamed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _replace_experimental(model: onnx.ModelProto) -> bool:
    """Write ImageScaler, Affine and Crop as Mul, Add and Slice; return whether BGR is wanted.

    It is where the means that are taken off are those of ImageNet's blue, green and red.
    """
    bgr = False
    kept: list[onnx.NodeProto] = []
    for index, node in enumerate(model.graph.node):
        told = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        replace = _EXPERIMENTAL.get(node.op_type)
        if node.op_type == "ImageScaler":
            means = list(told.get("bias", ()))
            bgr = len(means) == 3 and means[0] > means[2] and means[0] < -100
        if replace:
            nodes, constants = replace(node, told, f"replaced_{index}")
            kept += nodes
            model.graph.initializer.extend(constants)
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    return bgr


def _as_scaler(node: onnx.NodeProto, told: dict[str, Any], name: str) -> Replaced:
    bias = np.array(told.get("bias", [0.0]), np.float32).reshape(1, -1, 1, 1)
    return _scaled(node, np.float32(told.get("scale", 1)), bias, name)


def _as_affine(node: onnx.NodeProto, told: dict[str, Any], name: str) -> Replaced:
    return _scaled(node, np.float32(told.get("alpha", 1)), np.float32(told.get("beta", 0)), name)


def _scaled(node: onnx.NodeProto, scale: Any, shift: Any, name: str) -> Replaced:
    constants = [
        numpy_helper.from_array(np.asarray(value), f"{name}_{what}")
        for what, value in (("scale", scale), ("shift", shift))
    ]
    return [
        helper.make_node("Mul", [node.input[0], constants[0].name], [f"{name}_scaled"]),
        helper.make_node("Add", [f"{name}_scaled", constants[1].name], [node.output[0]]),
    ], constants


def _as_slice(node: onnx.NodeProto, told: dict[str, Any], _name: str) -> Replaced:
    left, top, right, bottom = told["border"]
    if told.get("scale"):
        raise ExportError("its Crop cuts to a size, which is not known here.")
    ends = [-bottom if bottom else 2**31 - 1, -right if right else 2**31 - 1]
    return [
        helper.make_node(
            "Slice", [node.input[0]], [node.output[0]], axes=[2, 3], starts=[top, left], ends=ends
        )
    ], []


_EXPERIMENTAL: dict[str, Callable[[onnx.NodeProto, dict[str, Any], str], Replaced]] = {
    "ImageScaler": _as_scaler,
    "Affine": _as_affine,
    "Crop": _as_slice,
}


def picture_ports(model: onnx.ModelProto) -> tuple[Port, Port, list[onnx.ValueInfoProto]]:
    """Return where the picture goes in and comes out, and the other inputs.

    Raises ExportError where there is no such pair, saying what the network looks like instead.
    """
    inputs = [(value, _port(value)) for value in model.graph.input]
    taken = [port for _, port in inputs if port]
    if len(taken) != 1:
        raise ExportError(_say_inputs([value for value, _ in inputs], len(taken)))
    given = [port for value in model.graph.output if (port := _port(value, taken[0]))]
    if not given:
        raise ExportError(_say_outputs(list(model.graph.output)))
    return taken[0], given[0], [value for value, port in inputs if not port]


def lengths(value: onnx.ValueInfoProto) -> list[int]:
    """Return the shape of an input or output, -1 for lengths that may change."""
    return [d.dim_value if d.dim_value > 0 else -1 for d in value.type.tensor_type.shape.dim]


def _port(value: onnx.ValueInfoProto, like: Port | None = None) -> Port | None:
    """Return ``value`` as a port, None where it is no picture.

    like: the input, whose layout an output without a shape has.
    """
    shape = lengths(value)
    element = value.type.tensor_type.elem_type
    if (like and not shape) or (len(shape) == 4 and shape[1] == shape[3] == -1):
        return Port(value.name, element, like.channels_last, None) if like else None
    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        return None
    last = shape[3] == 3 and (shape[1] != 3 or bool(like and like.channels_last))
    if shape[0] > 1:
        raise ExportError(
            f"its pictures come {shape[0]} at a time, fixed when it was exported. Export it with "
            "a batch of 1, or of any size."
        )
    height, width = shape[1:3] if last else shape[2:4]
    return Port(value.name, element, last, (height, width) if min(height, width) > 0 else None)


def _say_inputs(values: list[onnx.ValueInfoProto], pictures: int) -> str:
    shapes = ", ".join(f"{value.name} {_shape(value)}" for value in values) or "none"
    if pictures > 1:
        return f"it takes {pictures} pictures ({shapes}). A style takes one picture and gives one."
    channels = {
        length
        for value in values
        if len(lengths(value)) == 4
        for length in (lengths(value)[1], lengths(value)[3])
        if length in (1, 2, 4, 6, 9)
    }
    if channels:
        return (
            f"it takes pictures of {min(channels)} channels ({shapes}), not of 3: a network for "
            "grey, transparent or several pictures. A style takes RGB."
        )
    return f"it takes no picture of 3 channels: its inputs are {shapes}."


def _say_outputs(values: list[onnx.ValueInfoProto]) -> str:
    shapes = ", ".join(f"{value.name} {_shape(value)}" for value in values)
    kind = "a classifier, such as VGG" if any(len(lengths(v)) == 2 for v in values) else "features"
    return f"it gives no picture but {shapes}: it looks like {kind}, not like a style."


def _shape(value: onnx.ValueInfoProto) -> str:
    return "x".join("?" if length < 0 else str(length) for length in lengths(value))
