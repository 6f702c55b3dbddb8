"""How fast frames are: eagerly, recorded, fused; from array to array, and staying on the GPU."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from bench.targets.gpu_table import latencies_ms, throughput
from bench.trial.trial import Facts, Size, Trial
from engines import Engine, EngineOptions, engine_class, find_model
from engines.registry import prepared

_WAYS = ("eager", "graph", "fused")


def run(trial: Trial) -> None:
    """Report every way at every size; fusing needs a GPU."""
    for size in trial.sizes:
        trial.attempt(f"host copy, {size[1]}x{size[0]}", partial(_host_copy, size))
        for way in _WAYS if trial.is_on_gpu else _WAYS[:1]:
            what = f"{way}, {size[1]}x{size[0]}"
            trial.attempt(what, partial(_speed, trial, way, size))


def _speed(trial: Trial, way: str, size: Size) -> Facts:
    started_s = time.perf_counter()
    with _open(trial.device, way, size) as engine:
        opened_s = time.perf_counter() - started_s
        p50_ms, p95_ms = latencies_ms(engine, size, trial.measure_s)
        facts: Facts = {
            "precision": engine.precision,
            "opened_s": round(opened_s, 2),
            "array_fps": round(throughput(engine, size, trial.measure_s), 1),
            "p50_ms": round(p50_ms, 3),
            "p95_ms": round(p95_ms, 3),
            "note": engine.note,
        }
        if engine.takes_tensors:
            import torch

            frame = torch.zeros(1, *size, 3, dtype=torch.uint8, device=engine.device)
            fps = throughput(engine, size, trial.measure_s, frame)
            facts["tensor_fps"] = round(fps, 1)
            facts["memory_mib"] = torch.cuda.memory_allocated() // 2**20
        return facts


def _open(device: str, way: str, size: Size) -> Engine:
    engine = engine_class("torch")(find_model(None, []), EngineOptions(device, throughput=True))
    if way == "eager":
        engine.eager()
    if way == "fused":
        engine.fuse()
    return prepared(engine, size)


def _host_copy(size: Size) -> Facts:
    """Return what the two copies of a frame within the host's memory take."""
    frame = np.zeros((1, *size, 3), np.uint8)
    target, times_s = np.empty_like(frame), []
    for _ in range(20):
        started_s = time.perf_counter()
        np.copyto(target, frame)
        target.copy()
        times_s.append(time.perf_counter() - started_s)
    return {"ms": round(1000 * min(times_s), 3)}
