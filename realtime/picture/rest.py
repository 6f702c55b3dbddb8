"""Holds the paint that lies on what stands still.

A network sees far and steadies nothing by itself, so what moves makes paint flicker that lies on
what does not. Where a frame stands still, a recursive mean over time is shown of its paintings, as
noise reduction shows one of the frames. What moves is painted anew each time, so nothing trails.
"""

from __future__ import annotations

import math
from typing import Generic

import numpy as np

from realtime.frame import FrameMemory
from realtime.picture.noise import UNIT
from realtime.picture.pixels import FrameMean, P

LEAST_GAIN = 20  # of a new painting, in 1 / UNIT, where all stands still: a sixth
_MOST_APART = 64  # levels, between two paintings of one place that stands still
# After so many frames, two that began differently are less than a level apart at rest.
FRAMES_REMEMBERED = math.ceil(math.log(_MOST_APART) / -math.log1p(-LEAST_GAIN / UNIT))
_MEAN, _MADE_WITH = "rest_mean", "rest_made_with"


class PaintingAtRest(Generic[P]):
    """Remembers the mean of the paintings so far, in ``mean``. One thread."""

    def __init__(self, mean: FrameMean[P]) -> None:
        self._mean: FrameMean[P] = mean
        self._made_with: np.ndarray | None = None

    def reset(self) -> None:
        """Begin anew with the next painting."""
        self._mean.reset()

    def state(self) -> FrameMemory:
        """Return what is remembered; empty at the start. From here on, both go on alike."""
        state = self._mean.state()
        if not state or self._made_with is None:
            return {}
        return {_MEAN: state["mean"], _MADE_WITH: self._made_with}

    def restore(self, state: FrameMemory) -> None:
        """Go on from what ``state`` returned; from {} as at the start."""
        self._mean.restore({"mean": state[_MEAN]} if _MEAN in state else {})
        self._made_with = state.get(_MADE_WITH)

    def hold(self, painting: P, gains: P | None, made_with: np.ndarray) -> P:
        """Return ``painting`` (H, W, 3) uint8 RGB, held where its frame stood still.

        It is not to be written to.
        gains: of each block of its frame, from ``FrameDenoiser.gains``; None: all of it is new.
        made_with: the numbers that decide how it looks; with others it begins anew, so a fade from
        style to style is not held up.
        """
        same = self._made_with is not None and np.array_equal(self._made_with, made_with)
        self._made_with = made_with
        if gains is None or not same:
            self._mean.reset()
        step = self._mean.step(painting)
        if step is None or gains is None:
            return painting
        least: P = gains.clip(LEAST_GAIN)
        return self._mean.take(step, least)
