"""Words over a painting, as a title is: white with a soft shadow, low in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from realtime.picture.lettering import BOLD, MIN_TEXT_PX, Lettering
from realtime.picture.opencv import import_opencv

_TEXT_PER_LINE = 0.075  # text size as a share of the picture's height
_MOST_LINES = 3  # smaller letters rather than more of them
_PITCH_EM, _EDGE_EM = 1.25, 0.6  # from line to line; around them, for the shadow
# Where a picture of another shape fills a display, up to an eighth is cut off at an edge.
_ROOM_SHARE, _BOTTOM_SHARE = 0.74, 0.86
_WHITE, _SHADOW = (255, 255, 255), (10, 10, 12)
# White letters keep a contrast of 4.5:1 to what is around them on a white picture.
_SHADOW_EM, _SHADOW_GAIN, _SHADOW_MOST = 0.13, 3.0, 0.8


class Caption:
    """Writes over pictures; use from one thread. What is drawn is kept until it changes."""

    def __init__(self) -> None:
        self._lettering: Lettering | None = None
        self._drawn = lru_cache(maxsize=4)(self._draw)

    def over(self, pixels: np.ndarray, words: str) -> np.ndarray:
        """Return (H, W, 3) uint8 RGB with ``words`` in it: another picture; without any, itself.

        Of (H, W, 4) the last is alpha: words are seen where nothing else is, too.

        Raises EngineUnavailable where OpenCV does not load.
        """
        if not words:
            return pixels
        drawn = self._drawn(words, (pixels.shape[0], pixels.shape[1]))
        height, width = drawn.weight.shape
        top, left = drawn.top, (pixels.shape[1] - width) // 2
        written = pixels.copy()
        under = written[top : top + height, left : left + width]
        if pixels.shape[2] == 4:
            under[:] = _over_alpha(under, drawn)
            return written
        under[:] = import_opencv("text in pictures needs").blendLinear(
            np.ascontiguousarray(under), drawn.pixels, drawn.rest, drawn.weight
        )
        return written

    def _draw(self, words: str, size: tuple[int, int]) -> _Drawn:
        """Return ``words`` for pictures of (height, width) ``size``."""
        import cv2

        letters = self._lettering = self._lettering or Lettering()
        room = round(size[1] * _ROOM_SHARE)
        px = max(MIN_TEXT_PX, round(size[0] * _TEXT_PER_LINE))
        while px > MIN_TEXT_PX and not self._fits(letters, words, px, room):
            px -= 1
        lines = letters.wrap(words, px, room)
        edge, pitch = round(_EDGE_EM * px), round(_PITCH_EM * px)
        wide = max(letters.measure(line, px, BOLD) for line in lines)
        height = min(size[0], 2 * edge + pitch * (len(lines) - 1) + px)
        width = min(size[1], 2 * edge + wide)
        pixels = np.full((height, width, 3), _SHADOW, np.uint8)
        coverage = np.zeros((height, width), np.uint8)
        for row, line in enumerate(lines):
            left = (width - letters.measure(line, px, BOLD)) // 2
            at = (max(0, left), edge + row * pitch + round(0.8 * px))
            letters.write(pixels, line, at, _WHITE, px, BOLD)
            letters.write(coverage, line, at, (255,), px, BOLD)
        letter = coverage.astype(np.float32) / np.float32(255)
        soft = cv2.GaussianBlur(letter, (0, 0), max(0.8, _SHADOW_EM * px)) * _SHADOW_GAIN
        weight = np.maximum(np.minimum(soft, np.float32(_SHADOW_MOST)), letter)
        top = max(0, min(size[0] - height, round(size[0] * _BOTTOM_SHARE) + edge - height))
        return _Drawn(pixels, weight, 1 - weight, top)

    @staticmethod
    def _fits(letters: Lettering, words: str, px: int, room: int) -> bool:
        lines = letters.wrap(words, px, room)
        return len(lines) <= _MOST_LINES and all(
            letters.measure(line, px, BOLD) <= room for line in lines
        )


@dataclass(frozen=True)
class _Drawn:
    """Words, and where they lie."""

    pixels: np.ndarray
    """(h, w, 3) uint8 RGB."""
    weight: np.ndarray
    """(h, w) float32, 0..1: how much of them is seen."""
    rest: np.ndarray
    """1 - ``weight``."""
    top: int


def _over_alpha(under: np.ndarray, drawn: _Drawn) -> np.ndarray:
    """Return (h, w, 4) uint8 RGBA with words over it; nothing is multiplied by alpha beforehand."""
    shown = drawn.rest * under[..., 3] / 255
    alpha = drawn.weight + shown
    color = drawn.weight[..., None] * drawn.pixels + shown[..., None] * under[..., :3]
    color /= np.maximum(alpha, 1e-6)[..., None]
    made: np.ndarray = np.rint(np.dstack([color, 255 * alpha])).astype(np.uint8)
    return made
