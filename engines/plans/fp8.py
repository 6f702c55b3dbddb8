"""Writes the 8-bit pairs of a strongly typed graph as floating point, E4M3.

That has 3 bits of mantissa and no infinity. A pair keeps its span: its largest level, 127, becomes
the largest number, 448. The format is finer than bytes below a sixteenth of the span and coarser
above.
"""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
from onnx import numpy_helper

E4M3 = ml_dtypes.float8_e4m3fn
LEAST_TARGET = 89  # compute capability 8.9, Ada: what is older has no such type
_RATIO = 448 / 127  # the largest number of either


def to_fp8(typed: onnx.ModelProto) -> onnx.ModelProto:
    """Turn every pair of signed bytes with zero point 0 in ``typed`` into one of E4M3, in place.

    The graph must be of opset 19 or later. Returns it.
    """
    graph = typed.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}

    def put(name: str, value: np.ndarray) -> str:
        if name not in stored:
            graph.initializer.append(numpy_helper.from_array(value, name))
            stored[name] = graph.initializer[-1]
        return name

    for node in graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        if node.input[0] in stored:
            levels = numpy_helper.to_array(stored[node.input[0]]).astype(np.float32)
            node.input[0] = put(f"{node.input[0]}_e4m3", (levels * _RATIO).astype(E4M3))
        scale = numpy_helper.to_array(stored[node.input[1]])
        node.input[1] = put(
            f"{node.input[1]}_e4m3", (scale.astype(np.float32) / _RATIO).astype(scale.dtype)
        )
        zero = put(f"{node.input[1]}_zero", np.zeros(scale.shape, E4M3))
        del node.input[2:]
        node.input.append(zero)
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    onnx.checker.check_model(typed, full_check=True)
    return typed
