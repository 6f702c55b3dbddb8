"""Holds the painting still where the picture stands still, so that still areas do not shimmer and moving ones do not ghost."""

from __future__ import annotations

import numpy as np

from realtime.resample import Scaler, box_mean

_BLOCK = 4  # movement is judged on block means: finer is camera noise
_SIGMA = 4.0  # 8-bit levels of change at which the hold has mostly let go


class Steadiness:
    """Remembers the painting shown last and the input that belongs to it, both at the network's size. One thread."""

    def __init__(self, scaler: Scaler) -> None:
        self._scaler = scaler
        self._shown: np.ndarray | None = None
        self._seen: np.ndarray | None = None

    def reset(self) -> None:
        self._shown = self._seen = None

    def state(self) -> dict[str, np.ndarray]:
        """What is remembered, as copies; empty at the start. ``restore`` takes it back."""
        return {} if self._shown is None else {"shown": self._shown.copy(), "seen": self._seen.copy()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        self._shown, self._seen = state.get("shown"), state.get("seen")

    def hold(self, frame: np.ndarray, painting: np.ndarray, stability: float) -> np.ndarray:
        """``painting`` (h, w, 3) uint8 of ``frame`` (h, w, 3), mixed with the previous one by stability * exp(-(d / sigma)^2).

        ``d`` is the change of the input against what is being held, not against the last frame alone: a slow drift adds
        up until it lets go, so nothing smears. A new size starts anew.
        """
        height, width = frame.shape[:2]
        blocks = (max(1, height // _BLOCK), max(1, width // _BLOCK))
        now = self._scaler.resize(frame, blocks).astype(np.float32)
        shown, seen = self._shown, self._seen
        if shown is None or seen is None or shown.shape != painting.shape:
            self._shown, self._seen = painting.astype(np.float32), now
            return painting
        change = box_mean(np.abs(now - seen).max(axis=2), 1)
        weight = stability * np.exp(-((change / _SIGMA) ** 2))
        self._seen = now + weight[..., None] * (seen - now)
        fine = self._scaler.resize(np.rint(weight * 255).astype(np.uint8), (height, width)).astype(np.float32) / 255
        shown -= painting
        shown *= fine[..., None]
        shown += painting
        return np.rint(shown).astype(np.uint8)
