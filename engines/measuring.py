"""Measures which engine is the fastest on this machine, for ``--engine auto``.

By processor time: on a busy machine it stays what it is, where time from beginning to end is what
others leave. Each engine is open alone, since one that has just computed may still spin on the
cores of the next. What is likeliest to be the fastest is left only for one that is faster by a
margin, each time.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from engines.base import EngineOptions
from engines.candidates import find_candidates
from engines.errors import EngineError
from engines.folders import cache_dir
from engines.measured import BUSY, MeasuredEngine, keep_measured, make_key
from engines.model_file import ModelFile, load_model
from engines.registry import open_named

_TURNS = 2
_MARGIN = 1.15
_TURN_S, _FRAMES = 0.5, (3, 15)  # processor time of a turn, within so many frames
# How long the process in the background waits for room on the machine, and lives at all.
_PATIENCE_S, _LIFE_S = 60.0, 300.0


def measure(
    model: ModelFile, options: EngineOptions, size: tuple[int, int]
) -> list[MeasuredEngine]:
    """Time every CPU engine and precision that may be chosen for frames of (height, width).

    Returns the one to take first, the others by their time. The first is kept, with the time and
    how busy the machine was.
    """
    candidates = list(find_candidates(model, options))
    loads = [busy_share()]
    turns: dict[tuple[str, str], list[_Time]] = {candidate: [] for candidate in candidates}
    for _ in range(_TURNS):
        for name, precision in candidates:
            how = replace(options, device="cpu", precision=precision)
            # What cannot run is not a candidate; asked for by name it would say why.
            with contextlib.suppress(EngineError):
                turns[name, precision].append(_time(name, model, how, size))
    loads.append(busy_share())
    load = max((share for share in loads if share is not None), default=None)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    results = [
        MeasuredEngine(*who, *min(turns[who]), model.name, f"{size[1]}x{size[0]}", now, load)
        for who in _order({who: taken for who, taken in turns.items() if len(taken) == _TURNS})
    ]
    if results:
        keep_measured(make_key(model, options, size), results[0])
    return results


def measure_at_exit(
    model: ModelFile,
    options: EngineOptions,
    size: tuple[int, int],
    kept: MeasuredEngine | None,
    frames: Iterable[float],
) -> None:
    """When this process ends, measure in one of low priority if ``kept`` is missing or doubtful.

    No slow or crashing runtime reaches this one, and by then the machine has room. ``frames``: as
    for ``MeasuredEngine.is_doubtful``, looked at then. ``LIVEBRUSH_MEASURE=off`` forbids it.
    Nothing is measured after a signal: who stops a program wants no other to begin.
    """
    if os.environ.get("LIVEBRUSH_MEASURE") == "off":
        return
    command = [
        *(sys.executable, "-m", "engines.measuring", str(model.path.resolve())),
        *(*map(str, size), options.precision, str(options.threads or 0)),
    ]

    def begin() -> None:
        if kept is None or kept.is_doubtful(frames):
            subprocess.Popen(
                command,
                cwd=str(Path(__file__).resolve().parent.parent),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    atexit.register(begin)


def busy_share(over_s: float = 0.5) -> float | None:
    """Watch for ``over_s``; return the share of the machine's processors that was busy, 0..1.

    None where the system does not tell (Windows). macOS tells it of the last minute.
    """
    try:
        before = _idle_and_all()
        time.sleep(over_s)
        idle, total = (now - then for now, then in zip(_idle_and_all(), before, strict=True))
        return 1 - idle / total if total else 1.0
    except OSError:
        if not hasattr(os, "getloadavg"):
            return None
        return min(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def main(argv: list[str], clock: Callable[[], float] = time.monotonic) -> None:
    """Wait until the machine has room, and measure; give up when it has none for a minute."""
    path, height, width, precision, threads = argv
    faulthandler.dump_traceback_later(_LIFE_S, exit=True)
    if hasattr(os, "nice"):
        os.nice(15)
    ends_s = clock() + _PATIENCE_S
    # Two at a time would measure each other.
    with contextlib.suppress(Timeout), FileLock(cache_dir() / "measuring.lock", blocking=False):
        while (load := busy_share(1.0)) is not None and load > BUSY:
            if clock() > ends_s:
                return
        options = EngineOptions(precision=precision, threads=int(threads) or None)
        measure(load_model(Path(path)), options, (int(height), int(width)))


class _Time(NamedTuple):
    """What a frame took, in milliseconds: of the processor, and from beginning to end."""

    ms: float
    wall_ms: float


def _order(turns: dict[tuple[str, str], list[_Time]]) -> list[tuple[str, str]]:
    """Return whom to take first, then the others by their time. ``turns``: likeliest first."""
    by_time = sorted(turns, key=lambda who: min(turns[who]))
    for who in by_time:
        guess = next(iter(turns))
        if who == guess or max(turns[who]).ms * _MARGIN < min(turns[guess]).ms:
            return [who, *(other for other in by_time if other != who)]
    return []


def _time(name: str, model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> _Time:
    """Time one engine, which is open for this alone."""
    frame = np.random.default_rng(0).integers(0, 255, (1, *size, 3), np.uint8)
    style = np.eye(1, model.own_styles, 1, dtype=np.float32)
    walls_ms: list[float] = []
    fewest, most = _FRAMES
    with open_named(name, model, options, size) as engine:
        engine.infer(frame, style)  # the first also makes what the others use again
        began_s = time.process_time()
        while len(walls_ms) < fewest or (
            len(walls_ms) < most and time.process_time() - began_s < _TURN_S
        ):
            start_s = time.perf_counter()
            engine.infer(frame, style)
            walls_ms.append((time.perf_counter() - start_s) * 1000)
        spent_s = time.process_time() - began_s
    return _Time(spent_s * 1000 / len(walls_ms), median(walls_ms))


def _idle_and_all() -> tuple[int, int]:
    """Return how long the processors have been idle, and that plus all else, in ticks.

    Raises OSError where there is no /proc.
    """
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(text) for text in file.readline().split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


if __name__ == "__main__":
    main(sys.argv[1:])
