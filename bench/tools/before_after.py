"""One picture that shows what Livebrush does.

A frame of the input stands beside the same frame of the painted video.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.picture_file import encode_picture

_LOOKED_AT_FRAMES = 300
_STEP_FRAMES = 10
_GAP_PX = 8


def write_before_after(before: Path, after: Path, target: Path) -> None:
    """Write the sharpest of the first frames of ``before`` and its painting to ``target`` (.png).

    The same frame of ``after`` stands beside it.
    """
    index, original = _sharpest_frame(before)
    painting = _frame(after, index)
    height, width = np.minimum(
        original.shape[:2], painting.shape[:2]
    )  # a painted video repeats the last row of an odd size
    gap = np.full((height, _GAP_PX, 3), 255, np.uint8)
    pair = np.concatenate([original[:height, :width], gap, painting[:height, :width]], axis=1)
    target.write_bytes(encode_picture(pair, target.suffix))


def _sharpest_frame(path: Path) -> tuple[int, np.ndarray]:
    """Return number and pixels, (H, W, 3) uint8, of the frame with the steepest slopes.

    It is neither black nor blurred by motion.
    """
    with VideoFile(path) as clip:
        frames = islice(clip.frames(), 0, _LOOKED_AT_FRAMES, _STEP_FRAMES)
        best = max(frames, key=lambda frame: _sharpness(frame.pixels))
    return best.index, best.pixels


def _frame(path: Path, index: int) -> np.ndarray:
    with VideoFile(path) as clip:
        return next(islice(clip.frames(), index, None)).pixels


def _sharpness(pixels: np.ndarray) -> float:
    green = pixels[..., 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())
