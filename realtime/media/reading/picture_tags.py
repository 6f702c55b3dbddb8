"""What a picture file says of itself beside its pixels, which PyAV does not tell."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

from realtime.picture.orientation import EXIF_ORIENTATIONS, Orientation

_ORIENTATION = 0x0112


class PictureTags(NamedTuple):
    """``orientation``: None if the file says nothing.

    ``profile``: the ICC profile that its colours are meant in; None without one, and for one of
    grey or of ink, which RGB cannot carry.
    """

    orientation: Orientation | None = None
    profile: bytes | None = None


def read_tags(path: Path) -> PictureTags:
    """Nothing of kinds of pictures that Pillow does not read: FFmpeg reads more."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            orientation = EXIF_ORIENTATIONS.get(picture.getexif().get(_ORIENTATION))
            profile = picture.info.get("icc_profile")
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError):
        return PictureTags()
    return PictureTags(orientation, profile if profile and profile[16:20] == b"RGB " else None)
