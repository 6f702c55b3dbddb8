"""What a live run counts: frames due, shown and dropped by cause, latency and rates.

Fed by three threads, read by any.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

from realtime.timing import Clock, RateMeter, Samples

CAUSES = ("capture", "inference", "display")


class LiveFigures:
    """What became of every frame: it is shown or dropped.

    It is dropped before the stage that was still busy with an older one. Counting begins when the
    first frame is shown. ``capture`` counts what the source itself left out. Frames that are on
    their way when the run ends are not counted; there are at most four of them.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._drops: Counter[str] = Counter()
        self._first_s: float | None = None
        self._end_s: float | None = None
        self.frames_out = 0
        self.latency = Samples()
        self.longest_gap_ms = 0.0
        """Between two shown frames, or the last one and the end."""
        self._shown_s: float | None = None
        self.recent_latency = Samples(keep=90)
        self.shown_rate = RateMeter(clock=clock)
        self.captured_rate = RateMeter(clock=clock)
        self.painted_rate = RateMeter(clock=clock)

    def drop(self, cause: str, count: int = 1) -> None:
        """Count frames that are left out; ``cause``: one of ``CAUSES``."""
        with self._lock:
            self._drops[cause] += count

    def show(self, captured_s: float) -> None:
        """Count a frame, captured at ``captured_s``, that has just become visible."""
        now_s = self._clock()
        with self._lock:
            if self._first_s is None:
                self._first_s = now_s
                self._drops.clear()
            self.frames_out += 1
        self._count_gap(now_s)
        self._shown_s = now_s
        self.shown_rate.tick()
        self.latency.add((now_s - captured_s) * 1000)
        self.recent_latency.add((now_s - captured_s) * 1000)

    def _count_gap(self, now_s: float) -> None:
        if self._shown_s is not None:
            self.longest_gap_ms = max(self.longest_gap_ms, (now_s - self._shown_s) * 1000)

    def end(self) -> None:
        """Stop the time that ``fps`` is taken over, and count the gap that is still open.

        Only the first call counts.
        """
        if self._end_s is None:
            self._end_s = self._clock()
            self._count_gap(self._end_s)

    @property
    def first_shown_s(self) -> float | None:
        """When the first frame became visible, on the clock; None before."""
        return self._first_s

    @property
    def drops(self) -> dict[str, int]:
        """Frames left out, by cause."""
        with self._lock:
            return {cause: self._drops[cause] for cause in CAUSES}

    @property
    def dropped(self) -> int:
        """Frames left out, whatever the cause."""
        return sum(self.drops.values())

    @property
    def frames_in(self) -> int:
        """Frames that were due."""
        return self.frames_out + self.dropped

    @property
    def fps(self) -> float:
        """Frames shown per second, from the first to the end of the run, pauses included."""
        if self._first_s is None or self.frames_out < 2:
            return 0.0
        return (self.frames_out - 1) / max((self._end_s or self._clock()) - self._first_s, 1e-9)
