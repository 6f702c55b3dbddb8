"""The pictures of the page, as JPEG inside of it.

They are single frames, and strips that make flicker visible in print.
"""

from __future__ import annotations

import base64
from itertools import pairwise

import cv2
import numpy as np

from training.evaluate.clips import MeasuringClip

STRIP_FRAMES = 4
DIFFERENCE_GAIN = 8
_CELL_PX = 240
_GAP_PX = 4
_FRAME_WIDTH_PX = 560
_QUALITY = 82


def frame_picture(frame: np.ndarray) -> str:
    """Return (H, W, 3) uint8 RGB as a data URI, at most 560 px wide."""
    height = round(frame.shape[0] * _FRAME_WIDTH_PX / frame.shape[1])
    small = (
        cv2.resize(frame, (_FRAME_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
        if frame.shape[1] > _FRAME_WIDTH_PX
        else frame
    )
    return _data_uri(small)


def clip_picture(frames: list[np.ndarray]) -> str:
    """Return the middle frame as a data URI."""
    return frame_picture(frames[len(frames) // 2])


def strip(frames: list[np.ndarray], clip: MeasuringClip) -> str:
    """Return four consecutive frames around the first face of ``clip``, or its middle.

    They are shown pixel for pixel; below each stands eight times its difference from the frame
    before.
    """
    first = len(frames) // 2
    rows, columns = strip_window(clip)
    cut = [frame[rows, columns] for frame in frames[first - 1 : first + STRIP_FRAMES]]
    differences = [
        cv2.convertScaleAbs(cv2.absdiff(now, before), alpha=DIFFERENCE_GAIN)
        for before, now in pairwise(cut)
    ]
    frames_row, differences_row = _row(cut[1:]), _row(differences)
    gap = np.full((_GAP_PX, frames_row.shape[1], 3), 128, np.uint8)
    return _data_uri(np.vstack([frames_row, gap, differences_row]))


def strip_window(clip: MeasuringClip) -> tuple[slice, slice]:
    """Return rows and columns around the first face of ``clip``, or its middle."""
    height, width = clip.size
    x, y = width / 2, height / 2
    if clip.faces:
        left, top, right, bottom = next(iter(clip.faces.values()))[0]
        x, y = (left + right) / 2, (top + bottom) / 2
    side = min(_CELL_PX, height, width)
    top, left = (
        int(np.clip(at - side / 2, 0, length - side)) for at, length in ((y, height), (x, width))
    )
    return slice(top, top + side), slice(left, left + side)


def _row(cells: list[np.ndarray]) -> np.ndarray:
    gap = np.full((cells[0].shape[0], _GAP_PX, 3), 128, np.uint8)
    return np.hstack([part for cell in cells for part in (gap, cell)][1:])


def _data_uri(picture: np.ndarray) -> str:
    _, coded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return "data:image/jpeg;base64," + base64.b64encode(coded).decode()
