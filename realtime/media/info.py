"""What is known of a video or picture file before its frames are read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import SourceError
from realtime.media.pipes import STDIO
from realtime.picture.color import ColorCoding

if TYPE_CHECKING:
    from av.container.core import Chapter

_FINGERPRINT_SAMPLES = 16
_SAMPLE_BYTES = 65_536


@dataclass(frozen=True)
class VideoInfo:
    """A file that is open for reading, and what of it is read: all that a writer needs of it."""

    path: Path
    """Where it lies; ``STDIO`` for standard input."""

    size: tuple[int, int]
    """(height, width) that its frames are read in, upright."""

    coding: ColorCoding
    """The coding of its colours, to be written back; BT.709 where it is tone-mapped."""

    profile: bytes | None
    """The ICC profile of a picture file; None without one."""

    pixel_aspect: Fraction
    """Width of a pixel by its height, upright."""

    bit_depth: int
    """Bits of a colour value, as coded; 8 where it is tone-mapped."""

    has_alpha: bool
    """Whether its frames have transparency."""

    device: str | None
    """The GPU that decodes it ("cuda:0"), where its pixels then are; None for the CPU."""

    deinterlace: bool
    """Whether what is interlaced is read deinterlaced."""

    time_base: Fraction
    """Seconds of one tick of its frames' times."""

    first_pts: int
    """The time of the first frame that is read, in ticks."""

    rate: Fraction
    """Average frames per second, never to be trusted for time."""

    is_picture: bool
    """Whether it is a picture file."""

    duration_s: float | None
    """How long that lasts which is read; None if unknown."""

    is_cut: bool
    """Whether reading begins later than the file."""

    start_s: Fraction | None
    """Where reading begins, in seconds of its clock (clock.py); None: at its first frame."""

    end_s: Fraction | None
    """Where reading ends, in seconds of its clock; None: at its last frame."""

    timescale: int
    """Ticks per second of which every time of picture and sound is a whole multiple."""

    metadata: dict[str, str]
    """Title, date and the like, to be carried over."""

    language: str | None
    """The language of its pictures, to be carried over."""

    chapters: list[Chapter]
    """To be carried over."""

    def fingerprint(self) -> str:
        """Return ``fingerprint`` of the file. Raises SourceError."""
        return fingerprint(self.path)


def fingerprint(path: Path) -> str:
    """Return what tells the file ``path`` from others: a hash of its length and of samples of it.

    Not all of it is read. A pipe, which cannot be read again, is equal to none. Raises SourceError.
    """
    if path == STDIO:
        return os.urandom(16).hex()
    try:
        length = path.stat().st_size
        digest = hashlib.sha256(str(length).encode())
        with open(path, "rb") as file:
            for place in range(_FINGERPRINT_SAMPLES):
                file.seek(place * max(0, length - _SAMPLE_BYTES) // (_FINGERPRINT_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    return digest.hexdigest()[:32]
