"""Timing several things so that what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

_BURST_S = 0.25
_BURST_CALLS = 10


def time_in_rounds(
    calls: Mapping[Key, Callable[[], object]],
    rounds: int,
    each_round: Callable[[int], None] = lambda _: None,
) -> dict[Key, list[float]]:
    """Return the milliseconds of every timed call, by name.

    In each round every one has its turn: one call that does not count, because the caches are
    another's and another's threads may still spin, then at least one that does, until 0.25 s or 10
    calls are over.
    """
    times_ms: dict[Key, list[float]] = {name: [] for name in calls}
    for index in range(rounds):
        each_round(index)
        for name, call in calls.items():
            call()
            burst = _burst(call)
            times_ms[name] += burst
    return times_ms


def _burst(call: Callable[[], object]) -> list[float]:
    times_ms: list[float] = []
    while not times_ms or (sum(times_ms) < _BURST_S * 1000 and len(times_ms) < _BURST_CALLS):
        started_s = time.perf_counter()
        call()
        times_ms.append((time.perf_counter() - started_s) * 1000)
    return times_ms
