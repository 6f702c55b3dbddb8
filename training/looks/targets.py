"""What the six filters make of photos: drawn once, kept as pictures, and read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.errors import UsageError
from training.data import read_photo, spread
from training.distil.pictures import BEFORE, FEWEST, draw_view, picture_files, write_picture
from training.looks.filters import LOOKS


def draw_targets(
    photos: Path, folder: Path, most: int, show: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Have the filters draw up to ``most`` of the pictures in ``photos``.

    They lie in ``folder``, in ``before/`` and a folder for each look; what lies there is kept. Half
    of the photos are softened as filmed pictures are, every second one is seen closer and in other
    light. ``show(done, all)`` is called after each. Raises UsageError for too few photos.
    """
    files = spread(picture_files(photos), most)
    if len(files) < FEWEST:
        raise UsageError(f"--photos {photos}: holds {len(files)} photos; {FEWEST} are the fewest.")
    for part in (BEFORE, *LOOKS):
        (folder / part).mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(0).permutation(len(files))  # of every kind from the first on
    for done, number in enumerate(order, start=1):
        name = f"{number:04}.png"
        if not (folder / BEFORE / name).is_file():
            view = draw_view(files[number], number % 2, int(number))
            for look, draw in LOOKS.items():
                drawn = (255 * draw(np.float32(view) / 255)).round().clip(0, 255)
                write_picture(folder / look / name, drawn.astype(np.uint8))
            write_picture(folder / BEFORE / name, view)  # last: without it there is none
        show(done, len(files))


def read_targets(folder: Path) -> list[np.ndarray]:
    """Return each photo and what the looks are of it, (H, W, 3 + 3 * looks) uint8 RGB."""
    names = sorted(path.name for path in (folder / BEFORE).glob("*.png"))
    return [
        np.dstack([read_photo(folder / part / name) for part in (BEFORE, *LOOKS)]) for name in names
    ]
