"""What the six filters make of photos: drawn once, kept as pictures, and read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import UsageError
from training.data import PHOTO_SUFFIXES, read_photo, spread
from training.distil.pictures import FEWEST, draw_view
from training.looks.filters import LOOKS

BEFORE = "before"


def draw_targets(
    photos: Path, folder: Path, most: int, show: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Have the filters draw up to ``most`` of the pictures in ``photos``.

    They lie in ``folder``, in ``before/`` and a folder for each look; what lies there is kept. Half
    of the photos are softened as filmed pictures are, every second one is seen closer and in other
    light. ``show(done, all)`` is called after each. Raises UsageError for too few photos.
    """
    found = [p for p in sorted(photos.iterdir()) if p.suffix.lower() in PHOTO_SUFFIXES]
    files = spread(found, most)
    if len(files) < FEWEST:
        raise UsageError(f"--photos {photos}: holds {len(files)} photos; {FEWEST} are the fewest.")
    for part in (BEFORE, *LOOKS):
        (folder / part).mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(len(files))  # of every kind from the first on
    for done, number in enumerate(order, start=1):
        name = f"{number:04}.png"
        if not (folder / BEFORE / name).is_file():
            view = draw_view(files[number], number % 2, int(number))
            seen = np.float32(view) / 255
            for look, draw in LOOKS.items():
                _write(folder / look / name, draw(seen))
            _write(folder / BEFORE / name, seen)  # last: without it there is none
        show(done, len(files))


def read_targets(folder: Path) -> list[np.ndarray]:
    """Return each photo and what the looks are of it, (H, W, 3 + 3 * looks) uint8 RGB."""
    names = sorted(path.name for path in (folder / BEFORE).glob("*.png"))
    return [
        np.dstack([read_photo(folder / part / name) for part in (BEFORE, *LOOKS)]) for name in names
    ]


def _write(path: Path, picture: np.ndarray) -> None:
    with atomic_write(path) as written:
        bytes_ = (255 * picture[:, :, ::-1]).round().clip(0, 255).astype(np.uint8)
        cv2.imencode(".png", bytes_)[1].tofile(written)
