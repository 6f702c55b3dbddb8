"""Engine only: milliseconds a frame of every engine and precision that runs here.

Of our network, of the classic one and of the peer.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bench.rows.figures import CLASSIC, ENGINE_ONLY, OURS, PEER, Row
from bench.rows.peer import network_call
from bench.rows.rounds import time_in_rounds
from engines import (
    Engine,
    EngineOptions,
    ModelFile,
    engine_class,
    engine_names,
    load_model,
    open_engine,
)
from engines.errors import EngineUnavailable
from realtime.picture.sizes import size_text

SIZES = ((480, 640), (720, 1280))
Call = Callable[[], object]


def measure_engines(model: ModelFile, rounds: int, say: Callable[[str], None]) -> list[Row]:
    """Measure all rows, without ratios.

    rounds: turns that each has at each size.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        classic = write_classic(Path(folder))
        for size in SIZES:
            with ExitStack() as stack:
                calls = dict(_calls(model, classic, size, stack))
                text = size_text(size)
                times = time_in_rounds(
                    calls,
                    rounds,
                    lambda i, text=text: say(f"engine only, {text}: round {i + 1} of {rounds}"),
                )
            for key, times_ms in times.items():
                what, engine, precision = key.split("|")
                rows.append(
                    Row(
                        ENGINE_ONLY,
                        what,
                        text,
                        engine,
                        precision,
                        float(np.median(times_ms)),
                        facts={"calls": len(times_ms)},
                    )
                )
    return rows


def write_classic(folder: Path) -> ModelFile:
    """Write the classic network with random weights as a model file.

    How long it takes does not depend on what it has learned.
    """
    from engines.networks import build_network
    from export.to_onnx import export_onnx

    path = folder / f"{CLASSIC}.onnx"
    styles = json.dumps([{"name": "original"}, {"name": "random"}])
    export_onnx(
        build_network(CLASSIC, 1).eval(),
        {"family": CLASSIC, "config": "{}", "styles": styles},
        path,
    )
    return load_model(path)


def _calls(
    model: ModelFile, classic: ModelFile, size: tuple[int, int], stack: ExitStack
) -> Iterator[tuple[str, Call]]:
    """Name "what|engine|precision" and the call of each; the engines close with ``stack``."""
    for name in engine_names():
        cls = engine_class(name)
        if name == "passthrough" or cls.unavailable():
            continue
        for precision in cls.precisions(model):
            engine = _opened(name, model, EngineOptions("cpu", precision), size, stack)
            if engine:
                yield f"{OURS}|{name}|{precision}", _inference(engine, size)
    for name in ("openvino", "onnxruntime"):
        yield (
            f"{CLASSIC}|{name}|fp32",
            _inference(
                stack.enter_context(open_engine(name, classic, EngineOptions("cpu", "fp32"), size)),
                size,
            ),
        )
    yield f"{PEER}|onnxruntime|fp32", network_call(size)


def _opened(
    name: str, model: ModelFile, options: EngineOptions, size: tuple[int, int], stack: ExitStack
) -> Engine | None:
    """Return None for what this machine cannot run, such as fp16 on a CPU.

    The table shows what runs here.
    """
    try:
        return stack.enter_context(open_engine(name, model, options, size))
    except EngineUnavailable:
        return None


def _inference(engine: Engine, size: tuple[int, int]) -> Call:
    frame = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    style = np.eye(1, engine.model.own_styles, 1, dtype=np.float32)
    return lambda: engine.infer(frame, style)
