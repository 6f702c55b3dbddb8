"""Pictures that are made when they are due, at a fixed rate.

That is what the test picture and the slide show have in common.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod

import numpy as np

from realtime.frame import LiveFrame
from realtime.live.live_source import LiveSource
from realtime.timing import Clock


class Paced(LiveSource):
    """A source whose frame n is due n / ``fps`` seconds after the first ``read``.

    ``clock``: seconds, monotonic. A reader that comes late gets what is due now; the gap in
    ``index`` tells what it missed. ``frames``: end after that many, None for never.
    """

    def __init__(self, fps: float, frames: int | None, clock: Clock) -> None:
        super().__init__()
        self._fps, self._frames, self._clock = fps, frames, clock
        self._start_s: float | None = None
        self._next = 0
        self._stop = threading.Event()

    @abstractmethod
    def picture(self, index: int) -> np.ndarray:
        """Return frame ``index``: (H, W, 3) uint8 RGB, which nobody changes afterwards."""

    def read(self, timeout_s: float) -> LiveFrame | None:
        """Make the frame that is due, or return None if none is within ``timeout_s``."""
        if self.finished:
            return None
        if self._start_s is None:
            self._start_s = self._clock()
        deadline_s = time.monotonic() + timeout_s
        due_s = self._start_s + self._next / self._fps
        while (wait_s := due_s - self._clock()) > 0:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self._stop.wait(min(wait_s, left_s, 0.05)):
                return None
        newest = int((self._clock() - self._start_s) * self._fps + 1e-9)
        index = max(self._next, newest if self._frames is None else min(newest, self._frames - 1))
        self._next = index + 1
        started_s = time.perf_counter()
        pixels = self.picture(index)
        self.busy.add((time.perf_counter() - started_s) * 1000)
        return LiveFrame(pixels, index, captured_s=self._start_s + index / self._fps)

    def close(self) -> None:
        """Make no more frames."""
        self._stop.set()

    @property
    def finished(self) -> bool:
        """True after the last frame, and once it is closed."""
        return self._stop.is_set() or (self._frames is not None and self._next >= self._frames)
