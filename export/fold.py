"""Compute once, here, what a traced graph computes from constants alone.

The exporter spells out every padding in 25 nodes.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

_SMALL = 64  # elements: sizes and pads, never weights


def fold_constants(model: onnx.ModelProto) -> None:
    """Replace nodes whose inputs are small constants by initializers.

    What nobody reads any more is dropped.
    """
    known = {
        t.name: numpy_helper.to_array(t)
        for t in model.graph.initializer
        if int(np.prod(t.dims)) <= _SMALL
    }
    kept: list[onnx.NodeProto] = []
    folded: dict[str, np.ndarray] = {}
    for node in model.graph.node:
        values = evaluate(node, known, model.opset_import, _SMALL)
        if values is None:
            kept.append(node)
        else:
            known |= values
            folded |= values
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in folded.items()
    )
    drop_unread(model)


def evaluate(
    node: onnx.NodeProto, known: dict[str, np.ndarray], opsets: list, limit: int
) -> dict[str, np.ndarray] | None:
    """Return the outputs of a node whose inputs are all known.

    None for another node, or if an output has more than ``limit`` elements.
    """
    inputs = [name for name in node.input if name]
    if any(name not in known for name in inputs):
        return None
    graph = helper.make_graph(
        [node], "one", [], [helper.make_empty_tensor_value_info(name) for name in node.output]
    )
    model = helper.make_model(graph, opset_imports=opsets)
    model.graph.initializer.extend(
        numpy_helper.from_array(known[name], name) for name in set(inputs)
    )
    try:
        computed = ReferenceEvaluator(model).run(None, {})
    except RuntimeError:  # it lacks operations of older sets; runtimes have them
        return None
    values = dict(zip(node.output, computed, strict=True))
    return values if all(np.size(value) <= limit for value in values.values()) else None


def drop_unread(model: onnx.ModelProto) -> None:
    """Remove nodes and initializers from the end that lead nowhere."""
    read = {output.name for output in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if read & set(node.output):
            kept.append(node)
            read |= set(node.input)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    initializers = [tensor for tensor in model.graph.initializer if tensor.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(initializers)
