"""The canvas: noise that stays with the scene, from which a network paints even areas.

A network of convolutions that sees an even area can only repeat itself every cell. Generators are
given noise (Karras et al. 2019, section 3.2); for video it has to stay where the scene is.
"""

from __future__ import annotations

import numpy as np

CHANNELS = 2
CELL_PX = 8  # of the cells that it is added to: the deep ones of `fast`
_BROADER = 3  # the second channel's grain, times the first's
_TILE = 64  # the field repeats after so many grains


def draw_field(random: np.random.Generator) -> np.ndarray:
    """Draw the noise of a world, which repeats itself: (CHANNELS, tile, tile) fp32."""
    return random.standard_normal((CHANNELS, _TILE, _TILE), np.float32)


def sample_canvas(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the field at ``points``, (CHANNELS, h, w) fp32 of variance 1.

    points: (h, w, 2), x and y in grains of the first channel.

    Bilinear, divided by the root of the sum of squared weights: without that, noise is weaker
    between four grains than on one, and a canvas that moves breathes.
    """
    return np.stack([_between(plane, points / _BROADER**i) for i, plane in enumerate(field)])


def _between(plane: np.ndarray, points: np.ndarray) -> np.ndarray:
    whole = np.floor(points)
    x, y = (points - whole).transpose(2, 0, 1).astype(np.float32)
    column, row = whole.astype(np.int64).transpose(2, 0, 1) % _TILE
    right, below = (column + 1) % _TILE, (row + 1) % _TILE
    upper = plane[row, column] * (1 - x) + plane[row, right] * x
    lower = plane[below, column] * (1 - x) + plane[below, right] * x
    weights = (x**2 + (1 - x) ** 2) * (y**2 + (1 - y) ** 2)
    return (upper * (1 - y) + lower * y) / np.sqrt(weights)


def cell_centres(height_px: int, width_px: int) -> np.ndarray:
    """Return the middles of the cells of a picture, (h, w, 2), x and y in pixels.

    The first cell reaches half beyond the picture. Sides are multiples of ``CELL_PX``.
    """
    y, x = np.mgrid[: height_px // CELL_PX + 1, : width_px // CELL_PX + 1] * CELL_PX - 0.5
    return np.stack([x, y], axis=-1)


def moved(points: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return ``points`` (..., 2) through a (3, 3) homography."""
    mapped = points @ motion[:, :2].T + motion[:, 2]
    return mapped[..., :2] / mapped[..., 2:]
