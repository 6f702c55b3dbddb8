"""The newest painting for every page that watches, and thumbnails of all styles meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.thumbnails import Thumbnails


@dataclass(frozen=True)
class Newest:
    """A painting and its original, both (H, W, 3) uint8 RGB of one size."""

    original: np.ndarray
    painting: np.ndarray
    number: int
    """Counts the paintings, from 1."""


class WebStream(CleanSink):
    """What the pages watch."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.thumbnails = thumbnails
        self.newest: Newest | None = None
        """None before the first painting, and when who sent it has left."""
        self._number = self._first = 0
        self._changing = threading.Lock()
        self.wakers: set[Callable[[], None]] = set()
        """Called after each painting, in the thread that paints: they must return at once."""

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Make ``painting`` the newest one."""
        with self._changing:
            if frame.index < self._first:
                return  # who sent it has left while it was painted, or it is held
            self._number += 1
            self.newest = Newest(frame.pixels, painting, self._number)
        if self.wakers:
            self.thumbnails.look_at(frame)
        for wake in tuple(self.wakers):
            wake()

    def forget(self, before: int) -> None:
        """Show nothing that comes of frames numbered below ``before``, now and later."""
        with self._changing:
            self._first, self.newest = before, None
        self.thumbnails.forget(before)

    def close(self) -> None:
        """Paint no more thumbnails."""
        self.thumbnails.close()
