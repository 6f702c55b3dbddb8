"""What a picture file says of itself beside its pixels, which PyAV does not tell."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from engines.errors import SourceError
from realtime.media.reading.picture_files import open_picture
from realtime.picture.orientation import EXIF_ORIENTATIONS, Orientation

_ORIENTATION = 0x0112


class PictureTags(NamedTuple):
    """What of that matters for painting it."""

    orientation: Orientation | None = None
    """How it is laid upright; None if the file says nothing."""

    profile: bytes | None = None
    """The ICC profile that its colours are meant in.

    None without one, and for one of grey or of ink, which RGB cannot carry.
    """


def read_tags(path: Path) -> PictureTags:
    """Read the tags with Pillow; none of kinds of pictures that only FFmpeg reads."""
    try:
        with open_picture(path) as picture:
            number = picture.getexif().get(_ORIENTATION, 0)
            profile = picture.info.get("icc_profile")
    except (SourceError, OSError, SyntaxError, ValueError, struct.error):
        return PictureTags()
    return PictureTags(
        EXIF_ORIENTATIONS.get(number), profile if profile and profile[16:20] == b"RGB " else None
    )
