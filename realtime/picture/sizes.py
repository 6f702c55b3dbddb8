"""Sizes of pictures, (height, width): as text, scaled, fitted, and that of the network."""

from __future__ import annotations

import math

from engines.errors import UsageError

# Strokes are a number of pixels wide; brush 1 is what they look like on a short side of so many.
LOOK_LINES = 480
SAME_SIZE = 0.05  # a scale this close to 1 is not worth a resampling
MAX_NETWORK_PIXELS = 2_000_000
MAX_NETWORK_SIDE = 16_384


def size_text(size: tuple[int, int]) -> str:
    """Return (height, width) as a user writes it: WIDTHxHEIGHT."""
    return f"{size[1]}x{size[0]}"


def parse_size(text: str, flag: str = "--size") -> tuple[int, int]:
    """Read "640x480" as (height, width) = (480, 640). Raises UsageError for anything else."""
    width, _, height = text.lower().partition("x")
    if not all(side.isdecimal() and 0 < int(side) <= 16_384 for side in (height, width)):
        raise UsageError(f"{flag} is WIDTHxHEIGHT in pixels, for example 640x480, not {text!r}.")
    return int(height), int(width)


def network_size(
    frame_size: tuple[int, int], brush: float, max_pixels: int = MAX_NETWORK_PIXELS
) -> tuple[int, int]:
    """Return the (height, width) at which the network runs so that strokes are as broad as wanted.

    They look ``brush`` times as broad as at 480 lines. The short side becomes 480 / brush, both
    sides even and at least 2; a frame within 5 % of that keeps its own size. The result never has
    more pixels than the frame or ``max_pixels``, whichever is more, nor a side over 16384 that the
    frame does not have: a 4000x1 strip stays harmless.
    """
    height, width = frame_size
    scale = LOOK_LINES / brush / min(height, width)
    if abs(scale - 1) <= SAME_SIZE:
        return frame_size
    largest = min(math.sqrt(max_pixels / (height * width)), MAX_NETWORK_SIDE / max(height, width))
    scale = min(scale, max(1.0, largest))
    return _even(height * scale), _even(width * scale)


def fit_size(
    frame_size: tuple[int, int], box: tuple[int, int], stretch: bool = False
) -> tuple[int, int]:
    """Return the largest even (height, width) of the frame's shape inside ``box``.

    stretch: the box itself, made even.
    """
    scale = min(box[0] / frame_size[0], box[1] / frame_size[1])
    wanted = box if stretch else (frame_size[0] * scale, frame_size[1] * scale)
    return _even(wanted[0]), _even(wanted[1])


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return ``size`` times ``scale``, even, at least 2; ``size`` itself at scale 1."""
    return size if scale == 1 else (_even(size[0] * scale), _even(size[1] * scale))


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))
