"""What a painted picture looks like in numbers that need no network.

All pictures are (H, W, 3) uint8 RGB, painted and input of one size, brought to a short side of 384
px before (``likeness.at_size_seen``), so that lengths in pixels mean the same for every clip.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from training.faces import Box

TONE_CELL_PX = 8
DETAIL_BLUR_PX = 3.0  # deviation of the Gaussian
# ITU-R BT.601's, with which the figures were measured that later ones are compared with; training's
# losses have BT.709's.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luma(picture: np.ndarray) -> np.ndarray:
    """Return 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), (H, W) fp32 in 0..255."""
    light: np.ndarray = picture.astype(np.float32) @ _LUMA
    return light


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation of all elements, -1..1; NaN where one of them is even."""
    a, b = (x.ravel().astype(np.float64) - x.mean(dtype=np.float64) for x in (one, other))
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else math.nan


def tone(painted: np.ndarray, photo: np.ndarray) -> float:
    """Return how far light and dark have stayed where they are, -1..1; 1 is the photo.

    The correlation of luma averaged over cells of 8 x 8 px (ours); ``losses.tone_loss`` is about 2
    - 2 times it.
    """
    return correlation(_cells(painted), _cells(photo))


def _cells(picture: np.ndarray) -> np.ndarray:
    rows, columns = (side // TONE_CELL_PX for side in picture.shape[:2])
    whole = luma(picture)[: rows * TONE_CELL_PX, : columns * TONE_CELL_PX]
    means: np.ndarray = whole.reshape(rows, TONE_CELL_PX, columns, TONE_CELL_PX).mean((1, 3))
    return means


def contrast(painted: np.ndarray, photo: np.ndarray) -> float:
    """Return the deviation of luma over the photo's; NaN where the photo has none."""
    of_photo = float(luma(photo).std())
    return float(luma(painted).std()) / of_photo if of_photo > 0 else math.nan


def colourfulness(picture: np.ndarray) -> float:
    """Return how colourful a picture is: 0 grey, 33 averagely, 59 quite, 109 extremely.

    Deviation + 0.3 * mean, each the length of the pair over rg = R - G and yb = (R + G) / 2 - B
    (Hasler & Suesstrunk 2003, "Measuring colourfulness in natural images", section 7).
    """
    red, green, blue = picture.astype(np.float32).transpose(2, 0, 1)
    rg, yb = red - green, (red + green) / 2 - blue
    deviation = math.hypot(float(rg.std()), float(yb.std()))
    return deviation + 0.3 * math.hypot(float(rg.mean()), float(yb.mean()))


def face_details(picture: np.ndarray, boxes: list[Box]) -> list[np.ndarray]:
    """Return the fine detail in each box: luma less its Gaussian blur of 3 px, (h, w) fp32.

    boxes: in pixels of ``picture``; what reaches beyond it is cut off.
    """
    light = luma(picture)
    fine = light - cv2.GaussianBlur(light, (0, 0), DETAIL_BLUR_PX)
    return [
        fine[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        for left, top, right, bottom in boxes
    ]
