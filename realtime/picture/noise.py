"""Takes a camera's noise out of the frames, since a network turns noise into flicker of paint.

A recursive mean over time wherever nothing moves; what moves passes as it is. Online, without
looking ahead, and every frame is still painted. A first-order recursive filter of gain g leaves g /
(2 - g) of the noise's variance: a sixth of its amplitude.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from realtime.frame import FrameMemory

UNIT = 128  # of gains and means: a difference of 255 times a gain of 1 fits int16
LEAST_GAIN = 7  # of a new frame, in 1 / UNIT, where all change is noise
BLOCK_PX = 4  # noise cancels out over a block, a change that is seen does not
# Change of a block's mean, of 255, up to which it is noise, and from which it is motion.
SHIFT_LEVELS = (3.0, 9.0)
# The same for the mean of its pixels' changes: fine texture can move and leave the block's mean.
CHANGE_LEVELS = (6.0, 13.0)
LEAST_PX = 16  # sides below this have too few blocks
# After so many frames, two that began differently are less than a level apart wherever noise was
# all that changed.
FRAMES_REMEMBERED = math.ceil(math.log(SHIFT_LEVELS[1]) / -math.log1p(-LEAST_GAIN / UNIT))


@dataclass(frozen=True)
class _Last:
    """The mean so far, after the last frame."""

    mean: np.ndarray
    """(H, W, 3) int16, in 1 / ``UNIT``; changed by the next frame."""
    shown: np.ndarray
    """(H, W, 3) uint8, the mean rounded."""


class RecursiveMean:
    """Remembers the mean so far, at the size of the pictures. One thread."""

    def __init__(self) -> None:
        self._last: _Last | None = None

    def reset(self) -> None:
        """Begin anew with the next frame."""
        self._last = None

    def state(self) -> FrameMemory:
        """Return what is remembered; empty at the start.

        ``restore`` takes it back, and from then on both go on alike: the mean is rounded here too.
        """
        if self._last is None:
            return {}
        shown = self._last.shown
        self._last = _Last(shown * np.int16(UNIT), shown)
        return {"mean": shown}

    def restore(self, state: FrameMemory) -> None:
        """Go on from what ``state`` returned; from {} as at the start."""
        mean = state.get("mean")
        self._last = None if mean is None else _Last(mean * np.int16(UNIT), mean)

    def step(self, picture: np.ndarray) -> np.ndarray | None:
        """Return by how much ``picture`` is off the mean, (H, W, 3) int16.

        None for the first picture, and for one of another size: it is the mean from here on.
        """
        last = self._last
        if last is None or last.shown.shape != picture.shape:
            self._last = _Last(picture * np.int16(UNIT), picture.copy())
            return None
        step: np.ndarray = np.subtract(picture, last.shown, dtype=np.int16)
        return step

    def take(self, step: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Return the new mean, (H, W, 3) uint8, not to be written to: mean += gain * step.

        step: of ``step``, changed. gains: of each block, (h, w) int16 in 1 / ``UNIT``.
        """
        assert self._last is not None
        _multiply_blocks(step, gains)
        mean = np.add(self._last.mean, step, out=self._last.mean)
        np.add(mean, UNIT // 2, out=step)
        step >>= UNIT.bit_length() - 1
        self._last = _Last(mean, step.astype(np.uint8))
        return self._last.shown


class NoiseReduction(RecursiveMean):
    """Takes noise out of frame after frame."""

    gains: np.ndarray | None = None
    """What was taken of each block of the frame reduced last, (h, w) int16 in 1 / ``UNIT``.

    None: all of it, as of the first frame.
    """

    def reduce(self, frame: np.ndarray) -> np.ndarray:
        """Return ``frame`` (H, W, 3) uint8 RGB with less noise, not to be written to.

        The first frame, and small ones, come back as they are. mean += g * (frame - mean), where g
        goes from ``LEAST_GAIN`` to 1 as the blocks around a pixel change by more than noise does. A
        new size begins anew.
        """
        self.gains = None
        if min(frame.shape[:2]) < LEAST_PX:
            return frame
        step = self.step(frame)
        if step is None:
            return frame
        self.gains = _gains(step)
        return self.take(step, self.gains)


def _gains(change: np.ndarray) -> np.ndarray:
    """Return the gain that each whole block, or one beside it, asks for.

    change: (H, W, 3) int16. The result is (h, w) int16, in 1 / ``UNIT``.
    """
    shift = _ramp(np.abs(_block_sums(change)), SHIFT_LEVELS)
    moves = np.maximum(shift, _ramp(_block_sums(np.abs(change)), CHANGE_LEVELS))
    moves = np.maximum(np.maximum(moves[..., 0], moves[..., 1]), moves[..., 2])
    wide = np.pad(moves, 1, mode="edge")
    rows = np.maximum(np.maximum(wide[:-2], wide[1:-1]), wide[2:])
    moves = np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    gains: np.ndarray = np.rint(LEAST_GAIN + (UNIT - LEAST_GAIN) * moves).astype(np.int16)
    return gains


def _block_sums(values: np.ndarray) -> np.ndarray:
    """Return sums over blocks of (H, W, 3) int16 of at most 255: (h, w, 3) int16.

    What is left over at the far sides is left out.
    """
    height, width = (side // BLOCK_PX for side in values.shape[:2])
    rows = (
        values[: height * BLOCK_PX, : width * BLOCK_PX]
        .reshape(height, BLOCK_PX, -1)
        .sum(1, dtype=np.int16)
    )
    columns = rows.reshape(height, width, BLOCK_PX, 3)
    first, *others = (columns[:, :, n] for n in range(BLOCK_PX))
    sums: np.ndarray = sum(others, start=first)  # NumPy's sum is slow over so short an axis
    return sums


def _ramp(sums: np.ndarray, levels: tuple[float, float]) -> np.ndarray:
    """Return 0 where a block's mean is the first of ``levels`` or below, 1 from the second on.

    Between them it rises evenly; float32.
    """
    first, second = (level * BLOCK_PX**2 for level in levels)
    ramp: np.ndarray = ((sums - np.float32(first)) * np.float32(1 / (second - first))).clip(0, 1)
    return ramp


def _multiply_blocks(values: np.ndarray, gains: np.ndarray) -> None:
    """Multiply (H, W, 3) int16 in place by the gain of each block.

    What is left over at the far sides is multiplied by the gain beside it.
    """
    width = values.shape[1]
    columns = np.repeat(gains, BLOCK_PX * 3, axis=1)
    columns = np.pad(columns, ((0, 0), (0, 3 * width - columns.shape[1])), mode="edge")
    whole = values[: len(gains) * BLOCK_PX].reshape(len(gains), BLOCK_PX, -1)
    whole *= columns[:, None]
    values[len(gains) * BLOCK_PX :].reshape(-1, 3 * width)[:] *= columns[-1]
