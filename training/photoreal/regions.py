"""What belongs together in two photos, as masks in flat colours say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engines.errors import UsageError

COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "grey": (128, 128, 128),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
}
"""Red, green and blue, 0..255 each, of the nine that a mask is read as."""
_NAMES = tuple(COLOURS)
_LEAST_SHARE = 0.005  # of a mask; soft edges between two colours look like a third


@dataclass(frozen=True)
class Region:
    """A part of the photo, and the part of the reference that it is to look like.

    photo, reference: bool, each of its mask's size.
    """

    name: str
    photo: np.ndarray
    reference: np.ndarray


def find_regions(
    mask: np.ndarray, style_mask: np.ndarray, say: Callable[[str], None]
) -> list[Region]:
    """Return the regions that the colours of two masks make, (H, W, 3) uint8 RGB each, of any size.

    Every pixel counts as the nearest of ``COLOURS``. A colour that only the photo's mask has is a
    region that takes after the whole reference; ``say`` gets that, and what is of no use. Raises
    UsageError if no colour is in both.
    """
    photo, reference = _nearest(mask), _nearest(style_mask)
    in_photo, in_reference = (
        [name for k, name in enumerate(_NAMES) if (labels == k).any()]
        for labels in (photo, reference)
    )
    if not set(in_photo) & set(in_reference):
        raise UsageError(
            f"--mask has {' and '.join(in_photo)}, --style-mask has {' and '.join(in_reference)}: "
            "no colour is in both. Paint what belongs together in one colour in both, of "
            f"{', '.join(COLOURS)}."
        )
    for name in in_reference:
        if name not in in_photo:
            say(f"note: --mask has no {name}: that part of the reference is left out.")
    regions = []
    for name in in_photo:
        inside = reference == _NAMES.index(name)
        if name not in in_reference:
            say(f"note: --style-mask has no {name}: all of the reference is taken there.")
            inside = np.ones_like(inside)
        regions.append(Region(name, photo == _NAMES.index(name), inside))
    return regions


def _nearest(mask: np.ndarray) -> np.ndarray:
    """Return the number of each pixel's colour, (H, W) uint8, of those that fill enough."""
    distances = np.stack(
        [((mask.astype(np.int32) - colour) ** 2).sum(-1) for colour in COLOURS.values()]
    )
    counts = np.bincount(distances.argmin(0).ravel(), minlength=len(COLOURS))
    distances[counts < _LEAST_SHARE * counts.sum()] = np.iinfo(np.int32).max
    return distances.argmin(0).astype(np.uint8)
