"""Picture files that Pillow reads better than FFmpeg: HEIC and AVIF whole, animated WebP at all.

FFmpeg gives the tiles of a HEIC one by one and leaves out its transparency.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import SourceError
from engines.install import install_line

if TYPE_CHECKING:
    from av.container.core import Chapter
    from av.video.frame import VideoFrame
    from PIL.Image import Image as Picture

MAX_PIXELS = 8192 * 8192
_TIME_BASE = Fraction(1, 1000)
_USUAL_MS = 100  # of a frame that says nothing, as in browsers
# Pillow's names of what may be read: none that runs other programs, and no films of its own.
_PICTURES = (
    *("AVIF", "BMP", "DDS", "DIB", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG"),
    *("PPM", "PSD", "QOI", "SGI", "TGA", "TIFF", "WEBP"),
)
_MOVING = ("AVIF", "GIF", "PNG", "WEBP")  # pages of the others are no film
# Brands of a single picture, and of AVIF's films, whose transparency FFmpeg leaves out too.
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}
_HEAD_BYTES = 64


def open_picture(path: Path, formats: tuple[str, ...] = _PICTURES) -> Picture:
    """Open a picture with Pillow, of which only the header is read: to be used with ``with``.

    ``formats``: Pillow's names of what it may be. Raises SourceError for what is none,
    and for one of more than ``MAX_PIXELS``.
    """
    import pillow_heif
    from PIL import Image

    pillow_heif.register_heif_opener()
    # It would warn of less than what is refused here.
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    try:
        picture = Image.open(path, formats=formats)
    except Image.DecompressionBombError as error:
        raise _too_large(path, "it") from error
    except (OSError, SyntaxError, ValueError, RuntimeError, struct.error) as error:
        raise SourceError(f"{path}: is not a picture, or it is damaged from the start.") from error
    if picture.width * picture.height > MAX_PIXELS:
        picture.close()
        raise _too_large(path, f"{picture.width}x{picture.height}")
    return picture


def moves(path: Path) -> bool | None:
    """Tell whether a picture file is a film; None for what is no picture, or is none to Pillow."""
    if not path.is_file():
        return None
    try:
        with open_picture(path) as picture:
            return picture.format in _MOVING and bool(getattr(picture, "is_animated", False))
    except SourceError:
        return None


def pillow_format(path: Path) -> str | None:
    """Return Pillow's name of a file that is to be read with ``PillowDecoder``, or else None."""
    try:
        if not path.is_file():  # opening a pipe would wait for who writes it
            return None
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None  # who opens it says why
    if head[8:16] == b"WEBPVP8X" and head[20:21] and head[20] & 2:  # the flag of animation
        return "WEBP"
    if head[4:8] != b"ftyp":
        return None
    length = int.from_bytes(head[:4], "big")
    major, others = head[8:12], [head[at : at + 4] for at in range(16, min(length, _HEAD_BYTES), 4)]
    # mif1 is a picture and msf1 a film of any kind: which one, the other brands tell.
    if {major, *(others if major in (b"mif1", b"msf1") else ())} & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if {major, *(others if major == b"mif1" else ())} & _HEIC_BRANDS else None


class PillowDecoder:
    """Decodes a picture file, or a film of pictures, with Pillow; as ``VideoDecoder`` does.

    Raises SourceError if there is no picture to be had. One thread.
    """

    first: VideoFrame
    damaged = 0
    codec = ""
    pixel_aspect = Fraction(1)
    time_base = _TIME_BASE
    timescale = _TIME_BASE.denominator
    language: str | None = None

    def __init__(
        self, path: Path, form: str, start_s: Fraction | None, end_s: Fraction | None
    ) -> None:
        self.truncated: str | None = None
        self.notes: list[str] = []
        self.metadata: dict[str, str] = {}
        self.chapters: list[Chapter] = []
        self._path = path
        self._picture = open_picture(path, (form,))
        # The pictures of a HEIC are no film: the one that it calls its first is open already.
        self._count = 1 if form == "HEIF" else getattr(self._picture, "n_frames", 1)
        self.is_picture = self._count == 1
        self.is_cut, self.start_s, self.end_s = bool(start_s), start_s, end_s
        self.duration_s: float | None = None
        self._following = self._decode_between()
        try:
            first = next(self._following, None)
            if first is None:
                raise SourceError(f"{path}: no frame of it can be decoded.")
        except BaseException:
            self.close()
            raise
        self.first = first
        self.rate = Fraction(1000, first.duration or _USUAL_MS)

    def pictures(self) -> Iterator[VideoFrame]:
        """Yield every picture once, unconverted; to be iterated once."""
        yield self.first
        while (picture := next(self._following, None)) is not None:
            yield picture

    def close(self) -> None:
        """End ``pictures`` and close the file; closing twice is harmless."""
        self._following = iter(())
        self._picture.close()

    def _decode_between(self) -> Iterator[VideoFrame]:
        pts = 0
        for index in range(self._count):
            try:
                picture = self._decode(index, pts)
            except (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error):
                lost = f"the last {self._count - index} of {self._count} frames"
                self.truncated = f"{lost} are damaged"
                return
            time_s, pts = pts * _TIME_BASE, pts + picture.duration
            if self.end_s is not None and time_s >= self.end_s:
                return
            if self.start_s is None or time_s >= self.start_s:
                yield picture

    def _decode(self, index: int, pts: int) -> VideoFrame:
        import av

        if index:
            self._picture.seek(index)
        kind = "RGBA" if self._picture.has_transparency_data else "RGB"
        pixels = np.array(self._picture.convert(kind))
        picture = av.VideoFrame.from_ndarray(pixels, "rgba" if kind == "RGBA" else "rgb24")
        picture.pts, picture.time_base = pts, _TIME_BASE
        picture.duration = self._picture.info.get("duration") or _USUAL_MS
        return picture


def _too_large(path: Path, size: str) -> SourceError:
    return SourceError(
        f"{path}: {size} is more than {MAX_PIXELS >> 20} megapixels. A picture of that size is "
        f"painted with --tile 1024, and with libvips ({install_line('large')})."
    )
