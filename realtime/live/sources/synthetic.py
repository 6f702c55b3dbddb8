"""The ``test`` source: a moving picture made of nothing, the same for everyone.

Needs no camera, no file and no OpenCV.
"""

from __future__ import annotations

import time
from typing import Self

import numpy as np

from realtime.live.capture_format import CaptureFormat
from realtime.live.paced import Paced
from realtime.timing import Clock

_SCROLL_PX_PER_FRAME = (1, 2, 4)  # sky, hills, ground: what is near moves faster
_DISC_PERIOD_FRAMES = 180
_LIGHT_SQUARE = np.array((240, 220, 180), np.uint8)
_DARK_SQUARE = np.array((150, 50, 60), np.uint8)


class Synthetic(Paced):
    """Sky, hills, chequered ground and a moving disc.

    They have gradients, edges, flat parts and motion at known speeds. size: (height, width). Frame
    n depends on n and the size alone.
    """

    name = "test"
    summary = "test"

    def __init__(
        self,
        size: tuple[int, int] = (480, 640),
        fps: float = 30.0,
        frames: int | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        if min(size) < 1 or fps <= 0:
            raise ValueError(f"size {size} and fps {fps} must be positive")
        super().__init__(fps, frames, clock)
        self.expected_size = self._size = size
        self._bands = _paint_bands(size)
        self._disc, self._disc_weight = _paint_disc(max(1, min(size) // 9))

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim the word ``test``."""
        return text == "test"

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return the moving picture in the size and at the rate that are wanted; it never ends."""
        return cls(wanted.size, wanted.fps)

    def open(self) -> tuple[int, int]:
        """Return the size: there is nothing to open."""
        return self._size

    def picture(self, index: int) -> np.ndarray:
        """Return frame ``index``, (H, W, 3) uint8 RGB in an array of its own."""
        height, width = self._size
        pixels = np.empty((height, width, 3), np.uint8)
        for (top, bottom, band), step in zip(self._bands, _SCROLL_PX_PER_FRAME, strict=True):
            offset = (index * step) % (band.shape[1] - width + 1 or 1)
            pixels[top:bottom] = band[:, offset : offset + width]
        self._draw_disc(pixels, index)
        return pixels

    def _draw_disc(self, pixels: np.ndarray, index: int) -> None:
        height, width = self._size
        side = self._disc.shape[0]
        angle = 2 * np.pi * index / _DISC_PERIOD_FRAMES
        top = round((height - side) * (0.5 + 0.4 * np.sin(2 * angle)))
        left = round((width - side) * (0.5 + 0.45 * np.cos(angle)))
        under = pixels[top : top + side, left : left + side]
        weight = self._disc_weight[: under.shape[0], : under.shape[1]]
        under[:] = (
            under * (256 - weight) + self._disc[: under.shape[0], : under.shape[1]] * weight
        ) >> 8


def _paint_bands(size: tuple[int, int]) -> list[tuple[int, int, np.ndarray]]:
    """Return three strips as (top row, bottom row, picture).

    They repeat after one width, so that scrolling never jumps.
    """
    height, width = size
    horizon, ground = round(height * 0.35), round(height * 0.7)
    # One period and one frame more: column x equals column x + period.
    sky, hills, floor = (
        _paint_sky(horizon, width),
        _paint_hills(ground - horizon, width),
        _paint_floor(height - ground, width),
    )
    rows = ((0, horizon, sky), (horizon, ground, hills), (ground, height, floor))
    return [(top, bottom, np.concatenate([band, band], axis=1)) for top, bottom, band in rows]


def _paint_sky(height: int, width: int) -> np.ndarray:
    across = np.arange(width) / width * 2 * np.pi
    down = np.linspace(0, 1, max(height, 1))[:height, None]
    red = 120 + 100 * down + 30 * np.sin(across)
    green = 130 + 60 * down + 30 * np.sin(across + 2.1)
    blue = 225 - 60 * down + 25 * np.sin(across + 4.2)
    return _to_pixels(red, green, blue)


def _paint_hills(height: int, width: int) -> np.ndarray:
    across = np.arange(width) / width * 2 * np.pi
    far = height * (0.30 + 0.20 * np.sin(2 * across) + 0.08 * np.sin(7 * across))
    near = height * (0.62 + 0.22 * np.sin(3 * across + 1.0))
    rows = np.arange(height)[:, None]
    depth = rows / max(height, 1)
    pixels = _to_pixels(
        235 + 15 * np.sin(across) + 0 * rows,
        190 - 40 * depth + 0 * across,
        150 - 30 * depth + 0 * across,
    )
    pixels[rows >= far] = (70, 105, 130)
    shade = _to_pixels(
        60 + 50 * depth + 0 * across,
        120 + 60 * depth + 12 * np.sin(40 * across),
        60 + 20 * depth + 0 * across,
    )
    return np.where((rows >= near)[..., None], shade, pixels)


def _paint_floor(height: int, width: int) -> np.ndarray:
    squares = max(2, 2 * (width // 80))
    column = np.arange(width) * squares // max(width, 1)
    row = np.arange(height)[:, None] * squares // max(width, 1)
    light = ((column + row) % 2)[..., None]
    return np.where(light == 1, _LIGHT_SQUARE, _DARK_SQUARE)


def _paint_disc(radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a shaded disc and its weight, (D, D, 3) and (D, D, 1) int32.

    The weight goes from 0 to 256, with a soft edge of one pixel.
    """
    axis = np.arange(2 * radius + 1) - radius
    distance = np.hypot(axis[:, None], axis[None, :])
    light = np.clip(
        1.1 - np.hypot(axis[:, None] + radius * 0.3, axis[None, :] + radius * 0.3) / (1.8 * radius),
        0.25,
        1,
    )
    disc = light[..., None] * np.array([255, 205, 60])
    weight = np.clip(radius - distance + 0.5, 0, 1) * 256
    return disc.astype(np.int32), weight[..., None].astype(np.int32)


def _to_pixels(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    return np.stack(np.broadcast_arrays(red, green, blue), axis=-1).clip(0, 255).astype(np.uint8)
