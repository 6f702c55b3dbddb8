"""Black-outs: how bright the picture is for everybody who sees it."""

from __future__ import annotations

import numpy as np

from realtime.controls.state import State


class Curtain:
    """Falls and rises as the controls say; ask it once for each picture."""

    def __init__(self) -> None:
        self._black, self._level, self._before_s = False, 1.0, 0.0

    def moves(self, state: State) -> bool:
        """Tell whether the next picture will be brighter or darker than the last one."""
        return self._level != (0.0 if state.black else 1.0)

    def level(self, state: State, now_s: float) -> float:
        """Return the brightness at ``now_s``, 0 to 1."""
        passed_s = now_s - self._before_s if state.black == self._black else 0.0
        self._black, self._before_s = state.black, now_s
        step = passed_s / state.black_fade_s if state.black_fade_s else 1.0
        step = -step if state.black else step
        self._level = min(1.0, max(0.0, self._level + step))
        return self._level


def darken(pixels: np.ndarray, level: float) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB at the brightness ``level``, 0 to 1; at 1 itself."""
    if level >= 1:
        return pixels
    import cv2

    return np.zeros_like(pixels) if level <= 0 else cv2.convertScaleAbs(pixels, alpha=level)
