"""Real pictures to check and calibrate on."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from engines.errors import ExportError

# People, a table, fur and a cluttered room; free to use, and inside the scikit-image package.
CARRIED = ("astronaut.png", "coffee.png", "chelsea.png", "motorcycle_left.png")


def read_pictures(folder: Path | None, limit: int) -> list[np.ndarray]:
    """Return up to ``limit`` pictures, (H, W, 3) uint8 RGB each.

    They are spread evenly over ``folder``'s; without it, they are those that scikit-image carries.

    Raises ExportError if there is none.
    """
    if folder is None:
        files = carried_files()
    else:
        found = sorted(
            p for p in folder.glob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
        )
        files = found[:: max(1, len(found) // limit)]
    pictures = [read_picture(path) for path in files[:limit] if path.is_file()]
    if not pictures:
        raise ExportError(
            "no pictures to check on. Give a folder of photos with --pictures DIR, or: "
            "pip install scikit-image"
        )
    return pictures


def carried_files(names: tuple[str, ...] = CARRIED) -> list[Path]:
    """Return photos inside the scikit-image package; none if it is not installed."""
    package = importlib.util.find_spec("skimage")
    return [Path(package.origin).parent / "data" / name for name in names] if package else []


def read_picture(path: Path) -> np.ndarray:
    """Return a picture, (H, W, 3) uint8 RGB. Raises ExportError where it cannot be read."""
    if not path.is_file():
        raise ExportError(f"{path}: there is no such picture.")
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ExportError(f"{path}: not a picture that can be read")
    return np.ascontiguousarray(picture[:, :, ::-1])
