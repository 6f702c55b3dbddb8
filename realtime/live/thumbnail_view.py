"""Lays thumbnails out: a strip along the bottom of the view, or a contact sheet that fills it.

Pixels and places only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_STRIP_SHARE = 0.17  # of the view's height
_GAP_SHARE = 0.006
_BACKGROUND = 18
# The frame around what is being painted is also thicker, so that nobody needs the colour.
_CHOSEN = (255, 190, 70)


@dataclass(frozen=True)
class Place:
    """Where a style's thumbnail lies in the view, in pixels."""

    style: str
    top: int
    left: int
    height: int
    width: int


def strip_places(
    styles: Sequence[str], thumbnail_shape: tuple[int, int], view_size: tuple[int, int]
) -> list[Place]:
    """Return one row at the bottom, in the middle.

    ``thumbnail_shape``: (height, width), of which only the proportion counts.
    """
    gap = _measure_gap(view_size)
    room = (view_size[1] - gap * (len(styles) + 1)) / max(1, len(styles))
    height = max(
        1, round(min(view_size[0] * _STRIP_SHARE, room * thumbnail_shape[0] / thumbnail_shape[1]))
    )
    width = max(1, round(height * thumbnail_shape[1] / thumbnail_shape[0]))
    left = (view_size[1] - len(styles) * (width + gap) + gap) // 2
    top = view_size[0] - gap - height
    return [
        Place(style, top, max(0, left + n * (width + gap)), height, width)
        for n, style in enumerate(styles)
    ]


def sheet_places(
    styles: Sequence[str], thumbnail_shape: tuple[int, int], view_size: tuple[int, int]
) -> list[Place]:
    """Fill the view, in the number of columns that gives the largest thumbnails."""
    gap = _measure_gap(view_size)
    best = (0.0, 1)
    for columns in range(1, len(styles) + 1):
        rows = math.ceil(len(styles) / columns)
        room = (
            (view_size[0] - gap * (rows + 1)) / rows,
            (view_size[1] - gap * (columns + 1)) / columns,
        )
        scale = min(room[0] / thumbnail_shape[0], room[1] / thumbnail_shape[1])
        best = max(best, (scale, columns), key=lambda found: found[0])
    scale, columns = best
    height, width = max(1, int(thumbnail_shape[0] * scale)), max(1, int(thumbnail_shape[1] * scale))
    rows = math.ceil(len(styles) / columns)
    top = (view_size[0] - rows * (height + gap) + gap) // 2
    places = []
    for n, style in enumerate(styles):
        row, column = divmod(n, columns)
        in_row = min(columns, len(styles) - row * columns)
        left = (view_size[1] - in_row * (width + gap) + gap) // 2
        places.append(
            Place(
                style,
                max(0, top + row * (height + gap)),
                max(0, left + column * (width + gap)),
                height,
                width,
            )
        )
    return places


def draw_thumbnails(
    view: np.ndarray,
    places: Sequence[Place],
    pictures: Mapping[str, np.ndarray],
    chosen: Sequence[str],
) -> None:
    """Draw the thumbnails that there are into ``view``, (H, W, 3) uint8 RGB, in place.

    ``pictures``: by style, (h, w, 3) uint8 RGB. Those whose style is ``chosen`` get a frame.
    """
    import cv2

    line = max(1, _measure_gap(view.shape[:2]) // 2)
    for place in places:
        under = view[place.top : place.top + place.height, place.left : place.left + place.width]
        thumbnail = pictures.get(place.style)
        if thumbnail is None or under.shape[:2] != (place.height, place.width):
            under[:] = _BACKGROUND
        else:
            cv2.resize(
                _middle(thumbnail, place.height / place.width),
                (place.width, place.height),
                dst=under,
                interpolation=cv2.INTER_AREA,
            )
        color, thick = (_CHOSEN, 3 * line) if place.style in chosen else ((0, 0, 0), line)
        under[:thick], under[-thick:] = color, color
        under[:, :thick], under[:, -thick:] = color, color


def _middle(picture: np.ndarray, proportion: float) -> np.ndarray:
    """Return as much of the middle of ``picture`` as has ``proportion``, its height to its width.

    What is shipped has not the shape of a camera's frames.
    """
    height, width = picture.shape[:2]
    kept_h, kept_w = min(height, round(width * proportion)), min(width, round(height / proportion))
    top, left = (height - kept_h) // 2, (width - kept_w) // 2
    return picture[top : top + max(1, kept_h), left : left + max(1, kept_w)]


def shares(
    places: Sequence[Place], view_size: tuple[int, int]
) -> dict[str, tuple[float, float, float, float]]:
    """Return style -> top, left, bottom, right as shares of the view's sides, for the mouse."""
    height, width = view_size
    return {
        p.style: (
            p.top / height,
            p.left / width,
            (p.top + p.height) / height,
            (p.left + p.width) / width,
        )
        for p in places
    }


def _measure_gap(view_size: tuple[int, int]) -> int:
    return max(2, round(view_size[1] * _GAP_SHARE))
