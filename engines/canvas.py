"""The canvas: noise that stays with the scene, from which a network paints even areas.

A network of convolutions that sees an even area can only repeat itself every cell. Generators are
given noise (Karras et al. 2019, section 3.2); for video it has to stay where the scene is. So it
lies in a world of its own, of which each frame sees a part: its ``view``.

The noise is made of whole numbers alone (a hash of its place), so every runtime, in any language,
draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CHANNELS = 2
MOST_STRENGTH = 1.5
GRAINS = 40
"""Grains of octave 0 along the short side of a frame: a cell each at 480 lines and 12 pixels."""
STILL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
"""The view of a camera that has not moved."""
_DEVIATION = (4 * (256**2 - 1) / 12) ** 0.5  # of the sum of four bytes
_BROADER = 3  # the second channel's grain, times the first's

View = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Maps points of a frame to the world: a (2, 3) matrix for (x, y, 1).

Both in short sides of the frame, x to the right and y down; a frame's origin is its middle.
"""


@dataclass(frozen=True)
class Canvas:
    """What a model takes as its canvas."""

    cell_px: int
    """Side of the cells that the noise is added to."""
    strengths: tuple[float, ...]
    """How strong each style is meant to have it, in the order of the style vector."""

    def shape(self, size: tuple[int, int]) -> tuple[int, int, int]:
        """Return the shape of one frame's canvas, (C, h, w), for (height, width) ``size``."""
        return CHANNELS, *canvas_shape(size, self.cell_px)

    def draw(
        self,
        size: tuple[int, int],
        style: np.ndarray,
        seed: int = 1,
        view: View = STILL,
        strength: float = 1.0,
    ) -> np.ndarray:
        """Return the canvas of frames of (height, width) ``size``, (N, C, h, w) fp32.

        style: (N, S) float32, or longer: what stands behind the weights is passed over. strength:
        times the mean of what the styles are meant to have.
        """
        noise = draw_canvas(size, self.cell_px, seed, view)[None]
        painted = style[:, 1 : len(self.strengths)]
        strengths = np.array(self.strengths[1 : 1 + painted.shape[1]], np.float32)
        meant = painted @ strengths * np.float32(strength)
        means = meant / np.maximum(painted.sum(1), np.float32(1e-6))
        strong: np.ndarray = noise * means.astype(np.float32)[:, None, None, None]
        return strong


def canvas_shape(size: tuple[int, int], cell_px: int) -> tuple[int, int]:
    """Return how many cells (down, across) a frame of (height, width) ``size`` has noise for.

    The first lies half beyond the picture, so there is one more than cells of ``cell_px``.
    """
    return -(-size[0] // cell_px) + 1, -(-size[1] // cell_px) + 1


@lru_cache(maxsize=8)
def draw_canvas(
    size: tuple[int, int], cell_px: int, seed: int = 1, view: View = STILL
) -> np.ndarray:
    """Return the noise of a frame of (height, width) ``size``, read-only.

    (CHANNELS, h, w) fp32 of mean 0 and variance 1, ``canvas_shape`` large. Its grains are about as
    large as a cell whatever the size and the zoom: they come from the two octaves next to that, and
    change from one to the other without a step.
    """
    points = _cell_middles(size, cell_px) @ np.array(view)[:, :2].T + np.array(view)[:, 2]
    zoom = np.sqrt(abs(np.linalg.det(np.array(view)[:, :2])))
    octave = np.log2(GRAINS * zoom * cell_px / min(size))
    lower = round(octave) if abs(octave - round(octave)) < 1e-9 else int(np.floor(octave))
    share = np.pi / 2 * (octave - lower)
    noise = np.cos(share) * _octave(points, lower, seed)
    if share > 1e-9:
        noise = noise + np.sin(share) * _octave(points, lower + 1, seed)
    drawn: np.ndarray = noise.astype(np.float32)
    drawn.setflags(write=False)
    return drawn


def _cell_middles(size: tuple[int, int], cell_px: int) -> np.ndarray:
    """Return the middles of the cells of a frame, (h, w, 2), x and y in short sides from its own.

    The network sees cells that lie half a cell off the picture's corner.
    """
    down, across = canvas_shape(size, cell_px)
    y, x = np.mgrid[:down, :across] * float(cell_px)
    middles: np.ndarray = np.stack([x - size[1] / 2, y - size[0] / 2], axis=-1) / min(size)
    return middles


def _octave(points: np.ndarray, octave: int, seed: int) -> np.ndarray:
    """Return the noise whose grains are 2^octave / GRAINS large at ``points``, (CHANNELS, h, w)."""
    grains = points * (GRAINS / 2.0**octave)
    key = (seed * 0x9E3779B1 + octave * 0x85EBCA77) & 0xFFFFFFFF
    return np.stack([_between(grains / _BROADER**i, key + i) for i in range(CHANNELS)])


def _between(points: np.ndarray, key: int) -> np.ndarray:
    """Return the noise at ``points`` between its grains, (h, w).

    Bilinear, divided by the root of the sum of squared weights: without that, noise is weaker
    between four grains than on one, and a canvas that moves breathes.
    """
    whole = np.floor(points)
    x, y = (points - whole).astype(np.float32).transpose(2, 0, 1)
    column, row = whole.astype(np.int64).transpose(2, 0, 1)
    first, top = column.min(), row.min()
    columns, rows = np.arange(first, column.max() + 2), np.arange(top, row.max() + 2)
    grains = _noise(columns[None], rows[:, None], key)
    column, row = column - first, row - top
    upper = grains[row, column] * (1 - x) + grains[row, column + 1] * x
    lower = grains[row + 1, column] * (1 - x) + grains[row + 1, column + 1] * x
    weights = (x**2 + (1 - x) ** 2) * (y**2 + (1 - y) ** 2)
    even: np.ndarray = (upper * (1 - y) + lower * y) / np.sqrt(weights)
    return even


def _noise(column: np.ndarray, row: np.ndarray, key: int) -> np.ndarray:
    """Return noise of mean 0 and variance 1 for each place of whole numbers, fp32.

    The four bytes of a hash, added: near enough to a normal distribution (Irwin 1927, Hall 1927).
    """
    across, down = ((number & 0xFFFFFFFF).astype(np.uint32) for number in (column, row))
    placed = _mixed(_mixed(np.uint32(key & 0xFFFFFFFF) ^ across) ^ down)
    total = (placed & 255) + (placed >> 8 & 255) + (placed >> 16 & 255) + (placed >> 24)
    noise: np.ndarray = (total.astype(np.float32) - 510) / np.float32(_DEVIATION)
    return noise


def _mixed(x: np.ndarray) -> np.ndarray:
    """Return a hash of each number (Wellons 2018, "Prospecting for hash functions", lowbias32)."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    mixed: np.ndarray = x ^ (x >> np.uint32(16))
    return mixed
