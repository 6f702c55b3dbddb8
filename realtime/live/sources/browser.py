"""The camera of a page: what ``--source browser`` means.

The page's server feeds it; there is nothing to open here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from realtime.frame import LiveFrame
from realtime.live.sources.latest import Latest
from realtime.live.sources.live_source import LiveSource

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

MAX_SIDE_PX = 1920
_SILENT_S = 2.0


class BrowserSource(LiveSource):
    """size: the (height, width) that the engine is made ready for; pages may send others, and turn
    while they do.
    """

    name = "browser"
    mirrored = True

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.expected_size = size
        self._slot: Latest[tuple[VideoFrame, int, float]] = Latest()
        self._count = 0
        self._fed_s = float("-inf")

    def open(self) -> tuple[int, int]:
        return self.expected_size

    def feed(self, picture: VideoFrame, captured_s: float) -> None:
        """Take a decoded picture that arrived at ``captured_s`` (monotonic).

        Returns at once; may be called from any thread.
        """
        self._slot.put((picture, self._count, captured_s))
        self._count += 1
        self._fed_s = captured_s

    def read(self, timeout_s: float) -> LiveFrame | None:
        fed = self._slot.get(timeout_s)
        if fed is None:
            return None
        picture, index, captured_s = fed
        started_s = time.perf_counter()
        scale = min(
            1.0, MAX_SIDE_PX / max(picture.width, picture.height)
        )  # huge ones are made smaller
        size = {
            "width": max(2, round(picture.width * scale)),
            "height": max(2, round(picture.height * scale)),
        }
        pixels = picture.reformat(format="rgb24", dst_color_range="JPEG", **size).to_ndarray()
        self.busy.add((time.perf_counter() - started_s) * 1000)
        return LiveFrame(pixels, index, captured_s=captured_s)

    def close(self) -> None:
        self._slot.close()

    @property
    def finished(self) -> bool:
        return self._slot.finished

    @property
    def problem(self) -> str | None:
        return (
            "browser: no page sends its camera"
            if time.monotonic() - self._fed_s > _SILENT_S
            else None
        )
