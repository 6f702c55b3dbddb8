"""Pictures that a predictor learns from: paintings split by artist, photos, and drawn patterns."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from training.data import read_photo, resize_short_side

HELD_OUT = 40
"""So many paintings, with all others by their artists, are never learned from."""
SIDE_PX = 320
"""Side of the views that are drawn, at the scale at which paintings are looked at."""
_SHORT_PX = 490  # of a painting at scale 1, as the bundled styles have it
_SCALES = (0.6, 1.7)
_BORDER = 0.04  # frames, signatures and white borders would enter the statistics
_PHOTO_SHARE, _PATTERN_SHARE = 0.15, 0.08
_HUE_SHARE, _HUE_DEG = 0.3, 30.0
_MIX_SHARE = 0.1
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def split_paintings(folder: Path, known: frozenset[str]) -> tuple[list[Path], list[Path]]:
    """Return the paintings of ``folder`` to learn from, and those held out, by artist.

    Artists are drawn by the hash of their name until ``HELD_OUT`` paintings are together. ``known``
    artists are never held out: the network has been trained on them. The folder's MANIFEST.tsv
    says who painted what.
    """
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        artists = {row["file"]: row["artist"] for row in csv.DictReader(file, delimiter="\t")}
    files = [path for path in sorted(folder.iterdir()) if path.name in artists]
    held: list[Path] = []
    strangers = {a for a in artists.values() if _letters(a) not in map(_letters, known)}
    for artist in sorted(strangers, key=_hash):
        if len(held) >= HELD_OUT:
            break
        held += [path for path in files if artists[path.name] == artist]
    return [path for path in files if path not in held], held[:HELD_OUT]


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Views:
    """Draws views of pictures as users might choose them, repeatable for a seed."""

    def __init__(self, paintings: list[Path], photos: list[Path], seed: int) -> None:
        self._paintings, self._photos = paintings, photos
        self._random = np.random.default_rng(seed)

    def next(self) -> np.ndarray:
        """Return a view, (SIDE_PX, SIDE_PX, 3) uint8 RGB.

        Some are recoloured, mirrored, or two pictures laid over each other.
        """
        random = self._random
        view = self._view()
        if random.random() < _MIX_SHARE:
            view = cv2.addWeighted(view, 0.5, self._view(), 0.5, 0)
        if random.random() < _HUE_SHARE:
            view = turn_hue(view, random.uniform(-_HUE_DEG, _HUE_DEG))
        return np.ascontiguousarray(view[:, ::-1] if random.random() < 0.5 else view)

    def _view(self) -> np.ndarray:
        random = self._random
        kind = random.random()
        if kind < _PATTERN_SHARE:
            return draw_pattern(random)
        files = self._photos if kind < _PATTERN_SHARE + _PHOTO_SHARE else self._paintings
        picture = without_border(read_photo(files[random.integers(len(files))]))
        scale = np.exp(random.uniform(*np.log(_SCALES)))
        picture = resize_short_side(picture, _SHORT_PX * scale)
        return cut(picture, lambda room: int(random.integers(room + 1)))


def middle_view(path: Path, scale: float = 1.0) -> np.ndarray:
    """Return the middle of a picture at ``scale``, (SIDE_PX, SIDE_PX, 3) uint8 RGB."""
    picture = resize_short_side(without_border(read_photo(path)), _SHORT_PX * scale)
    return cut(picture, lambda room: room // 2)


def without_border(picture: np.ndarray) -> np.ndarray:
    """Return ``picture`` (H, W, 3) without 4 % at each side."""
    down, across = (round(_BORDER * side) for side in picture.shape[:2])
    return picture[down : picture.shape[0] - down, across : picture.shape[1] - across]


def cut(picture: np.ndarray, place: Callable[[int], int]) -> np.ndarray:
    """Return a square of ``picture`` at ``place(room)``; what is too small is mirrored."""
    height, width = picture.shape[:2]
    down, across = (max(0, SIDE_PX - side) for side in (height, width))
    if down or across:
        picture = np.pad(picture, ((0, down), (0, across), (0, 0)), "symmetric")
        height, width = picture.shape[:2]
    top, left = place(height - SIDE_PX), place(width - SIDE_PX)
    return picture[top : top + SIDE_PX, left : left + SIDE_PX]


def turn_hue(picture: np.ndarray, angle_deg: float) -> np.ndarray:
    """Turn the colours of ``picture`` (H, W, 3) uint8 RGB, and keep its light and shade."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV_FULL)
    turned = hsv.copy()
    turned[..., 0] = (hsv[..., 0].astype(int) + round(angle_deg / 360 * 256)) % 256
    rgb = cv2.cvtColor(turned, cv2.COLOR_HSV2RGB_FULL).astype(np.float32)
    lost = picture.astype(np.float32) @ _LUMA - rgb @ _LUMA
    return np.clip(rgb + lost[..., None], 0, 255).astype(np.uint8)


def draw_pattern(random: np.random.Generator) -> np.ndarray:
    """Draw what is no painting: shapes in few colours, stripes, or noise of one grain."""
    colours = random.integers(0, 256, (int(random.integers(2, 6)), 3))
    kind = random.integers(3)
    if kind == 0:
        picture = np.full((SIDE_PX, SIDE_PX, 3), colours[0], np.uint8)
        for _ in range(int(random.integers(3, 40))):
            points = random.integers(0, SIDE_PX, (int(random.integers(3, 7)), 2), dtype=np.int32)
            colour = colours[random.integers(len(colours))].tolist()
            cv2.fillPoly(picture, [points], colour, cv2.LINE_AA)
        return picture
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    if kind == 1:
        angle, period_px = random.uniform(0, np.pi), np.exp(random.uniform(*np.log((8, 90))))
        phase = (x * np.cos(angle) + y * np.sin(angle)) / period_px + random.uniform(0, 1)
    else:
        grain = int(SIDE_PX / np.exp(random.uniform(*np.log((4, 60)))))
        noise = random.random((grain, grain), np.float32)
        phase = cv2.resize(noise, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
    place = (phase % 1) * len(colours)
    return colours[np.floor(place).astype(int) % len(colours)].astype(np.uint8)
