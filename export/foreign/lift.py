"""Take an ONNX network of 8 bits back to 32, with the weights that it has.

Pairs of QuantizeLinear and DequantizeLinear stand where it rounds between its layers. What is
rounded once, the weights, is kept as it is; what is rounded in every picture is only held to the
ends of its bytes. On processors without VNNI sums of bytes overflow, and no two runtimes agree on
them.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper


def lift_from_bytes(model: onnx.ModelProto) -> bool:
    """Replace the pairs in ``model``; return whether there were any."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    kept: list[onnx.NodeProto] = []
    found = False
    for node in model.graph.node:
        lifted = None
        if node.op_type == "DequantizeLinear":
            lifted = _lift(model, node, stored, makers)
        found = found or lifted is not None
        kept += [node] if lifted is None else lifted
    read = {name for node in kept for name in node.input}
    read |= {output.name for output in model.graph.output}
    del model.graph.node[:]
    model.graph.node.extend(node for node in kept if read & set(node.output))
    return found


def _lift(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    stored: dict[str, np.ndarray],
    makers: dict[str, onnx.NodeProto],
) -> list[onnx.NodeProto] | None:
    """Return what stands for ``node``, None where it has to stay."""
    source, *numbers = node.input
    if not all(name in stored for name in numbers):
        return None
    scale = stored[numbers[0]].astype(np.float32)
    point = stored[numbers[1]] if len(numbers) > 1 else None
    if source in stored:
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        values = _dequantise(stored[source], scale, point, axis)
        model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
        return []
    maker = makers.get(source)
    is_pair = maker is not None and maker.op_type == "QuantizeLinear"
    if maker is None or not is_pair or list(maker.input[1:]) != numbers or scale.size > 1:
        return None
    kind = np.iinfo(np.uint8 if point is None else point.dtype)
    zero = 0.0 if point is None else float(point.reshape(-1)[0])
    ends = [f"{node.output[0]}_{what}" for what in ("low", "high")]
    for name, end in zip(ends, (kind.min, kind.max), strict=True):
        value = np.asarray((end - zero) * float(scale.reshape(-1)[0]), np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return [helper.make_node("Clip", [maker.input[0], *ends], [node.output[0]])]


def _dequantise(
    values: np.ndarray, scale: np.ndarray, point: np.ndarray | None, axis: int
) -> np.ndarray:
    shape = [1] * values.ndim
    if scale.size > 1:
        shape[axis] = scale.size
    zero = 0 if point is None else point.astype(np.float32).reshape(shape if scale.size > 1 else -1)
    wide = scale.reshape(shape if scale.size > 1 else ())
    lifted = (values.astype(np.float32) - zero) * wide
    return lifted.reshape(values.shape).astype(np.float32)
