"""Painting goes on while sizes are opened and styles change; memory stays where it was."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np

from bench.trial.trial import Facts, Size, Trial
from engines import Engine, EngineOptions, find_model, open_engine

_OPENED, _DRY_OPENED = 40, 4
_LEAST_FRAMES = 10


def run(trial: Trial) -> None:
    """Report stalls, the memory of sizes, and what a new style costs."""
    size = trial.sizes[0]
    trial.attempt("sizes opened beside painting", partial(_open_sizes, trial, size))
    trial.attempt("a new style", partial(_switch, trial, size))


def _open_sizes(trial: Trial, size: Size) -> Facts:
    """Paint in one thread while another opens size after size; each gives a picture."""
    count = _DRY_OPENED if trial.is_dry else _OPENED
    model, options = find_model(None, []), EngineOptions(trial.device)
    done, gaps_ms, problems, opened = threading.Event(), list[float](), list[str](), 0
    with open_engine("torch", model, options, size) as painting:
        frame, style = _inputs(painting, size)

        def paint() -> None:
            while not done.is_set() or len(gaps_ms) < _LEAST_FRAMES:
                started_s = time.perf_counter()
                try:
                    painting.infer(frame, style)
                except Exception as error:  # noqa: BLE001 (a finding)
                    problems.append(str(error)[:300])
                    return
                gaps_ms.append(1000 * (time.perf_counter() - started_s))

        painter = threading.Thread(target=paint)
        painter.start()
        before_mib = _memory_mib(trial)
        with open_engine("torch", model, options, size) as other:
            for number in range(count):
                more = (size[0] + 8 * number, size[1])
                other.infer(*_inputs(other, more))
                opened += 1
        done.set()
        painter.join()
        after_mib = _memory_mib(trial)
    return {
        "opened": opened,
        "frames": len(gaps_ms),
        "p50_ms": round(float(np.median(gaps_ms)), 2),
        "longest_ms": round(max(gaps_ms), 2),
        "memory_mib": [before_mib, after_mib],
        "problems": problems,
    }


def _switch(trial: Trial, size: Size) -> Facts:
    """Return what the first frame of each other style takes beside the frames before it."""
    with open_engine("torch", find_model(None, []), EngineOptions(trial.device), size) as engine:
        frame, _ = _inputs(engine, size)
        same_ms, first_ms = list[float](), list[float]()
        for number in range(1, min(engine.model.own_styles, 8)):
            style = np.eye(1, engine.model.own_styles, number, np.float32)
            for times_ms in (first_ms, same_ms, same_ms):
                started_s = time.perf_counter()
                engine.infer(frame, style)
                times_ms.append(1000 * (time.perf_counter() - started_s))
    return {
        "first_ms": round(float(np.median(first_ms[1:])), 3),
        "later_ms": round(float(np.median(same_ms)), 3),
    }


def _inputs(engine: Engine, size: Size) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.full((1, *size, 3), 90, np.uint8),
        np.eye(1, engine.model.own_styles, 1, dtype=np.float32),
    )


def _memory_mib(trial: Trial) -> int | None:
    if not trial.is_on_gpu:
        return None
    import torch

    return int(torch.cuda.memory_reserved() // 2**20)
