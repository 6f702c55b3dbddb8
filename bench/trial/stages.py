"""What each stage of a frame takes on the GPU, and which kernels take most."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bench.trial.trial import Facts, Size, Trial
from engines import EngineOptions, engine_class, find_model
from engines.registry import prepared

_MOST_KERNELS = 25
_LEAST_ROUNDS = 3


def run(trial: Trial) -> None:
    """Report the stages around the network at two sizes, then the network's kernels."""
    for size in trial.sizes[-2:]:
        for name, stage in _stages(trial.device, size).items():
            what = f"{name}, {size[1]}x{size[0]}"
            trial.attempt(what, partial(_time, trial, stage))
    trial.attempt("kernels", lambda: _kernels(trial))


def _stages(device: str, size: Size) -> dict[str, Callable[[], Any]]:
    import torch

    from realtime.picture.color import ColorCoding
    from realtime.picture.gpu.noise import GpuNoiseReduction
    from realtime.picture.gpu.nv12 import from_rgb, to_rgb
    from realtime.picture.gpu.scaler import GpuScaler

    half = (size[0] // 2, size[1] // 2)
    frame, low = (
        torch.randint(0, 256, (*shape, 3), dtype=torch.uint8, device=device)
        for shape in (size, half)
    )
    luma, chroma = frame[..., 0].contiguous(), low[..., :2].contiguous()
    scaler, noise, coding = GpuScaler(), GpuNoiseReduction(), ColorCoding(1, full_range=False)
    return {
        "NV12 to RGB": lambda: to_rgb(luma, chroma, coding),
        "RGB to NV12": lambda: from_rgb(frame, coding),
        "resize": lambda: scaler.resize(frame, half),
        "noise": lambda: noise.reduce(frame),
        "guided upsampling": lambda: scaler.guided_upsample(low, frame, low),
        "keep colour": lambda: scaler.with_colors_of(frame, frame),
    }


def _time(trial: Trial, stage: Callable[[], Any]) -> Facts:
    """Return the least and the middle of the milliseconds that ``stage`` takes."""
    stage()
    times_ms: list[float] = []
    while sum(times_ms) < 200 * trial.measure_s or len(times_ms) < _LEAST_ROUNDS:
        trial.wait()
        started_s = time.perf_counter()
        stage()
        trial.wait()
        times_ms.append(1000 * (time.perf_counter() - started_s))
    return {"best_ms": round(min(times_ms), 4), "p50_ms": round(float(np.median(times_ms)), 4)}


def _kernels(trial: Trial) -> Facts:
    """Return the kernels of one frame without a graph, those that take longest first."""
    from torch.profiler import ProfilerActivity, profile

    size = trial.sizes[-2]
    engine = engine_class("torch")(find_model(None, []), EngineOptions(trial.device))
    engine.eager()
    frame = np.zeros((1, *size, 3), np.uint8)
    style = np.eye(1, engine.model.own_styles, 1, dtype=np.float32)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if trial.is_on_gpu else [])]
    with prepared(engine, size):
        engine.infer(frame, style)
        with profile(activities=activities) as seen:
            engine.infer(frame, style)
    spent = "self_device_time_total" if trial.is_on_gpu else "self_cpu_time_total"
    events = sorted(seen.key_averages(), key=lambda event: -getattr(event, spent))
    return {
        "size": f"{size[1]}x{size[0]}",
        "kernels": [
            [event.key[:80], event.count, round(getattr(event, spent) / 1000, 4)]
            for event in events[:_MOST_KERNELS]
        ],
        "unit": "name, calls, ms in all",
    }
