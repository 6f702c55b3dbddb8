"""TensorRT: what is built for the GPU that is here, both gates passed, and how fast it is."""

from __future__ import annotations

import time
from functools import partial

from bench.targets.gpu_table import latencies_ms, throughput
from bench.trial.trial import Facts, Size, Trial
from engines import EngineOptions, engine_class, find_model
from engines.plans.library import library_names, library_version
from engines.registry import prepared

_PRECISIONS = ("fp16", "int8", "fp8", "fp32")


def run(trial: Trial) -> None:
    """Report a build, its gates and its speed for each precision at two sizes."""
    names = library_names()
    trial.report("libraries", **{name: library_version(name) for name in names})
    reason = engine_class("tensorrt").unavailable()
    if reason:
        trial.report("builds", problem=reason)
        return
    for precision in _PRECISIONS[:1] if trial.is_dry else _PRECISIONS:
        for size in trial.sizes[:3:2]:
            what = f"{precision}, {size[1]}x{size[0]}"
            trial.attempt(what, partial(_build, trial, precision, size))


def _build(trial: Trial, precision: str, size: Size) -> Facts:
    started_s = time.perf_counter()
    options = EngineOptions(trial.device, precision, throughput=True)
    with prepared(engine_class("tensorrt")(find_model(None, []), options), size) as engine:
        opened_s = time.perf_counter() - started_s
        p50_ms, p95_ms = latencies_ms(engine, size, trial.measure_s)
        return {
            "opened_s": round(opened_s, 1),
            "array_fps": round(throughput(engine, size, trial.measure_s), 1),
            "p50_ms": round(p50_ms, 3),
            "p95_ms": round(p95_ms, 3),
            "note": engine.note,
        }
