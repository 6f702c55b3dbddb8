"""What add-style trains on.

That is a folder of the user's photos, frames of a clip of theirs, or what Python packages carry.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2

from engines.errors import SourceError, UsageError
from realtime.media.reading.video_file import VideoFile

_EVEN_AREAS = ("rocket.jpg", "camera.png")  # as walls and skies are; too stark to calibrate on
_PORTRAIT = (
    "grace_hopper.jpg"  # a face as large as a webcam's; public domain, in the matplotlib package
)
_CLIP_FRAMES = 24


def gather_photos(given: Path | None, folder: Path) -> Path:
    """Return the folder ``given``, or ``folder`` once it is filled.

    It is filled with frames of the clip ``given`` or, without any, with photos that packages carry.
    Raises SourceError for a file that is no clip, UsageError for one whose length is not known.
    """
    if given is None:
        return _carried(folder)
    return _frames_of(given, folder) if given.is_file() else given


def _carried(folder: Path) -> Path:
    import shutil

    import matplotlib

    from export.pictures import CARRIED, carried_files

    folder.mkdir(parents=True)
    for path in (
        *carried_files((*CARRIED, *_EVEN_AREAS)),
        Path(matplotlib.get_data_path(), "sample_data", _PORTRAIT),
    ):
        shutil.copyfile(path, folder / path.name)
    return folder


def _frames_of(clip: Path, folder: Path) -> Path:
    """Return ``_CLIP_FRAMES`` frames, evenly spread and sought one by one: clips may be long."""
    with VideoFile(clip) as video:
        length_s = video.info.duration_s
    if not length_s:
        raise UsageError(
            f"--photos {clip}: no clip whose length is known. Give another, or a folder of photos."
        )
    folder.mkdir(parents=True)
    for index in range(_CLIP_FRAMES):
        try:
            with VideoFile(clip, start_s=Fraction(length_s) * index / _CLIP_FRAMES) as video:
                frame = next(video.frames())
        except SourceError:
            if index == 0:
                raise
            break
        cv2.imencode(".png", cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR))[1].tofile(
            folder / f"{index:02}.png"
        )
    return folder
