"""The two sets of pictures: found, read, held out in part, and drawn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.errors import TrainingError, UsageError
from training.data import PHOTO_SUFFIXES, read_photo, resize_short_side, spread

FEWEST = 8
_MOST_BYTES = 600_000_000  # of pictures of a folder: 650 of them at 480 lines
_SHAPE = 4 / 3  # of most photos
_HELD_SHARE, _MOST_HELD = 1 / 5, 50
_NAMED = 3  # of the pictures that cannot be read


@dataclass(frozen=True)
class PictureSet:
    """Pictures of one kind, (H, W, 3) uint8 RGB: to learn from, and held out to look at."""

    folder: Path
    learnt: list[np.ndarray]
    held: list[np.ndarray]


def read_set(folder: Path, lines_px: int, say: Callable[[str], None]) -> PictureSet:
    """Read the pictures in ``folder`` at a short side of at most ``lines_px``.

    One in five is held out. What cannot be read or is left out is said. Raises UsageError where too
    few are left.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder of pictures.")
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PHOTO_SUFFIXES]
    files = spread(found, int(_MOST_BYTES / (3 * _SHAPE * lines_px**2)))
    if len(files) < len(found):
        say(f"{folder}: of {len(found)} pictures {len(files)} are taken, evenly spread")
    pictures, broken = [], []
    for path in files:
        try:
            pictures.append(_shrunk(read_photo(path), lines_px))
        except TrainingError:
            broken.append(path.name)
    if broken:
        more = ", ..." if len(broken) > _NAMED else ""
        say(
            f"{folder}: left out are {len(broken)} files that cannot be read as pictures: "
            f"{', '.join(broken[:_NAMED])}{more}"
        )
    if len(pictures) < FEWEST:
        kinds = ", ".join(sorted(PHOTO_SUFFIXES))
        raise UsageError(
            f"{folder}: holds {len(pictures)} pictures that can be read ({kinds}); {FEWEST} are "
            "the fewest to learn from, and some hundreds make a good translator."
        )
    held = _held_places(len(pictures))
    learnt = [picture for i, picture in enumerate(pictures) if i not in held]
    return PictureSet(folder, learnt, [pictures[i] for i in sorted(held)])


def _shrunk(picture: np.ndarray, lines_px: int) -> np.ndarray:
    if min(picture.shape[:2]) <= lines_px:
        return picture
    return resize_short_side(picture, lines_px)


def _held_places(count: int) -> set[int]:
    held = min(_MOST_HELD, max(2, round(count * _HELD_SHARE)))
    # Neighbours by name are alike, so not at the ends alone.
    return {int((i + 0.5) * count / held) for i in range(held)}


def draw_crop(
    pictures: list[np.ndarray],
    size_px: int,
    lines_px: tuple[float, float],
    random: np.random.Generator,
) -> np.ndarray:
    """Return a square of one of the pictures, (3, size_px, size_px) float32 RGB in 0..1.

    The picture is seen at a short side between ``lines_px``, mirrored or not.
    """
    picture = pictures[random.integers(len(pictures))]
    low, high = np.log(lines_px)
    short = min(picture.shape[:2])
    side = max(1, min(short, round(size_px * short / np.exp(random.uniform(low, high)))))
    top, left = (int(random.integers(room - side + 1)) for room in picture.shape[:2])
    crop = picture[top : top + side, left : left + side]
    way = cv2.INTER_AREA if side > size_px else cv2.INTER_CUBIC
    crop = cv2.resize(crop, (size_px, size_px), interpolation=way)
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    return np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32) / 255
