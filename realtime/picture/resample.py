"""Brings pixels from one size to another, with PyAV's swscale and NumPy.

Never with OpenCV, which needs libGL.
The network sees the frame at the size where its strokes have the right breadth; ``guided_upsample``
brings the painting back to the frame's size with the frame's own edges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from realtime.picture.formulas import (
    MIX_STEPS,
    SLOPE_EPSILON,
    SLOPE_LIMIT,
    SLOPE_RADIUS,
    SLOPE_STEPS,
    SLOPE_ZERO,
    slope_size,
)

if TYPE_CHECKING:
    from av.video.reformatter import VideoReformatter

Floats = npt.NDArray[np.float32]

_STRIP_ROWS = 64  # so few stay in the cache
_MOST_CONTEXTS = 32  # sizes change rarely; a context for every size ever seen would be a leak


class Scaler:
    """Scales pictures of (H, W, 3) or (H, W) uint8.

    Use one per thread: each keeps its swscale contexts between calls.
    """

    def __init__(self) -> None:
        self._reformatters: dict[tuple[object, ...], VideoReformatter] = {}

    def resize(self, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return ``pixels`` at (height, width) ``size``; ``pixels`` itself if it has that size.

        Averaged when smaller, bicubic when larger.
        """
        if pixels.shape[:2] == size:
            return pixels
        pixel_format = "rgb24" if pixels.ndim == 3 else "gray"
        return self._convert(pixels, pixel_format, pixel_format, size)

    def luma(self, pixels: np.ndarray) -> np.ndarray:
        """Return the BT.601 full-range luma of (H, W, 3) RGB: (H, W) uint8."""
        return self._convert(pixels, "rgb24", "gray", pixels.shape[:2])

    def guided_upsample(
        self, low: np.ndarray, frame: np.ndarray, frame_low: np.ndarray
    ) -> np.ndarray:
        """Bring ``low``, the painting of ``frame_low``, to the size of ``frame``.

        ``frame`` is (H, W, 3), the others (h, w, 3), all uint8 RGB. The formula and its source:
        ``realtime.picture.formulas``.
        """
        size = frame.shape[:2]
        luma_low = self.luma(frame_low)
        planes = [np.ascontiguousarray(low[..., channel]) for channel in range(3)]
        slopes = [self.resize(slope, size) for slope in self.slopes(planes, luma_low)]
        luma, blurred = self.luma(frame), self.resize(luma_low, size)
        planes = [self.resize(plane, size) for plane in planes]
        out = np.empty((*size, 3), np.uint8)
        for top in range(0, size[0], _STRIP_ROWS):
            rows = np.s_[top : top + _STRIP_ROWS]
            detail = luma[rows].astype(np.int16) - blurred[rows]
            for channel in range(3):
                value = slopes[channel][rows].astype(np.int16)
                value -= SLOPE_ZERO
                value *= detail
                # A shift alone rounds down: half a level darker everywhere.
                value += SLOPE_STEPS // 2
                value >>= SLOPE_STEPS.bit_length() - 1
                value += planes[channel][rows]
                out[rows, :, channel] = np.clip(value, 0, 255, out=value)
        return out

    def mix(self, one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
        """Return share * one + (1 - share) * other, rounded; the share in 1 / ``MIX_STEPS``."""
        weight = round(share * MIX_STEPS)
        out = np.empty_like(one)
        for top in range(0, len(one), _STRIP_ROWS):
            strip = np.s_[top : top + _STRIP_ROWS]
            mix = np.multiply(one[strip], weight, dtype=np.uint16)
            mix += np.multiply(other[strip], MIX_STEPS - weight, dtype=np.uint16)
            mix += MIX_STEPS // 2
            mix >>= MIX_STEPS.bit_length() - 1
            out[strip] = mix
        return out

    def with_colors_of(self, frame: np.ndarray, painting: np.ndarray) -> np.ndarray:
        """Return the luma of ``painting`` with the chroma of ``frame``, both (H, W, 3) uint8."""
        change = self.luma(painting).astype(np.int16) - self.luma(frame)
        recolored: np.ndarray = np.clip(frame + change[..., None], 0, 255)
        return recolored.astype(np.uint8)

    def from_array(self, array: np.ndarray, _like: np.ndarray, /) -> np.ndarray:
        """Return ``array`` itself: it is what ``FrameScaler`` gives for an array."""
        return array

    def slopes(self, painting: list[np.ndarray], luma: np.ndarray) -> np.ndarray:
        """Return how much each channel of a painting follows the luma of its frame nearby.

        painting: three channels of (h, w) uint8. luma: (h, w) uint8. Returns (3, h/2, w/2) uint8,
        in 1 / ``SLOPE_STEPS``, with ``SLOPE_ZERO`` for not at all.
        """
        half = slope_size(luma.shape)
        channels = np.stack([self.resize(plane, half) for plane in (luma, *painting)])
        planes = _repeat_edges(channels.astype(np.float32))
        means = box_mean(planes, SLOPE_RADIUS)
        covariances = box_mean(planes * planes[0], SLOPE_RADIUS) - means * means[0]
        slopes = covariances[1:] / (covariances[0] + SLOPE_EPSILON)
        slopes = box_mean(_repeat_edges(slopes), SLOPE_RADIUS)
        np.clip(slopes, -SLOPE_LIMIT, SLOPE_LIMIT, out=slopes)
        steps: np.ndarray = np.rint(slopes * SLOPE_STEPS + SLOPE_ZERO)
        return steps.astype(np.uint8)

    def _convert(
        self, pixels: np.ndarray, source: str, target: str, size: tuple[int, int]
    ) -> np.ndarray:
        from av.video.frame import VideoFrame
        from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

        height, width = pixels.shape[:2]
        larger = size[0] > height or size[1] > width
        interpolation = Interpolation.BICUBIC if larger else Interpolation.AREA
        key = (height, width, source, target, size)
        if key not in self._reformatters:
            if len(self._reformatters) >= _MOST_CONTEXTS:
                self._reformatters.clear()
            self._reformatters[key] = VideoReformatter()
        picture = VideoFrame.from_ndarray(pixels, source)
        return (
            self._reformatters[key]
            .reformat(
                picture,
                width=size[1],
                height=size[0],
                format=target,
                interpolation=interpolation,
                src_colorspace=Colorspace.ITU601,
                dst_colorspace=Colorspace.ITU601,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.JPEG,
            )
            .to_ndarray()
        )


def box_mean(values: Floats, radius: int) -> Floats:
    """Return the mean of (..., h, w) float32 over a square window of 2 * radius + 1.

    The result is (..., h - 2 * radius, w - 2 * radius).
    """
    window = 2 * radius + 1
    rows = _sliding_sum(values, window)
    return _sliding_sum(rows.swapaxes(-1, -2), window).swapaxes(-1, -2) * np.float32(1 / window**2)


def _sliding_sum(values: Floats, window: int) -> Floats:
    """Return the sums of ``window`` neighbouring rows of (..., h, w) float32.

    By doubling: the window is made up of sums of 1, 2, 4 and more rows.
    """
    length = values.shape[-2] - window + 1
    total: Floats = np.zeros((), np.float32)
    covered, width = 0, 1
    while width <= window:
        if window & width:
            total = total + values[..., covered : covered + length, :]
            covered += width
        values = values[..., width:, :] + values[..., :-width, :]
        width *= 2
    return total


def _repeat_edges(planes: Floats) -> Floats:
    """Return (N, h, w) with its edges repeated as far as the window of slopes reaches."""
    return np.pad(planes, ((0, 0), (SLOPE_RADIUS,) * 2, (SLOPE_RADIUS,) * 2), mode="edge")
