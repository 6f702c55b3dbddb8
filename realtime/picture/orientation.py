"""Turns pictures upright by the display matrix or the EXIF tag that phones and cameras write.

PyAV leaves the pixels as they lie.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a picture upright: the steps, in the order of the fields."""

    transposes: bool = False
    """Whether the axes are swapped."""
    mirrors_x: bool = False
    """Whether left and right are."""
    mirrors_y: bool = False
    """Whether top and bottom are."""

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """Return the upright picture of (H, W, 3), contiguous; ``pixels`` itself if it is one."""
        turned = pixels.swapaxes(0, 1) if self.transposes else pixels
        turned = turned[:, ::-1] if self.mirrors_x else turned
        turned = turned[::-1] if self.mirrors_y else turned
        return np.ascontiguousarray(turned)


_QUARTER_TURNS = (  # counter-clockwise
    Orientation(),
    Orientation(True, mirrors_y=True),
    Orientation(False, mirrors_x=True, mirrors_y=True),
    Orientation(True, mirrors_x=True),
)


EXIF_ORIENTATIONS = {  # Exif 2.32, 4.6.4, tag Orientation
    1: Orientation(),
    2: Orientation(mirrors_x=True),
    3: _QUARTER_TURNS[2],
    4: Orientation(mirrors_y=True),
    5: Orientation(transposes=True),
    6: _QUARTER_TURNS[3],
    7: Orientation(True, True, True),
    8: _QUARTER_TURNS[1],
}
# Their frames carry the name of an ICC profile, which PyAV 18 frees twice: whoever looks at their
# side data crashes.
_UNTOUCHABLE = ("png", "apng")


def orientation_of(picture: VideoFrame, codec: str) -> Orientation:
    """Return how to lay a decoded ``picture`` upright.

    Its display matrix [a b u; c d v; x y w] maps (x, y) to (a*x + c*y, b*x + d*y). Angles that are
    no multiple of 90 degrees become the nearest one. Source: libavutil/display.h.
    """
    from av.buffer import Buffer

    try:
        matrix = picture.side_data.get("DISPLAYMATRIX") if codec not in _UNTOUCHABLE else None
    except ValueError:  # side data of a kind that PyAV does not know
        matrix = None
    if not isinstance(matrix, Buffer):
        return _QUARTER_TURNS[round(picture.rotation / 90) % 4]
    a, b, _, c, d = struct.unpack("=9i", bytes(matrix))[:5]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, mirrors_x=c < 0, mirrors_y=b < 0)
    return Orientation(False, mirrors_x=a < 0, mirrors_y=d < 0)
