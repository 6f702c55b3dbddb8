"""What a network draws where there is nothing: a lattice of its own cells, or paint.

A network of convolutions that sees an even area can only repeat itself every cell, unless it is
given noise. So three smooth gradients are painted, and the spectrum of what came of them is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from training.evaluate.looks import luma

SIZE = (480, 640)  # (height, width)
LATTICE_CELL_PX = 8.0
_MEAN_PX = 33  # light that changes this slowly is no texture
_COARSEST_PX = 32  # the longest wave that counts
_NEAR_BINS = 2  # as far as the Hann window spreads a line, and a bin more


@dataclass(frozen=True)
class Texture:
    """What is drawn on a smooth gradient.

    levels: its deviation in levels of 255; lattice: the share of its energy that repeats with the
    cells, 0..1. White noise has 0.5 % there with cells of 8 px.
    """

    levels: float
    lattice: float


def smooth_gradients() -> list[np.ndarray]:
    """Return a sky, a wall and something dark, each (480, 640, 3) uint8 RGB without a texture."""
    y, x = np.meshgrid(np.linspace(0, 1, SIZE[0]), np.linspace(0, 1, SIZE[1]), indexing="ij")
    sky = (90 + 60 * y, 130 + 60 * y, 200 - 20 * x)
    wall = (190 - 40 * x, 180 - 40 * y, 165 - 30 * x)
    dark = (35 + 25 * x, 35 + 20 * y, 40 + 20 * x)
    return [np.rint(np.stack(channels, -1)).astype(np.uint8) for channels in (sky, wall, dark)]


def texture(painted: np.ndarray, cells_px: Iterable[tuple[float, float]] = ()) -> Texture:
    """Return what is drawn on a gradient that was painted, (H, W, 3) uint8 RGB.

    Of luma less its mean over 33 x 33 px, in a Hann window: all energy above 1/32 px^-1, and the
    share of it within two bins of multiples of 1/8 px^-1 in both directions (ours). cells_px:
    (height, width) of other cells that may repeat; the largest share of all counts. 0 where nothing
    is drawn.
    """
    light = luma(painted)
    height, width = light.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    fine = light - cv2.blur(light, (_MEAN_PX, _MEAN_PX))
    energy = np.square(np.abs(np.fft.fft2(fine * window)))
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    energy[np.hypot(rows, columns) <= 1 / _COARSEST_PX] = 0
    total = float(energy.sum())
    # Parseval: the sum over all bins is H W times that over pixels, of which the window takes part.
    levels = np.sqrt(total / (height * width * np.square(window).sum()))
    shares = [
        energy[_near(rows, height, cell[0]) & _near(columns, width, cell[1])].sum() / total
        for cell in ((LATTICE_CELL_PX, LATTICE_CELL_PX), *cells_px)
        if total > 0
    ]
    return Texture(float(levels), float(max(shares, default=0.0)))


def _near(frequencies: np.ndarray, length: int, cell_px: float) -> np.ndarray:
    """Return where ``frequencies`` (px^-1) lie within two bins of a multiple of 1 / cell_px."""
    away = frequencies - np.rint(frequencies * cell_px) / cell_px
    near: np.ndarray = np.abs(away) * length <= _NEAR_BINS + 1e-6
    return near
