"""Turns pictures upright by the display matrix that phones and cameras write. PyAV tells the matrix and leaves the pixels."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay down a picture: swap the axes, then mirror left-right, then top-bottom."""

    transposes: bool = False
    mirrors_x: bool = False
    mirrors_y: bool = False

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """The upright picture of (H, W, 3), contiguous; ``pixels`` itself if it is upright already."""
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


def orientation_of(picture: VideoFrame) -> Orientation:
    """From the picture's display matrix [a b u; c d v; x y w], which maps a point (x, y) to (a*x + c*y, b*x + d*y).

    Angles that are no multiple of 90 degrees become the nearest one. Source: libavutil/display.h.
    """
    try:
        matrix = picture.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV knows no EXIF side data; its angle is right, but a mirrored EXIF orientation is lost
        return _QUARTER_TURNS[round(picture.rotation / 90) % 4]
    if matrix is None:
        return Orientation()
    a, b, _, c, d = struct.unpack("=9i", bytes(matrix))[:5]
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, mirrors_x=c < 0, mirrors_y=b < 0)
    return Orientation(False, mirrors_x=a < 0, mirrors_y=d < 0)
