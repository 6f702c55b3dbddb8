"""Pairs of pictures, before and after: found, read, and made by a teacher.

They lie in two folders, ``before/`` and ``after/``; a pair has one name, whatever the ending.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import TrainingError, UsageError
from training.data import PHOTO_SUFFIXES, read_photo, resize_short_side, spread
from training.pairs import relight, soften

BEFORE, AFTER = "before", "after"
LINES_PX = 480
"""The short side at which pairs are learnt from: that of frames at brush 1."""
FEWEST = 4
_MOST_PAIRS = 300  # 550 MB of them as pixels
_ROUNDS = 8  # views of each photo at most, in ever other light
_CLOSER = 1.5  # times larger, where a photo is seen again
_LONGEST = 1.5  # times the short side: more would take a teacher long and is hardly filmed
_SIZE_STEP = 96  # of views: a teacher is made ready anew for each size
_SAME_SHAPE = 0.01
_HELD_SHARE, _HELD = 0.1, (1, 6)

Paint = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class PairFiles:
    """A picture, and what shall become of it."""

    before: Path
    after: Path


def find_pairs(folder: Path) -> list[PairFiles]:
    """Return the pairs in ``folder``, by name, 300 of them at most.

    Raises UsageError where there are too few, or a picture has no other.
    """
    parts = [folder / name for name in (BEFORE, AFTER)]
    if not all(part.is_dir() for part in parts):
        raise UsageError(
            f"--pairs {folder}: has no folders {BEFORE}/ and {AFTER}/. Put the untouched pictures "
            f"into {BEFORE}/, and what shall become of them into {AFTER}/ under the same names."
        )
    before, after = ({file.stem: file for file in picture_files(part)} for part in parts)
    alone = sorted(before.keys() - after.keys())
    if alone:
        raise UsageError(
            f"--pairs {folder}: {len(alone)} of the pictures in {BEFORE}/ have none of their name "
            f"in {AFTER}/, such as {alone[0]}. Add them, or take these out."
        )
    if len(before) < FEWEST:
        kinds = ", ".join(sorted(PHOTO_SUFFIXES))
        raise UsageError(
            f"--pairs {folder}: holds {len(before)} pairs ({kinds}); {FEWEST} are the fewest to "
            "learn from, and 200 make a good style."
        )
    return [
        PairFiles(path, after[path.stem]) for path in spread(sorted(before.values()), _MOST_PAIRS)
    ]


def split_pairs(pairs: list[PairFiles]) -> tuple[list[PairFiles], list[PairFiles]]:
    """Return the pairs to learn from, and those that are held out to measure: one in ten."""
    least, most = _HELD
    held = spread(pairs, max(least, min(most, round(_HELD_SHARE * len(pairs)))))
    return [pair for pair in pairs if pair not in held], held


def read_pair(files: PairFiles) -> np.ndarray:
    """Return both pictures of a pair in one, (H, W, 6) uint8 RGB, H or W ``LINES_PX``.

    Raises TrainingError for what cannot be read or is not of one shape.
    """
    before, after = read_photo(files.before), read_photo(files.after)
    shapes = [picture.shape[1] / picture.shape[0] for picture in (before, after)]
    if abs(shapes[0] / shapes[1] - 1) > _SAME_SHAPE:
        sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (before, after)]
        raise TrainingError(
            f"{files.before.name} is {sizes[0]} and {files.after.name} is {sizes[1]}: a pair must "
            "show the same in the same place, so both need one shape. Crop one of them."
        )
    before = resize_short_side(before, LINES_PX)
    height, width = before.shape[:2]
    after = cv2.resize(after, (width, height), interpolation=cv2.INTER_AREA)
    return np.dstack([before, after])


def paint_targets(
    photos: Path,
    paint: Paint,
    folder: Path,
    seconds: float,
    show: Callable[[int, float], None] = lambda *_: None,
) -> None:
    """Have a teacher ``paint`` what it is to be learnt from, as pairs in ``folder``.

    Each photo first as it is, then closer and in other light, half of them as soft as what is
    filmed, for as long as ``seconds`` last, ``FEWEST`` in any case; then there are enough. What
    lies in the folder is kept. ``show(count, share)`` is called after each. Raises UsageError for
    too few photos.
    """
    files = spread(picture_files(photos), _MOST_PAIRS)
    if len(files) < FEWEST:
        kinds = ", ".join(sorted(PHOTO_SUFFIXES))
        raise UsageError(
            f"--photos {photos}: holds {len(files)} photos ({kinds}); {FEWEST} are the fewest to "
            "learn from, and 100 like what you film are better. Or give a clip."
        )
    wanted, begun_s = min(_MOST_PAIRS, _ROUNDS * len(files)), time.monotonic()
    for part in (BEFORE, AFTER):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number in range(wanted):
        name = f"{number:04}.png"
        if not (folder / BEFORE / name).is_file():
            spent_s = time.monotonic() - begun_s
            if number >= FEWEST and spent_s > seconds:
                break
            view = draw_view(files[number % len(files)], number // len(files), number)
            # What is before comes last: a pair without it is none.
            write_picture(folder / AFTER / name, paint(view))
            write_picture(folder / BEFORE / name, view)
        share = max((number + 1) / wanted, (time.monotonic() - begun_s) / max(seconds, 1e-9))
        show(number + 1, min(1.0, share))


def draw_view(file: Path, again: int, seed: int) -> np.ndarray:
    """Return a photo as a teacher is shown it, (H, W, 3) uint8 RGB, H or W ``LINES_PX``.

    again: how many times it was shown before. Repeatable for a ``seed``.
    """
    random = np.random.default_rng(seed)
    photo = read_photo(file)
    closer = np.exp(random.uniform(0, np.log(_CLOSER))) if again else 1.0
    photo = resize_short_side(photo, LINES_PX * closer)
    most = [LINES_PX, round(LINES_PX * _LONGEST)]
    height, width = photo.shape[:2]
    sides = [min(height, most[height > width]), min(width, most[width > height])]
    sides = [max(_SIZE_STEP, side // _SIZE_STEP * _SIZE_STEP) for side in sides]
    top, left = (int(random.integers(room + 1)) for room in (height - sides[0], width - sides[1]))
    photo = photo[top : top + sides[0], left : left + sides[1]]
    if again:
        marked = np.dstack([photo, np.zeros(photo.shape[:2], np.uint8)])
        photo = relight(marked, random)[..., :3]
    return np.ascontiguousarray(soften(photo, random))


def picture_files(folder: Path) -> list[Path]:
    """Return the pictures in ``folder``, by name; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PHOTO_SUFFIXES]


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write ``picture``, (H, W, 3) uint8 RGB, as PNG."""
    with atomic_write(path) as written:
        cv2.imencode(".png", picture[:, :, ::-1])[1].tofile(written)
