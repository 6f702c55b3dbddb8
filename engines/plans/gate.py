"""The parity gate: a plan that does not give the model file's pictures is not kept.

Two steps, because a GPU is not always there. The strongly typed graph is asked first, on the CPU,
with every style: an overflow shows there. Then, on its own GPU, the plan itself at the sizes that
it is for. The reference of both is the model file in fp32 on ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

from engines.base import EngineOptions
from engines.conditions import conditions_of
from engines.machine import cpu_threads
from engines.model_file import ModelFile
from engines.parity import (
    TOLERANCES,
    Difference,
    Infer,
    check_frames,
    compare,
    require,
    style_vectors,
)
from engines.plans.shapes import Shapes
from engines.registry import open_named

# Small, since it is done for every style; odd, since padding is where graphs go wrong.
GRAPH_SIZES = ((120, 160), (33, 47))
# Above this many pixels a few styles must do: the first step has seen them all, and ONNX Runtime
# takes seconds.
_ALL_STYLES_PX = 640 * 480


def check_picture() -> np.ndarray:
    """Read a photo, (240, 320, 3) uint8 RGB: E. Collins by NASA, in the public domain."""
    from PIL import Image

    with Image.open(Path(__file__).parent / "check.jpg") as picture:
        return np.asarray(picture.convert("RGB"))


def check_graph(
    typed: onnx.ModelProto, model: ModelFile, precision: str, pictures: Iterable[np.ndarray] = ()
) -> Difference:
    """Compare the typed graph with the model file on the CPU.

    Raises ParityError if it strays by more than its bounds.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = cpu_threads()
    settings.log_severity_level = 3
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        _force_rounding(typed).SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )

    def infer(frames: np.ndarray, style: np.ndarray) -> np.ndarray:
        conditions = conditions_of(model, style, frames.shape[1:3])
        stylized: np.ndarray
        (stylized,) = session.run(["stylized"], {"frame": frames, **conditions})
        return stylized

    frames = check_frames([*pictures] or [check_picture()], GRAPH_SIZES)
    return _compare(infer, model, precision, frames, style_vectors(model), f"the {precision} graph")


def check_plan(
    run: Infer,
    model: ModelFile,
    precision: str,
    shapes: Shapes,
    pictures: Iterable[np.ndarray] = (),
) -> Difference:
    """Compare a plan on its GPU with the model file at the sizes of ``shapes``.

    Raises ParityError.
    """

    def infer(frames: np.ndarray, style: np.ndarray) -> np.ndarray:
        return run(frames.repeat(shapes.batch, 0), style.repeat(shapes.batch, 0))[:1]

    vectors = style_vectors(model)
    frames = check_frames([*pictures] or [check_picture()], shapes.sizes())
    worst = Difference(0, 0, "")
    for frame in frames:
        few = frame.shape[0] * frame.shape[1] > _ALL_STYLES_PX
        chosen = [vectors[0], vectors[1], vectors[-2]] if few else vectors
        found = _compare(
            infer, model, precision, [frame], chosen, f"the TensorRT engine in {precision}"
        )
        worst = max(worst, found, key=lambda difference: difference.mean)
    return worst


def _force_rounding(typed: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with a pause after every node that computes in half.

    On a CPU such nodes compute in fp32 between two casts, and ONNX Runtime drops a cast to half
    that another one undoes, even when it is told to optimise nothing; an overflow would not be
    seen. Through an Identity the value has to become a half.
    """
    rounded = onnx.ModelProto()
    rounded.CopyFrom(typed)
    inferred = onnx.shape_inference.infer_shapes(typed).graph.value_info
    halves = {v.name for v in inferred if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16}
    nodes: list[onnx.NodeProto] = []
    for node in rounded.graph.node:
        outputs = [name for name in node.output if name in halves] if node.op_type != "Cast" else []
        for name in outputs:
            node.output[list(node.output).index(name)] = f"{name}_exact"
        nodes += [
            node,
            *(onnx.helper.make_node("Identity", [f"{name}_exact"], [name]) for name in outputs),
        ]
    del rounded.graph.node[:]
    rounded.graph.node.extend(nodes)
    return rounded


def _compare(
    infer: Infer,
    model: ModelFile,
    precision: str,
    frames: list[np.ndarray],
    styles: list[np.ndarray],
    what: str,
) -> Difference:
    with open_named(
        "onnxruntime", model, EngineOptions(device="cpu", precision="fp32"), frames[0].shape[:2]
    ) as reference:
        difference = compare(reference.infer, infer, frames, styles)
    require(difference, TOLERANCES[precision], f"{what} and onnxruntime fp32")
    return difference
