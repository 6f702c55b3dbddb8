"""How a video codes its colours, so that what is read in one way is written back in the same way.

Numbers of ITU-T H.273.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

BT709 = 1
UNSPECIFIED = 2
SMPTE170M = 6
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
_FULL_RANGE = 2  # FFmpeg's AVCOL_RANGE_JPEG; AVCOL_RANGE_MPEG, limited, is 1

# H.273 matrix number -> name of swscale's coefficients for it. Others (YCgCo, ICtCp) swscale does
# not convert.
_SWSCALE_NAMES = {
    1: "ITU709",
    4: "FCC",
    5: "ITU601",
    6: "SMPTE170M",
    7: "SMPTE240M",
    9: "BT2020",
    10: "BT2020",
}


@dataclass(frozen=True)
class ColorCoding:
    """How colours are coded; matrix, primaries and transfer are numbers of H.273."""

    matrix: int
    full_range: bool
    """Luma is 0..255 instead of 16..235."""
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @property
    def swscale_matrix(self) -> str:
        """The name of swscale's coefficients for the matrix."""
        return _SWSCALE_NAMES[self.matrix]

    @property
    def av_range(self) -> int:
        """The range as FFmpeg's number."""
        return _FULL_RANGE if self.full_range else 1

    @property
    def sdr_transfer(self) -> int:
        """The transfer to write on 8-bit pictures.

        Never PQ or HLG, which would make players stretch them.
        """
        return UNSPECIFIED if self.hdr_transfer else self.transfer

    @property
    def hdr_transfer(self) -> str | None:
        """The name "PQ" or "HLG" if the values are coded for high dynamic range."""
        return _HDR_TRANSFERS.get(self.transfer)


def coding_of(picture: VideoFrame) -> ColorCoding:
    """Return the coding that ``picture`` is tagged with, or what is usual where it is not.

    Untagged matrix: BT.709 from 720 lines up, BT.601 below, as players do. Untagged range: limited.
    RGB pictures have no matrix to keep; what is written from them is guessed in the same way,
    limited.
    """
    tagged = int(picture.colorspace)
    guess = BT709 if picture.height >= 720 else SMPTE170M
    full_range = int(picture.color_range) == _FULL_RANGE or picture.format.name.startswith("yuvj")
    return ColorCoding(
        matrix=tagged if tagged in _SWSCALE_NAMES else guess,
        full_range=full_range and not is_rgb(picture),
        primaries=int(picture.color_primaries),
        transfer=int(picture.color_trc),
    )


def is_rgb(picture: VideoFrame) -> bool:
    """Return whether the pixels of ``picture`` are RGB."""
    return picture.format.is_rgb or picture.format.name.startswith(("pal8", "gbr"))
