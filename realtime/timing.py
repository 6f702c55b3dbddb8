"""Meters of rate and time, fed by the pipeline and read by the report and the HUD.

The clock is injectable for tests.
"""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Clock = Callable[[], float]


class RateMeter:
    """Events per second over the last ``window_s`` seconds."""

    def __init__(self, window_s: float = 2.0, clock: Clock = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._times: deque[float] = deque()

    def tick(self) -> None:
        """Count one event, now."""
        self._times.append(self._clock())
        self._forget_old()

    @property
    def per_second(self) -> float:
        """Events per second; 0 until two of them lie within the window."""
        self._forget_old()
        if len(self._times) < 2:
            return 0.0
        span_s = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / span_s if span_s > 0 else 0.0

    def _forget_old(self) -> None:
        oldest = self._clock() - self._window_s
        while self._times and self._times[0] < oldest:
            self._times.popleft()


class Samples:
    """Durations in milliseconds, the newest ``keep`` of them. One thread adds; others may read.

    Their memory is taken at the start: growing for an hour would hide what leaks.
    """

    def __init__(self, keep: int = 100_000) -> None:
        self._ring = array("d", bytes(8 * keep))
        self._count = 0

    def add(self, value_ms: float) -> None:
        """Add one duration."""
        self._ring[self._count % len(self._ring)] = value_ms
        self._count += 1

    def extend(self, other: Samples) -> None:
        """Add all durations of ``other``."""
        for value_ms in other._newest():
            self.add(value_ms)

    def __len__(self) -> int:
        return min(self._count, len(self._ring))

    def _newest(self) -> array[float]:
        """Return a copy of what is kept, the oldest first."""
        at = self._count % len(self._ring)
        return (
            self._ring[:at] if self._count < len(self._ring) else self._ring[at:] + self._ring[:at]
        )

    def percentile(self, percent: float) -> float | None:
        """Return the nearest-rank percentile in milliseconds, None without samples."""
        values = sorted(self._newest())
        if not values:
            return None
        return values[min(len(values) - 1, round(percent / 100 * (len(values) - 1)))]


class StageTimes:
    """Busy time per frame of each named stage of a pipeline."""

    def __init__(self, *names: str, clock: Clock = time.perf_counter) -> None:
        self.stages = {name: Samples() for name in names}
        self._clock = clock

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time that the block takes to stage ``name``; nothing if it raises."""
        started = self._clock()
        yield
        self.stages[name].add((self._clock() - started) * 1000)
