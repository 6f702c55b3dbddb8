"""Whether a face is still a face.

dlib's detector works on histograms of oriented gradients (Dalal & Triggs 2005).
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.errors import EngineUnavailable
from engines.install import install_line
from training.data import resize_short_side

_SHORT_SIDE_PX = 480
_LEAST_SCORE = -1.5
_ENLARGED = (
    1  # doubled once, as dlib's examples do: its smallest face has 80 px, a webcam's may have 40
)

Box = tuple[int, int, int, int]  # left, top, right, bottom


class FaceFinder:
    """Raises EngineUnavailable, with what to install, if the detector is missing."""

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise EngineUnavailable(
                f"faces are found by dlib, which is not installed ({error}). Type: "
                f"{install_line('train')}"
            ) from error
        self._detector = dlib.get_frontal_face_detector()

    def find(self, picture: np.ndarray) -> list[Box]:
        """Return boxes of the faces in an (H, W, 3) uint8 RGB picture, in its pixels."""
        return [box for box, _ in self._find(picture, 0)]

    def score(self, picture: np.ndarray, face: Box) -> float:
        """Return by how much what is seen of ``face`` passes the threshold, or misses it.

        ``_LEAST_SCORE`` at least. Sharp faces from the front come to 1.
        """
        return max(
            (score for box, score in self._find(picture, _LEAST_SCORE) if same_face(box, face)),
            default=_LEAST_SCORE,
        )

    def _find(self, picture: np.ndarray, least_score: float) -> list[tuple[Box, float]]:
        luma = cv2.cvtColor(resize_short_side(picture, _SHORT_SIDE_PX), cv2.COLOR_RGB2GRAY)
        scale = min(picture.shape[:2]) / _SHORT_SIDE_PX
        boxes, scores, _ = self._detector.run(luma, _ENLARGED, least_score)
        sides = [(b.left(), b.top(), b.right(), b.bottom()) for b in boxes]
        return [
            (tuple(round(side * scale) for side in box), score)
            for box, score in zip(sides, scores, strict=True)
        ]


def same_face(one: Box, other: Box) -> bool:
    """Return whether the middle of each box lies in the other."""
    return _middle_inside(one, other) and _middle_inside(other, one)


def _middle_inside(box: Box, other: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return other[0] <= x <= other[2] and other[1] <= y <= other[3]
