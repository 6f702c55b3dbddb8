"""The least time that a frame can take on a GPU.

It is what must be moved and computed, over what was measured to be possible.

limit = max(copy in, copy out, activation traffic / memory bandwidth, FLOP / matrix rate), at batch
1. The activation traffic is that of convolutions which are not fused with one another: each reads
its input and writes its output once, in the precision of the engine, and what lies between is
thought to cost nothing. A measured engine can be above it only by fusing convolutions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.canvas import CHANNELS, canvas_shape

BYTES = {"fp32": 4, "fp16": 2, "int8": 1}
_PROBE = (192, 256)
_ROUNDS = 5


@dataclass(frozen=True)
class Work:
    """Of one frame.

    flop: multiplications and additions of the convolutions; activations: values they read and
    write; picture_bytes: what crosses the bus each way.
    """

    flop: float
    activations: float
    picture_bytes: int


@dataclass(frozen=True)
class Rates:
    """What the GPU was measured to do."""

    to_gpu: float
    """Bytes a second over the bus."""
    from_gpu: float
    """Bytes a second over the bus."""
    memory: float
    """Bytes a second in its memory."""
    matrix: dict[str, float]
    """FLOP a second by precision."""


def work_of(model: Path, size: tuple[int, int]) -> Work:
    """Return what the network in ``model`` does for a frame of (height, width).

    It is counted at a small size and scaled by area.
    """
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    graph = onnx.load(str(model))
    weights = {t.name: tuple(t.dims) for t in graph.graph.initializer}
    makers = {name: node for node in graph.graph.node for name in node.output}
    convs = [node for node in graph.graph.node if node.op_type == "Conv"]
    ends = list(dict.fromkeys(name for node in convs for name in (node.input[0], node.output[0])))
    graph.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends
    )
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    styles = session.get_inputs()[1].shape[1]
    feed = {
        "frame": np.zeros((1, *_PROBE, 3), np.uint8),
        "style": np.eye(1, styles, 1, dtype=np.float32),
    }
    facts = {prop.key: prop.value for prop in graph.metadata_props}
    if "row_length" in facts:
        feed["row"] = np.zeros((1, int(facts["row_length"])), np.float32)
    if "canvas" in facts:
        cells = canvas_shape(_PROBE, int(facts["cell_px"]))
        feed["canvas"] = np.zeros((1, CHANNELS, *cells), np.float32)
    shapes = dict(zip(ends, (value.shape for value in session.run(ends, feed)), strict=True))
    flop = activations = 0.0
    for node in convs:
        name = node.input[1]
        _, inputs, *kernel = (
            weights.get(name) or weights[makers[name].input[0]]
        )  # of bytes, behind their scale
        flop += 2 * inputs * float(np.prod(kernel)) * float(np.prod(shapes[node.output[0]]))
        activations += float(np.prod(shapes[node.input[0]])) + float(
            np.prod(shapes[node.output[0]])
        )
    area = size[0] * size[1] / (_PROBE[0] * _PROBE[1])
    return Work(flop * area, activations * area, size[0] * size[1] * 3)


def limit_ms(work: Work, rates: Rates, precision: str) -> tuple[float, str]:
    """Return the least milliseconds a frame, and which of the four it is."""
    parts = {
        "copy in": work.picture_bytes / rates.to_gpu,
        "copy out": work.picture_bytes / rates.from_gpu,
        "memory": work.activations * BYTES[precision] / rates.memory,
        "arithmetic": work.flop / rates.matrix[precision],
    }
    name = max(parts, key=parts.__getitem__)
    return parts[name] * 1000, name


def measure_rates(device: str = "cuda", side: int = 8192) -> Rates:
    """Measure a device with PyTorch.

    Products of square matrices of ``side``, a copy of 4 * side^2 bytes each way, and within the
    memory one of four times as many.
    """
    import torch

    on_gpu = device.startswith("cuda")
    wait = torch.cuda.synchronize if on_gpu else lambda: None
    size_bytes = 4 * side**2
    host = torch.empty(size_bytes, dtype=torch.uint8, pin_memory=on_gpu)
    there = torch.empty_like(host, device=device)
    one, other = (torch.empty(4 * size_bytes, dtype=torch.uint8, device=device) for _ in range(2))
    int_mm = torch._int_mm  # noqa: SLF001 (the only product of bytes that PyTorch has)
    matrix = {}
    torch.backends.cuda.matmul.allow_tf32 = False
    for precision, dtype in (("fp32", torch.float32), ("fp16", torch.float16)):
        a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        matrix[precision] = 2 * side**3 / _best_s(lambda a=a, b=b: torch.mm(a, b), wait)
    a, b = (torch.randint(-9, 9, (side, side), device=device).to(torch.int8) for _ in range(2))
    matrix["int8"] = 2 * side**3 / _best_s(lambda: int_mm(a, b.t()), wait)
    return Rates(
        to_gpu=size_bytes / _best_s(lambda: there.copy_(host, non_blocking=True), wait),
        from_gpu=size_bytes / _best_s(lambda: host.copy_(there, non_blocking=True), wait),
        memory=8 * size_bytes / _best_s(lambda: one.copy_(other), wait),  # read and written
        matrix=matrix,
    )


def _best_s(call: Callable[[], object], wait: Callable[[], None]) -> float:
    times_s = []
    for _ in range(_ROUNDS + 1):
        wait()
        started_s = time.perf_counter()
        call()
        wait()
        times_s.append(time.perf_counter() - started_s)
    return min(times_s[1:])
