"""What the looks are made of: flat areas, lines along edges, and tones in steps."""

from __future__ import annotations

import cv2
import numpy as np

_SECTORS = 8
_FLAT = 8.0  # how strongly the flattest sector wins, q in the paper
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def luminance(picture: np.ndarray) -> np.ndarray:
    """Return how light each pixel of ``picture``, (H, W, 3) RGB, is: (H, W), 0..1."""
    light: np.ndarray = picture @ _LUMA
    return light


def blur(picture: np.ndarray, sigma_px: float) -> np.ndarray:
    """Return ``picture`` softened by a Gaussian of ``sigma_px``."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT))


def flatten(picture: np.ndarray, radius_px: float) -> np.ndarray:
    """Return ``picture`` in flat areas with crisp borders, as broad strokes leave them.

    Papari et al. 2007, eq. 5 to 8: around each pixel eight sectors of a disc; the less the colours
    of a sector deviate, the more its mean counts.
    """
    squares = picture * picture
    total = np.zeros_like(picture)
    weights = np.zeros((*picture.shape[:2], 1), np.float32)
    for kernel in _sectors(radius_px):
        mean, square = (
            cv2.filter2D(part, -1, kernel, borderType=cv2.BORDER_REFLECT)
            for part in (picture, squares)
        )
        deviation = np.sqrt(np.maximum(square - mean * mean, 0).sum(2, keepdims=True))
        weight = (0.02 + deviation) ** -_FLAT
        total += weight * mean
        weights += weight
    return np.asarray(total / weights)


def _sectors(radius_px: float) -> list[np.ndarray]:
    reach = int(np.ceil(2 * radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    disc = np.exp(-(x * x + y * y) / (2 * radius_px**2 / 2))
    angle = np.arctan2(y, x)
    kernels = []
    for number in range(_SECTORS):
        apart = np.angle(np.exp(1j * (angle - 2 * np.pi * number / _SECTORS)))
        share = np.clip(1.5 - np.abs(apart) * _SECTORS / (2 * np.pi), 0, 1)
        share[reach, reach] = 1 / _SECTORS
        kernels.append((disc * share / (disc * share).sum()).astype(np.float32))
    return kernels


def lines(light: np.ndarray, sigma_px: float, sharpness: float, wobble: float = 3.0) -> np.ndarray:
    """Return where ``light``, (H, W) 0..1, has dark lines and the dark sides of edges: 0..1.

    Winnemoeller et al. 2012, eq. 7 and section 3.2: a difference of two Gaussians across the edges
    (the wider 1.6 times as wide), averaged along them for ``wobble`` pixels to either side, and a
    soft threshold. Flat areas have none, however dark.
    """
    difference = blur(light, sigma_px) - blur(light, 1.6 * sigma_px)
    difference = along(difference, tangents(light, 2.0), wobble)
    return np.tanh(np.maximum(-difference * sharpness - 0.25, 0) * 2).astype(np.float32)


def tangents(light: np.ndarray, sigma_px: float) -> np.ndarray:
    """Return the directions along edges, (H, W, 2) of length 1 for (x, y).

    Brox et al. 2006: the eigenvectors of the structure tensor that is smoothed by ``sigma_px``.
    """
    dx, dy = (cv2.Scharr(light, -1, *way, scale=1 / 32) for way in ((1, 0), (0, 1)))
    xx, yy, xy = (blur(part, sigma_px) for part in (dx * dx, dy * dy, dx * dy))
    half = np.arctan2(2 * xy, xx - yy) / 2 + np.pi / 2
    return np.dstack([np.cos(half), np.sin(half)]).astype(np.float32)


def along(values: np.ndarray, ways: np.ndarray, reach_px: float) -> np.ndarray:
    """Return ``values`` averaged along ``ways``, ``reach_px`` to either side.

    Cabral & Leedom 1993 (line integral convolution), in steps of a pixel.
    """
    height, width = values.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    total, count = values.copy(), 1.0
    for sign in (-1, 1):
        at_x, at_y, way = x.copy(), y.copy(), sign * ways
        for step in range(1, int(reach_px) + 1):
            at_x, at_y = at_x + way[..., 0], at_y + way[..., 1]
            share = float(np.exp(-((2 * step / (reach_px + 1)) ** 2) / 2))
            total += share * _at(values, at_x, at_y)
            count += share
            ahead = np.dstack([_at(ways[..., k], at_x, at_y) for k in (0, 1)])
            same = np.sign((ahead * way).sum(2, keepdims=True))
            way = ahead * np.where(same == 0, 1, same)  # a direction has no sign of its own
    return np.asarray(total / count, np.float32)


def _at(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))


def steps(light: np.ndarray, count: int, hardness: float) -> np.ndarray:
    """Return ``light``, 0..1, in ``count`` even steps with soft edges between them.

    Winnemoeller et al. 2006, eq. 5: hyperbolic tangents; the larger ``hardness``, the harder.
    """
    scaled = np.clip(light, 0, 1) * count - 0.5
    nearest = np.round(scaled)
    soft = np.tanh((scaled - nearest) * hardness) / np.tanh(hardness / 2) / 2
    return np.clip((nearest + soft + 0.5) / count, 0, 1).astype(np.float32)


def recolour(picture: np.ndarray, light: np.ndarray, saturation: float = 1.0) -> np.ndarray:
    """Return ``picture`` as light as ``light``, (H, W), its colours ``saturation`` times as far."""
    grey = luminance(picture)[..., None]
    colour = (picture - grey) * saturation
    return np.clip(light[..., None] + colour, 0, 1).astype(np.float32)


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high``, and a smooth step between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
