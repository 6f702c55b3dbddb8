"""Notices a stage of a live run that hangs in a driver or a runtime.

Knows steps and seconds, not what they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from realtime.timing import Clock, Samples

PATIENCE_S = 3.0
_OF_THE_USUAL = 20
_LONGEST_PASS_S = 0.5


class HangWatch:
    """Watches one stage: its thread calls ``step``, and one other thread asks ``hangs``.

    A step hangs that lasts for more than ``patience_s`` and more than 20 times what ``usual``
    steps last, in milliseconds.
    """

    def __init__(
        self, clock: Clock, usual: Samples | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        self._clock, self._usual, self._patience_s = clock, usual, patience_s
        self._step: object | None = None
        self._seen: object | None = None
        self._asked_s, self._age_s, self._limit_s = clock(), 0.0, patience_s
        self.is_hanging = False
        """What ``hangs`` last returned."""

    @contextmanager
    def step(self) -> Iterator[None]:
        """Watch what is done in the block."""
        self._step = object()
        try:
            yield
        finally:
            self._step = None

    def hangs(self) -> bool:
        """Return whether the step that is under way hangs. Ask at least twice a second."""
        self.is_hanging = self._follow()
        return self.is_hanging

    def _follow(self) -> bool:
        now_s = self._clock()
        # A machine that slept, or this process by SIGSTOP, has not hung.
        passed_s, self._asked_s = min(now_s - self._asked_s, _LONGEST_PASS_S), now_s
        if self._step is None or self._step is not self._seen:
            self._seen, self._age_s, self._limit_s = self._step, 0.0, self._patience_s
            return False
        before_s, self._age_s = self._age_s, self._age_s + passed_s
        if before_s <= self._patience_s < self._age_s and self._usual is not None:
            usual_ms = self._usual.percentile(95) or 0.0
            self._limit_s = max(self._patience_s, _OF_THE_USUAL * usual_ms / 1000)
        return self._age_s > self._limit_s
