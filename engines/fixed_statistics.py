"""Fixes the statistics that a network with instance normalisation takes of its frame.

So pieces of a frame come out alike. They are taken once, over all of a smaller copy of the frame.
Source: Chen et al. 2022, "Towards Ultra-Resolution Neural Style Transfer via Thumbnail Instance
Normalization", section 3.2.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from engines.errors import EngineRunError
from engines.model_file import ModelFile, load_model


def fix_statistics(
    model: ModelFile, thumbnail: np.ndarray, style: np.ndarray, target: Path, threads: int
) -> ModelFile:
    """Write ``model`` to ``target`` with the statistics of ``thumbnail`` in ``style``.

    thumbnail: (h, w, 3) uint8 RGB. style: (S,) float32. Each instance normalisation becomes a
    normalisation by constants. Raises EngineRunError if the network does not run.
    """
    graph = onnx.load(str(model.path))
    norms = [node for node in graph.graph.node if node.op_type == "InstanceNormalization"]
    try:
        found = iter(
            _measure_statistics(graph, [node.input[0] for node in norms], thumbnail, style, threads)
        )
    except Exception as error:
        raise EngineRunError(
            f"{model.path}: its statistics of the frame could not be taken: {error}"
        ) from error
    for number, node in enumerate(norms):
        # (x - mean) / sqrt(var + epsilon) * scale + bias, with both given.
        node.op_type = "BatchNormalization"
        for what in ("mean", "var"):
            graph.graph.initializer.append(
                numpy_helper.from_array(next(found).reshape(-1), f"fixed_{what}_{number}")
            )
            node.input.append(f"fixed_{what}_{number}")
    onnx.save(graph, str(target))
    return load_model(target)


def _measure_statistics(
    graph: onnx.ModelProto,
    values: list[str],
    thumbnail: np.ndarray,
    style: np.ndarray,
    threads: int,
) -> list[np.ndarray]:
    """Return mean and variance over each channel of ``values``, (1, C, 1, 1) float32, in turn."""
    import onnxruntime

    probe = onnx.ModelProto()
    probe.CopyFrom(graph)
    del probe.graph.output[:]
    for number, value in enumerate(values):
        mean, var, apart = (f"probe_{what}_{number}" for what in ("mean", "var", "apart"))
        probe.graph.node.extend(
            [
                helper.make_node("GlobalAveragePool", [value], [mean]),
                helper.make_node("Sub", [value, mean], [apart]),
                helper.make_node("Mul", [apart, apart], [f"{apart}_squared"]),
                helper.make_node("GlobalAveragePool", [f"{apart}_squared"], [var]),
            ]
        )
        probe.graph.output.extend(
            [helper.make_empty_tensor_value_info(mean), helper.make_empty_tensor_value_info(var)]
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = dict(
        zip((i.name for i in session.get_inputs()), (thumbnail[None], style[None]), strict=True)
    )
    found: list[np.ndarray] = session.run(None, given)
    return found
