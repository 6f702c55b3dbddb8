"""What takes the place of a picture that is taken from the eyes: black, or a still."""

from __future__ import annotations

import numpy as np

from realtime.picture.resample import Scaler
from realtime.picture.sizes import fit_size


class Veil:
    """Covers pictures; use from one thread.

    ``still``: (H, W, 3) uint8 RGB, all of which is seen in the middle of black; None: black alone.
    """

    def __init__(self, still: np.ndarray | None) -> None:
        self._still, self._scaler = still, Scaler()
        self._made = np.zeros((0, 0, 3), np.uint8)

    def over(self, pixels: np.ndarray, level: float) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB of which the share ``level`` is left, 0 to 1; at 1 itself.

        Of (H, W, 4) the last is alpha, which a veil makes opaque.
        """
        if level >= 1:
            return pixels
        if pixels.shape[2] == 4:
            alpha = 255 - np.rint(max(level, 0.0) * (255.0 - pixels[..., 3])).astype(np.uint8)
            return np.dstack([self.over(np.ascontiguousarray(pixels[..., :3]), level), alpha])
        if self._made.shape != pixels.shape:
            self._made = self._make((pixels.shape[0], pixels.shape[1]))
        return self._made.copy() if level <= 0 else self._scaler.mix(pixels, self._made, level)

    def _make(self, size: tuple[int, int]) -> np.ndarray:
        made = np.zeros((*size, 3), np.uint8)
        if self._still is not None:
            fitted = fit_size((self._still.shape[0], self._still.shape[1]), size)
            height, width = min(fitted[0], size[0]), min(fitted[1], size[1])
            top, left = (size[0] - height) // 2, (size[1] - width) // 2
            small = self._scaler.resize(self._still, (height, width))
            made[top : top + height, left : left + width] = small
        return made
