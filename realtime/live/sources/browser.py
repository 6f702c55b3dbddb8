"""The camera of a page: what ``--source browser`` means.

The page's server feeds it; there is nothing to open here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from realtime.frame import LiveFrame
from realtime.live.capture_format import CaptureFormat
from realtime.live.latest import Latest
from realtime.live.live_source import LiveSource

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

MAX_SIDE_PX = 1920
_SILENT_S = 2.0


class BrowserSource(LiveSource):
    """The pictures that a page sends; other sizes than ``size`` too, and turned while it does.

    size: the (height, width) that the engine is made ready for.
    """

    name = "browser"
    mirrored = True

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.expected_size = self._size = size
        self._slot: Latest[tuple[VideoFrame, int, float]] = Latest()
        self._count = 0
        self._fed_s = float("-inf")

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim the word ``browser``; what it is for stands in the help of --serve."""
        return text == "browser"

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return a source for the size that is wanted; the rate is the page's."""
        return cls(wanted.size)

    def open(self) -> tuple[int, int]:
        """Return the size that was asked for: there is nothing to open."""
        return self._size

    def feed(self, picture: VideoFrame, captured_s: float) -> None:
        """Take a decoded picture that arrived at ``captured_s`` (monotonic).

        Returns at once; may be called from any thread.
        """
        self._slot.put((picture, self._count, captured_s))
        self._count += 1
        self._fed_s = captured_s

    def forget(self) -> int:
        """Drop what the page that has left sent; return the number of the next picture."""
        self._slot.get(0)
        return self._count

    def read(self, timeout_s: float) -> LiveFrame | None:
        """Return the newest picture; huge ones are made smaller."""
        fed = self._slot.get(timeout_s)
        if fed is None:
            return None
        picture, index, captured_s = fed
        started_s = time.perf_counter()
        scale = min(1.0, MAX_SIDE_PX / max(picture.width, picture.height))
        pixels = picture.reformat(
            width=max(2, round(picture.width * scale)),
            height=max(2, round(picture.height * scale)),
            format="rgb24",
            dst_color_range="JPEG",
        ).to_ndarray()
        self.busy.add((time.perf_counter() - started_s) * 1000)
        return LiveFrame(pixels, index, captured_s=captured_s)

    def close(self) -> None:
        """Take no more pictures."""
        self._slot.close()

    @property
    def finished(self) -> bool:
        """True once it is closed."""
        return self._slot.finished

    @property
    def problem(self) -> str | None:
        """That no page sends anything."""
        return (
            "browser: no page sends its camera"
            if time.monotonic() - self._fed_s > _SILENT_S
            else None
        )
