"""Store weights that float16 holds exactly in float16.

In front of each stands a Cast, which every runtime folds away when it loads.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_WORTH_IT = 256  # elements
_SUFFIX = "_half"


def store_in_halves(model: onnx.ModelProto) -> None:
    """Halve the large fp32 initializers that lose nothing by it; the others stay as they are."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if values.size < _WORTH_IT or not np.array_equal(halves.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(halves, name + _SUFFIX))
        casts.append(
            helper.make_node(
                "Cast", [name + _SUFFIX], [name], name=f"{name}_cast", to=TensorProto.FLOAT
            )
        )
    for node in reversed(casts):
        model.graph.node.insert(0, node)


def restore_halves(model: onnx.ModelProto) -> None:
    """Undo ``store_in_halves``, for those who work on the weights."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in [
        n
        for n in model.graph.node
        if n.op_type == "Cast" and n.input[0].endswith(_SUFFIX) and n.input[0] in stored
    ]:
        values = numpy_helper.to_array(stored[node.input[0]]).astype(np.float32)
        stored[node.input[0]].CopyFrom(numpy_helper.from_array(values, node.output[0]))
        model.graph.node.remove(node)
