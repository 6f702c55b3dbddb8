"""How near a picture is to being linear in a photo's colours, everywhere: Levin et al. 2008.

Levin, Lischinski, Weiss: A Closed-Form Solution to Natural Image Matting. A picture that is so
looks like the photo in other light: nothing is bent, and no edge is where the photo has none.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import sparse

EPSILON = 1e-7  # of their equation 12, for colours of 0..1
_WINDOW_PX = 3
_PLACES = tuple(np.ndindex(_WINDOW_PX, _WINDOW_PX))


def matting_laplacian(photo: np.ndarray) -> sparse.csr_array:
    """Return the matting Laplacian of ``photo``, sparse and symmetric (their equation 12).

    photo: (H, W, 3) uint8 RGB, sides of at least 3. Returns (H W, H W) float64 with at most 25
    numbers a row: of places that lie in one window of three by three pixels.
    """
    height, width = photo.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(
        photo.astype(np.float64) / 255, (_WINDOW_PX, _WINDOW_PX), (0, 1)
    )
    centred = windows - windows.mean((3, 4), keepdims=True)  # (H - 2, W - 2, 3, 3, 3)
    inner = np.einsum("hwaij,hwbij->hwab", centred, centred) / len(_PLACES)
    inverse = np.linalg.inv(inner + EPSILON / len(_PLACES) * np.eye(3))
    # A diagonal of the matrix for each way from one place of a window to another.
    diagonals: dict[int, np.ndarray] = {}
    for row, column in _PLACES:
        leaned = np.einsum("hwab,hwb->hwa", inverse, centred[..., row, column])
        for to_row, to_column in _PLACES:
            alike = 1 + np.einsum("hwa,hwa->hw", leaned, centred[..., to_row, to_column])
            is_same = (row, column) == (to_row, to_column)
            way = (to_row - row) * width + to_column - column
            # scipy keeps a diagonal's numbers by their columns.
            diagonal = diagonals.setdefault(way, np.zeros((height, width)))
            bottom, right = to_row + height - 2, to_column + width - 2
            diagonal[to_row:bottom, to_column:right] += is_same - alike / len(_PLACES)
    bands = np.stack([diagonal.ravel() for diagonal in diagonals.values()])
    size = height * width
    return sparse.dia_array((bands, list(diagonals)), shape=(size, size)).tocsr()


def matting_energy(picture: np.ndarray, photo: np.ndarray) -> float:
    """Return V'MV per window, with the matting Laplacian M of ``photo``, without making M.

    It is what is left of ``picture`` where it is as linear in the photo's colours as can be, in
    each window of three by three pixels (their equations 4 and 12). Both (H, W, 3) uint8 RGB.
    """
    _, _, left = _fit(photo, picture, _WINDOW_PX, EPSILON / len(_PLACES))
    return float(len(_PLACES) * left[1:-1, 1:-1].clip(0).sum(-1).mean())


def local_maps(
    photo: np.ndarray, picture: np.ndarray, radius_px: int, epsilon: float
) -> np.ndarray:
    """Return what makes the photo's colours the picture's, linear at each place and smooth.

    It is the guided filter's mean of the maps of all windows that hold a place (He et al. 2013,
    equations 14-16, 19-21): joint smoothing that cannot blur what the photo has. epsilon: for
    colours of 0..1. Both (H, W, 3) uint8 RGB. Returns (H, W, 4, 3) float32: from red, green, blue
    and one.
    """
    side_px = 2 * radius_px + 1
    slopes, offsets, _ = _fit(photo, picture, side_px, epsilon)
    maps = np.concatenate([slopes, offsets[..., None, :]], 2)
    smooth = [_mean(maps[:, :, row], side_px) for row in range(4)]
    return np.stack(smooth, 2).astype(np.float32)


def apply_maps(maps: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Return ``photo``, (H, W, 3) uint8 RGB, by the maps of ``local_maps``, of whatever size."""
    height, width = photo.shape[:2]
    colours = photo.astype(np.float32) / 255
    channels = []
    for channel in range(3):  # one by one, for photos of many megapixels
        grown = np.ascontiguousarray(maps[..., channel])
        grown = cv2.resize(grown, (width, height), interpolation=cv2.INTER_LINEAR)
        channels.append((colours * grown[..., :3]).sum(-1) + grown[..., 3])
    return (np.stack(channels, -1).clip(0, 1) * 255).round().astype(np.uint8)


def _fit(
    photo: np.ndarray, picture: np.ndarray, side_px: int, epsilon: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit ``picture`` linearly to the photo's colours around each place, by least squares.

    Returns slopes (H, W, 3, 3), from the photo's to the picture's channels, offsets (H, W, 3), and
    the mean square that is left (H, W, 3), all float64.
    """
    one, two = (p.astype(np.float64) / 255 for p in (photo, picture))
    means = [_mean(plane, side_px) for plane in (one, two)]
    inner, between = np.empty((2, *photo.shape, 3))
    for a in range(3):
        inner[:, :, a] = (
            _mean(one[..., a : a + 1] * one, side_px) - means[0][..., a, None] * means[0]
        )
        between[:, :, a] = (
            _mean(one[..., a : a + 1] * two, side_px) - means[0][..., a, None] * means[1]
        )
    slopes = np.linalg.solve(inner + epsilon * np.eye(3), between)
    offsets = means[1] - np.einsum("hwa,hwab->hwb", means[0], slopes)
    spread = _mean(two * two, side_px) - means[1] ** 2
    return slopes, offsets, spread - (between * slopes).sum(-2)


def _mean(planes: np.ndarray, side_px: int) -> np.ndarray:
    return cv2.blur(planes, (side_px, side_px), borderType=cv2.BORDER_REFLECT)
