"""Reads the pictures that the flags of a look name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from realtime.media.reading.video_file import VideoFile
from realtime.picture.grade import Grade
from realtime.picture.layers import NO_PICTURES, LookPictures


def read_look_pictures(
    backdrop: Path | None,
    mask: Path | None = None,
    still: Path | None = None,
    grade: Grade | None = None,
) -> LookPictures:
    """Read --behind FILE, --mask FILE and --still FILE, of a film its first frame.

    ``grade`` is read already. Raises SourceError for a file that is no picture.
    """
    if backdrop is None and mask is None and still is None and grade is None:
        return NO_PICTURES
    return LookPictures(
        None if backdrop is None else _read_first(backdrop),
        # A mask is grey: any one of its colours has it.
        None if mask is None else np.ascontiguousarray(_read_first(mask)[..., 1]),
        None if still is None else _read_first(still),
        grade,
    )


def _read_first(path: Path) -> np.ndarray:
    with VideoFile(path) as video:
        pixels = next(iter(video.frames())).pixels
    return np.asarray(pixels)
