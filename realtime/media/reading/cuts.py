"""Notices where one scene ends and another begins: nothing of the old one must be carried over.

PySceneDetect does this better, but it needs OpenCV, and with it libGL, which painting files does
without.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from realtime.picture.gpu.decoding import is_on_gpu, thumbnail

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_THUMB = (36, 64)  # (height, width): coarse enough that camera noise averages out
_BINS = 32
_MIN_CHANGE = 12.0  # mean change of a thumbnail's luma, 8-bit levels
_SURE_CHANGE = 30.0
_MIN_SHIFT = 0.25  # share of a thumbnail's luma histogram that moved to other bins
_TIMES_USUAL = 2.0  # how much more than ever of late the picture changes
_RECENT = 6  # frames


class CutDetector:
    """Shown every picture in order, it tells which ones begin a new scene.

    Then the luma has changed much, or less but with other shares of dark and bright, and twice as
    much as in any of the frames before. Cross-fades, pans and what flickers all the time are no
    cuts. One thread.
    """

    mark: int
    """The CRC-32 of the newest picture's thumbnail."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()
        self.mark = 0
        self._last: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=_RECENT)

    def is_cut(self, picture: VideoFrame) -> bool:
        """Tell whether ``picture`` begins a new scene: never the first one."""
        thumb = thumbnail(picture, _THUMB) if is_on_gpu(picture) else self._thumbnail(picture)
        last, self._last = self._last, thumb
        self.mark = zlib.crc32(thumb.tobytes())
        if last is None:
            return False
        change = float(np.abs(thumb.astype(np.int16) - last).mean())
        usual = max(self._changes, default=0.0)
        self._changes.append(change)
        if change < max(_MIN_CHANGE, _TIMES_USUAL * usual):
            return False
        return change >= _SURE_CHANGE or _histogram_shift(last, thumb) >= _MIN_SHIFT

    def _thumbnail(self, picture: VideoFrame) -> np.ndarray:
        height, width = _THUMB
        return self._reformatter.reformat(
            picture, width=width, height=height, format="gray", interpolation="AREA"
        ).to_ndarray()


def _histogram_shift(one: np.ndarray, other: np.ndarray) -> float:
    """Return half the summed difference of the normalised luma histograms.

    0 for equal ones, 1 for ones without a common bin.
    """
    counts = [
        np.bincount(thumb.ravel() * _BINS // 256, minlength=_BINS)
        for thumb in (one.astype(int), other.astype(int))
    ]
    return float(np.abs(counts[0] - counts[1]).sum() / 2 / one.size)
