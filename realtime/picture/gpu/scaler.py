"""What ``Scaler`` does, for pictures that lie on a GPU.

The filters are the same, each a matrix product along either side.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from realtime.picture.formulas import (
    LUMA_WEIGHTS,
    SLOPE_EPSILON,
    SLOPE_LIMIT,
    SLOPE_RADIUS,
    slope_size,
)
from realtime.picture.gpu.tensors import constant, size_of, to_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_BICUBIC = 0.6  # swscale's sharpness


class GpuScaler:
    """Tensors of (H, W, 3) uint8 in the place of arrays.

    Results are queued to the current stream; nothing waits.
    """

    def resize(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        """Return ``pixels`` at (height, width) ``size``; ``pixels`` itself if it has that size.

        Averaged when smaller, bicubic when larger.
        """
        return pixels if size_of(pixels) == size else to_bytes(resized(pixels.float(), size))

    def luma(self, pixels: Tensor) -> Tensor:
        """Return the BT.601 full-range luma of (H, W, 3) RGB: (H, W) float32, 0..255."""
        return pixels.float() @ constant(LUMA_WEIGHTS, pixels.device)

    def guided_upsample(self, low: Tensor, frame: Tensor, frame_low: Tensor) -> Tensor:
        """Bring ``low``, the painting of ``frame_low``, to the size of ``frame``, on the GPU."""
        size = size_of(frame)
        luma_low = self.luma(frame_low)
        detail = self.luma(frame) - resized(luma_low[..., None], size)[..., 0]
        slopes = resized(_slopes(low, luma_low), size)
        return to_bytes(resized(low.float(), size).addcmul_(slopes, detail[..., None]))

    def mix(self, one: Tensor, other: Tensor, share: float) -> Tensor:
        """Return share * one + (1 - share) * other, rounded."""
        return to_bytes(other.float().lerp_(one.float(), share))

    def with_colors_of(self, frame: Tensor, painting: Tensor) -> Tensor:
        """Return the luma of ``painting`` with the chroma of ``frame``."""
        return to_bytes(frame + (self.luma(painting) - self.luma(frame))[..., None])

    def from_array(self, array: np.ndarray, like: Tensor, /) -> Tensor:
        """Return a copy of ``array`` on the GPU of ``like``."""
        import torch

        return torch.from_numpy(array).to(like.device)


def _slopes(painting: Tensor, luma: Tensor) -> Tensor:
    """Return each channel's slope against luma: (h/2, w/2, 3) float32."""
    half = slope_size(size_of(luma))
    guide, painted = resized(luma[..., None], half), resized(painting.float(), half)
    mean = _box_mean(guide)
    variance = _box_mean(guide * guide) - mean * mean
    covariance = _box_mean(guide * painted) - mean * _box_mean(painted)
    return _box_mean(covariance / (variance + SLOPE_EPSILON)).clamp_(-SLOPE_LIMIT, SLOPE_LIMIT)


def _box_mean(values: Tensor) -> Tensor:
    """Return the mean of (h, w, C) over a square window, edges repeated."""
    from torch.nn import functional

    planes = functional.pad(values.permute(2, 0, 1), [SLOPE_RADIUS] * 4, mode="replicate")
    return functional.avg_pool2d(planes, 2 * SLOPE_RADIUS + 1, stride=1).permute(1, 2, 0)


def resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (h, w, C) float32 at (height, width) ``size``."""
    larger = size[0] > values.shape[0] or size[1] > values.shape[1]
    rows, columns = (
        _filter(a, b, larger, values.device) for a, b in zip(values.shape[:2], size, strict=True)
    )
    # Plane by plane: with the channels last, PyTorch makes a product of its own for each row, which
    # reads the whole filter again.
    planes = rows @ values.permute(2, 0, 1)
    lines = planes.flatten(0, 1) @ columns.T
    return lines.view(-1, *size).permute(1, 2, 0)


@functools.lru_cache(maxsize=32)
def _filter(before: int, after: int, bicubic: bool, device: torch.device) -> Tensor:
    """Return how much of each sample before goes into each one after: (after, before) float32.

    Rows sum to 1, edges repeat.
    """
    import torch

    step = before / after
    wide = max(1.0, step)
    centres = (np.arange(after) + 0.5) * step - 0.5
    reach = int(np.ceil(2 * wide)) + 1
    places = np.floor(centres)[:, None] + np.arange(-reach, reach + 1)
    distance = np.abs(places - centres[:, None])
    if bicubic:
        # Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981, equation 4
        t, a = distance / wide, -_BICUBIC
        inner, outer = ((a + 2) * t - (a + 3)) * t * t + 1, (((t - 5) * t + 8) * t - 4) * a
        weights = np.where(t < 1, inner, np.where(t < 2, outer, 0))
    else:
        # How much of the pixel lies in the area.
        weights = np.clip((wide + 1) / 2 - distance, 0, 1)
    weights /= weights.sum(1, keepdims=True)
    table = np.zeros((after, before), np.float32)
    np.add.at(
        table, (np.arange(after)[:, None], np.clip(places, 0, before - 1).astype(int)), weights
    )
    return torch.from_numpy(table).to(device)
