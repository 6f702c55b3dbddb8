"""Photos for training: which there are, which may be used, and reading them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from engines.errors import TrainingError

T = TypeVar("T")
PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def read_photo(path: Path) -> np.ndarray:
    """Return a picture file as (H, W, 3) uint8 RGB.

    Raises TrainingError if the file is not a picture.
    """
    picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise TrainingError(f"{path}: not a picture that can be read")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def resize_short_side(picture: np.ndarray, short_px: float) -> np.ndarray:
    """Scale so that the short side has ``short_px`` pixels.

    Shrinking averages, enlarging is cubic.
    """
    factor = short_px / min(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    return cv2.resize(
        picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )


def photo_files(
    folder: Path, exclude_licence: tuple[str, ...], without: tuple[str, ...] = ()
) -> list[Path]:
    """Return the folder's pictures by name.

    Those named in ``without`` are left out, and those whose licence in MANIFEST.tsv (beside the
    folder) holds a word of ``exclude_licence`` or is not listed. Raises TrainingError if none is
    left.
    """
    if not folder.is_dir():
        raise TrainingError(
            f"{folder}: no such folder of photos. Give the folder that holds it with --data DIR."
        )
    licences = read_licences(folder)
    if exclude_licence and not licences:
        raise TrainingError(
            f"{folder.parent}/MANIFEST.tsv: missing, so exclude_licence cannot be honoured. "
            "Add it, or remove exclude_licence."
        )
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in PHOTO_SUFFIXES and path.name not in without
    ]
    if not found:
        kinds = ", ".join(sorted(PHOTO_SUFFIXES))
        raise TrainingError(
            f"{folder}: holds no photos to train on ({kinds}). "
            "Put some there, or convert them to one of these."
        )
    if exclude_licence:
        found = [
            path for path in found if not _excluded(licences.get(path.name, ""), exclude_licence)
        ]
    if not found:
        words = ", ".join(exclude_licence)
        raise TrainingError(
            f"{folder}: exclude_licence ({words}) leaves no photo. Add others, or remove a word."
        )
    return found


def spread(items: list[T], most: int) -> list[T]:
    """Return ``most`` of ``items`` from the first to the last, evenly; all if there are no more."""
    return [
        items[i] for i in np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    ]


def read_licences(folder: Path) -> dict[str, str]:
    """Return the licence of each photo by file name.

    It is from MANIFEST.tsv beside the folder; empty without one.
    """
    manifest = folder.parent / "MANIFEST.tsv"
    if not manifest.is_file():
        return {}
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file, delimiter="\t")
            if row["file"].startswith(f"{folder.name}/")
        ]
    return {row["file"].split("/", 1)[1]: row["licence"] or "" for row in rows}


def _excluded(licence: str, words: tuple[str, ...]) -> bool:
    return not licence or any(word.lower() in licence.lower() for word in words)
