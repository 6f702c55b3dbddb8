"""Where a frame has faces, even areas, and the rest."""

from __future__ import annotations

import cv2
import numpy as np

from training.evaluate.looks import luma
from training.faces import Box

FACE, EVEN, REST = "face", "even", "rest"
REGIONS = (FACE, EVEN, REST)
EVEN_CELL_PX, EVEN_BLUR_PX = 32, 5
EVEN_SPAN, EVEN_DEVIATION = 12.0, 4.0  # levels of 255


def even_areas(photo: np.ndarray) -> np.ndarray:
    """Return where nothing is to be seen but the light, (H, W) bool.

    Those are the whole cells of 32 x 32 px in which luma, averaged over 5 x 5 px, spans less than
    12 levels and deviates by less than 4 (ours; a little stricter than ``losses.even_areas``, which
    training takes). photo: (H, W, 3) uint8 RGB with a short side of 384 px.
    """
    light = cv2.blur(luma(photo), (EVEN_BLUR_PX, EVEN_BLUR_PX), borderType=cv2.BORDER_REPLICATE)
    rows, columns = (side // EVEN_CELL_PX for side in light.shape)
    cells = light[: rows * EVEN_CELL_PX, : columns * EVEN_CELL_PX]
    cells = cells.reshape(rows, EVEN_CELL_PX, columns, EVEN_CELL_PX)
    span, deviation = np.ptp(cells, axis=(1, 3)), cells.std((1, 3))
    even = np.zeros(light.shape, bool)
    whole = (span < EVEN_SPAN) & (deviation < EVEN_DEVIATION)
    even[: rows * EVEN_CELL_PX, : columns * EVEN_CELL_PX] = whole.repeat(
        EVEN_CELL_PX, axis=0
    ).repeat(EVEN_CELL_PX, axis=1)
    return even


def find_regions(photo: np.ndarray, faces: list[Box]) -> dict[str, np.ndarray]:
    """Return the masks of faces, even areas outside of them, and the rest, (H, W) bool each.

    They cover the picture once. photo: as for ``even_areas``. faces: boxes in its pixels.
    """
    face = np.zeros(photo.shape[:2], bool)
    for left, top, right, bottom in faces:
        face[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    even = even_areas(photo) & ~face
    return {FACE: face, EVEN: even, REST: ~(face | even)}
