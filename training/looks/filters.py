"""The six filters."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from training.looks.structure import blur, flatten, lines, luminance, ramp, recolour, steps

Filter = Callable[[np.ndarray], np.ndarray]
# Of the paper cut, from dark to light.
_PAPERS = (
    (0.12, 0.10, 0.26),
    (0.42, 0.16, 0.38),
    (0.80, 0.29, 0.33),
    (0.96, 0.60, 0.36),
    (1, 0.89, 0.69),
)


def _colour(*rgb: float) -> np.ndarray:
    return np.array(rgb, np.float32)


def _mix(picture: np.ndarray, colour: tuple[float, float, float], share: np.ndarray) -> np.ndarray:
    """Return ``picture`` with ``share``, (H, W) 0..1, of one colour over it."""
    over = _colour(*colour)
    return np.asarray(picture + (over - picture) * share[..., None], np.float32)


def ink(picture: np.ndarray) -> np.ndarray:
    """Return a brush drawing: black lines and shadows, two grey washes, warm paper.

    After the extended difference of Gaussians of Winnemoeller et al. 2012.
    """
    flat = flatten(picture, 4)
    light = luminance(flat)
    broad = blur(light, 1.5)
    paper = np.broadcast_to(_colour(0.965, 0.94, 0.885), picture.shape)
    washed = _mix(paper, (0.72, 0.70, 0.68), 0.75 * (1 - ramp(broad, 0.44, 0.54)))
    washed = _mix(washed, (0.42, 0.41, 0.42), 0.85 * (1 - ramp(broad, 0.25, 0.33)))
    black = np.maximum(1 - ramp(broad, 0.10, 0.17), lines(luminance(blur(picture, 0.7)), 1.3, 38))
    return _mix(washed, (0.07, 0.06, 0.08), np.clip(black, 0, 1))


def comic(picture: np.ndarray) -> np.ndarray:
    """Return a printed comic: flat bright colours in few tones, black outlines.

    After Winnemoeller et al. 2006.
    """
    flat = flatten(picture, 4)
    light = steps(np.clip(luminance(flat) * 1.08 + 0.03, 0, 1), 5, 5)
    coloured = recolour(flat, light, 1.9)
    return _mix(coloured, (0.04, 0.03, 0.06), lines(luminance(blur(picture, 0.7)), 1.3, 34))


def watercolour(picture: np.ndarray) -> np.ndarray:
    """Return washes of thin paint on white paper, darker where they end.

    After Bousseau et al. 2006, section 4.1: a density d darkens a colour c to c - (c - c^2)(d - 1).
    """
    wash = flatten(flatten(picture, 5), 4)
    light = luminance(wash)
    pale = recolour(wash, 0.28 + 0.74 * light**0.9, 1.35)
    pale = _mix(pale, (0.985, 0.975, 0.95), ramp(light, 0.62, 0.92))
    soft = blur(light, 1.0)
    dx, dy = (cv2.Sobel(soft, -1, *way, ksize=3, scale=1 / 8) for way in ((1, 0), (0, 1)))
    edges = ramp(np.hypot(dx, dy), 0.015, 0.09)
    density = 1 + 1.3 * blur(edges, 0.8) + 0.35 * (0.5 - blur(light, 6))
    dark = pale - (pale - pale * pale) * (density[..., None] - 1)
    return np.clip(dark, 0, 1).astype(np.float32)


def pencil(picture: np.ndarray) -> np.ndarray:
    """Return a drawing in soft pencil: lines, and tones rubbed with the finger.

    Tones are what is darker than its surroundings, as draughtsmen see them (a dodge of the blurred
    negative), so a dark room does not become a dark sheet.
    """
    light = luminance(flatten(picture, 2.5))
    near, far = blur(light, 6), blur(light, 24)
    relief = np.clip((light + 0.06) / (near + 0.06), 0, 1.0)
    tone = np.clip(0.55 * relief + 0.30 * (light + 0.12) / (far + 0.12) + 0.22, 0, 1)
    tone = np.clip(tone - 0.25 * (1 - ramp(light, 0.05, 0.5)), 0.12, 1)
    drawn = lines(luminance(blur(picture, 0.6)), 1.1, 30)
    sheet = np.broadcast_to(_colour(0.97, 0.965, 0.95), picture.shape)
    shaded = _mix(sheet, (0.25, 0.25, 0.28), ramp(1 - tone, 0.02, 0.75))
    return _mix(shaded, (0.13, 0.13, 0.16), 0.9 * drawn)


def paper_cut(picture: np.ndarray) -> np.ndarray:
    """Return layers of coloured paper above each other, each with its shadow."""
    light = blur(luminance(flatten(flatten(picture, 6), 6)), 1.2)
    levels = steps(light * 1.06, len(_PAPERS), 14)
    above = np.pad(blur(levels, 2.5), ((3, 0), (2, 0)), "edge")[:-3, :-2]
    shadow = np.clip((above - levels) * 2.2, 0, 0.55)
    places = (np.arange(len(_PAPERS)) + 0.5) / len(_PAPERS)
    papers = np.dstack([np.interp(levels, places, channel) for channel in np.transpose(_PAPERS)])
    return np.asarray(papers * (1 - shadow[..., None]), np.float32)


def neon(picture: np.ndarray) -> np.ndarray:
    """Return glowing tubes along the edges of a dark, violet picture."""
    flat = flatten(picture, 3)
    light = luminance(flat)
    drawn = lines(luminance(blur(picture, 0.8)), 1.4, 40, 4)
    warm = blur(flat, 3)
    hue = warm - luminance(warm)[..., None]
    size = np.sqrt((hue * hue).sum(2, keepdims=True) + 1e-4)
    base = _colour(0.15, 0.55, 0.95)  # of what has no colour
    tube = np.clip(base + (hue / size) * ramp(size, 0.015, 0.10) * 0.95, 0, 1)
    glow = 1.5 * blur(drawn, 2.2) + 1.6 * blur(drawn, 7)
    dark = _colour(0.045, 0.02, 0.10) + light[..., None] * _colour(0.17, 0.10, 0.30)
    lit = dark + tube * glow[..., None] * 0.75
    return np.clip(lit + drawn[..., None] * (0.45 + 0.55 * tube), 0, 1).astype(np.float32)


LOOKS: dict[str, Filter] = {
    "ink": ink,
    "comic": comic,
    "watercolour": watercolour,
    "pencil": pencil,
    "paper_cut": paper_cut,
    "neon": neon,
}
"""By the names of their styles."""
