"""Finds the kinds of files: whatever is defined in the files of realtime/media/formats."""

from __future__ import annotations

import importlib
from pathlib import Path

from realtime.media.file_format import FileFormat, PictureFormat, ReadOnlyFormat, VideoFormat


def _find_formats() -> list[FileFormat]:
    """Import every file of the folder; return their formats by rank, then by ending."""
    names = sorted(path.stem for path in (Path(__file__).parent / "formats").glob("[!_]*.py"))
    modules = [importlib.import_module(f"realtime.media.formats.{name}") for name in names]
    found = {
        value.suffixes: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, FileFormat)
    }
    return sorted(found.values(), key=lambda found: (found.rank, found.suffixes))


FORMATS = _find_formats()

VIDEO_FORMATS = {
    suffix: known
    for known in FORMATS
    if isinstance(known, VideoFormat)
    for suffix in known.suffixes
}
"""What videos are written as, by ending."""

PICTURE_FORMATS = {
    suffix: known
    for known in FORMATS
    if isinstance(known, PictureFormat)
    for suffix in known.suffixes
}
"""What pictures are written as, by ending."""

WRITTEN_ENDINGS = (*VIDEO_FORMATS, *PICTURE_FORMATS)

ANIMATION_ENDINGS = (".gif",)
"""What a video is written as where the user says so; its painting becomes a film otherwise."""

OUTPUT_ENDINGS = (*WRITTEN_ENDINGS, *ANIMATION_ENDINGS)
"""Every ending that an output may have."""

READ_ONLY_FORMATS = {
    suffix: known
    for known in FORMATS
    if isinstance(known, ReadOnlyFormat)
    for suffix in known.suffixes
    if suffix not in WRITTEN_ENDINGS
}
"""What is read alone, by ending."""

PICTURE_ENDINGS = frozenset(PICTURE_FORMATS) | {
    suffix for suffix, known in READ_ONLY_FORMATS.items() if known.is_picture
}
"""Endings of files that are made for single pictures, read or written."""

READ_ENDINGS = frozenset((*WRITTEN_ENDINGS, *READ_ONLY_FORMATS))
"""What is taken from a folder. A file that is named is always tried, whatever it is called."""


def video_format(path: Path) -> VideoFormat:
    """Return what ``path`` is written as. Raises KeyError if its ending is none of a video."""
    return VIDEO_FORMATS[path.suffix.lower()]


def default_ending(path: Path) -> str:
    """Return the ending of a painting of ``path`` where the user gives none: its own if it can."""
    own = path.suffix.lower()
    if own in WRITTEN_ENDINGS:
        return path.suffix
    return READ_ONLY_FORMATS[own].painted_as if own in READ_ONLY_FORMATS else ".mp4"
