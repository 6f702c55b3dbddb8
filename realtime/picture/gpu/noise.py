"""What ``NoiseReduction`` does, for pictures that lie on a GPU.

The sums are the same, in the same whole numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from realtime.frame import FrameMemory
from realtime.picture.gpu.tensors import on_host, size_of
from realtime.picture.noise import BLOCK_PX, CHANGE_LEVELS, LEAST_GAIN, LEAST_PX, SHIFT_LEVELS, UNIT

if TYPE_CHECKING:
    from torch import Tensor


class GpuRecursiveMean:
    """Tensors of (H, W, 3) uint8 in the place of arrays. Only ``state`` waits for the GPU."""

    def __init__(self) -> None:
        # The mean (H, W, 3) int16 in 1 / UNIT, and that rounded, uint8.
        self._last: tuple[Tensor, Tensor] | None = None
        self._restored: np.ndarray | None = None

    def reset(self) -> None:
        """Begin anew with the next frame."""
        self._last = self._restored = None

    def state(self) -> FrameMemory:
        """Return what is remembered; empty at the start. From here on, both go on alike."""
        if self._last is None:
            return {}
        self._begin(self._last[1])
        return {"mean": on_host(self._last[1])}

    def restore(self, state: FrameMemory) -> None:
        """Go on from what ``state`` returned; from {} as at the start."""
        self._last, self._restored = None, state.get("mean")

    def step(self, picture: Tensor) -> Tensor | None:
        """Return by how much ``picture`` is off the mean; None where it is the mean from now on."""
        import torch

        if self._restored is not None:
            self._begin(torch.from_numpy(self._restored).to(picture.device))
        if self._last is None or self._last[0].shape != picture.shape:
            self._begin(picture.clone())
            return None
        return picture.to(torch.int16) - self._last[1]

    def take(self, step: Tensor, gains: Tensor) -> Tensor:
        """Return the new mean, (H, W, 3) uint8. gains: of each block, (h, w) int16."""
        import torch

        assert self._last is not None
        mean = self._last[0] + step * _spread(gains, size_of(step))[..., None]
        self._last = mean, (mean + UNIT // 2 >> UNIT.bit_length() - 1).to(torch.uint8)
        return self._last[1]

    def _begin(self, shown: Tensor) -> None:
        import torch

        self._last, self._restored = (shown.to(torch.int16) * UNIT, shown), None


class GpuNoiseReduction(GpuRecursiveMean):
    """Takes noise out of frame after frame."""

    gains: Tensor | None = None
    """As those of ``NoiseReduction``."""

    def reduce(self, frame: Tensor) -> Tensor:
        """Return ``frame`` (H, W, 3) uint8 RGB with less noise, as ``NoiseReduction`` does."""
        self.gains = None
        if min(frame.shape[:2]) < LEAST_PX:
            return frame
        step = self.step(frame)
        if step is None:
            return frame
        self.gains = _gains(step)
        return self.take(step, self.gains)


def _gains(change: Tensor) -> Tensor:
    """Return the gain of each whole block of ``change`` (H, W, 3) int16.

    The result is (h, w) int16, in 1 / ``UNIT``.
    """
    import torch
    from torch.nn import functional

    shift = _ramp(_block_sums(change.float()).abs(), SHIFT_LEVELS)
    moves = torch.maximum(shift, _ramp(_block_sums(change.float().abs()), CHANGE_LEVELS))
    beside = functional.max_pool2d(moves.amax(0)[None, None], 3, stride=1, padding=1)[0, 0]
    return torch.round(LEAST_GAIN + (UNIT - LEAST_GAIN) * beside).to(torch.int16)


def _block_sums(values: Tensor) -> Tensor:
    """Return sums over blocks of (H, W, 3): (3, h, w) float32.

    They are exact, being of few whole numbers, and means of 16 are too.
    """
    from torch.nn import functional

    return functional.avg_pool2d(values.permute(2, 0, 1), BLOCK_PX) * BLOCK_PX**2


def _ramp(sums: Tensor, levels: tuple[float, float]) -> Tensor:
    first, second = (level * BLOCK_PX**2 for level in levels)
    return ((sums - first) * (1 / (second - first))).clamp_(0, 1)


def _spread(gains: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the gain of each pixel's block: (H, W).

    What is left over at the far sides has that beside it.
    """
    from torch.nn import functional

    rows, columns = (side * BLOCK_PX for side in gains.shape)
    wide = gains.repeat_interleave(BLOCK_PX, 0).repeat_interleave(BLOCK_PX, 1)
    padded = functional.pad(
        wide[None, None].float(), (0, size[1] - columns, 0, size[0] - rows), mode="replicate"
    )
    return padded[0, 0].to(gains.dtype)
