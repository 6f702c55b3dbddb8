"""The newest painting for every page that watches, and small ones of every style while somebody
does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.thumbnails import Thumbnails


@dataclass(frozen=True)
class Newest:
    """Both (H, W, 3) uint8 RGB of one size."""

    original: np.ndarray
    painting: np.ndarray


class WebStream(CleanSink):
    """``newest``: None before the first; ``count`` numbers them.

    ``wakers`` are called after each, in the thread that paints, and must return at once.
    """

    def __init__(self, tiles: Thumbnails) -> None:
        super().__init__()
        self.tiles = tiles
        self.newest: Newest | None = None
        self.count = 0
        self.wakers: set[Callable[[], None]] = set()

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        self.newest, self.count = Newest(frame.pixels, painting), self.count + 1
        if self.wakers:
            self.tiles.look_at(frame)
        for wake in tuple(self.wakers):
            wake()

    def close(self) -> None:
        self.tiles.close()
