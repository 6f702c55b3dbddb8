"""Makes pictures darker."""

from __future__ import annotations

import numpy as np


def darken(pixels: np.ndarray, level: float) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB at the brightness ``level``, 0 to 1; at 1 itself."""
    if level >= 1:
        return pixels
    if level <= 0:
        return np.zeros_like(pixels)
    darker = np.rint(np.arange(256) * level).astype(np.uint8)
    return darker[pixels]
