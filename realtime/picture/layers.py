"""Lays pictures over each other where masks say so: person, background, what stands behind."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

import numpy as np

from realtime.picture import opencv
from realtime.picture.grade import Grade
from realtime.picture.resample import Floats, Scaler

import_opencv = partial(opencv.import_opencv, "--paint, --behind and --face need")
_BLUR_LINES = 40  # the short side at which a background is blurred
_BLUR_PX = 3
_CHEQUER_PX, _CHEQUER_LEVELS = 12, (128, 160)
_LEAST_SEEN = 0.01
_NOBODY = 8  # a mask's level, of 255, up to which there is nobody


@dataclass(frozen=True, eq=False)
class LookPictures:
    """The pictures that the flags of a look name."""

    backdrop: np.ndarray | None = None
    """--behind FILE, (H, W, 3) uint8 RGB."""
    mask: np.ndarray | None = None
    """--mask, (H, W) uint8, 255 where a person is."""
    still: np.ndarray | None = None
    """--still FILE, (H, W, 3) uint8 RGB."""
    grade: Grade | None = None
    """By what frames are graded."""

    @cached_property
    def digest(self) -> str:
        """A hash of them, "" if there are none."""
        named = (self.backdrop, self.mask, self.still)
        pictures = [picture for picture in named if picture is not None]
        grade = "" if self.grade is None else self.grade.digest
        if not pictures and not grade:
            return ""
        shapes = repr([picture.shape for picture in pictures]).encode()
        shapes += b"still" if self.still is not None else b""
        content = b"".join(picture.tobytes() for picture in pictures) + grade.encode()
        return hashlib.sha256(shapes + content).hexdigest()[:16]


NO_PICTURES = LookPictures()


def shares(
    mask: np.ndarray, outside: float, inside: float, weigh_out: float = 1, weigh_in: float = 1
) -> Floats:
    """Return shares for ``lay_over``: ``outside`` where a mask is 0, ``inside`` where it is 255.

    mask: (H, W) uint8. The shares are 0..1, and between the two each counts by how far the mask is
    there and by its weight. Returns (H, W) float32.
    """
    level = np.linspace(0, 1, 256, dtype=np.float32)
    out, within = (1 - level) * weigh_out, level * weigh_in
    mixed = (outside * out + inside * within) / np.maximum(out + within, 1e-6)
    mapped: Floats = import_opencv().LUT(mask, mixed.astype(np.float32))
    return mapped


def lay_over(under: np.ndarray, over: np.ndarray, share: Floats) -> np.ndarray:
    """Return ``over`` laid over ``under``, (H, W, 3) uint8 both, by ``shares``; rounded."""
    mixed: np.ndarray = import_opencv().blendLinear(over, under, share, 1 - share)
    return mixed


def cut_out(picture: np.ndarray, share: Floats) -> np.ndarray:
    """Return ``picture`` (H, W, 3) uint8 with alpha, (H, W, 4), of which ``share`` is taken away.

    Colours are whole at edges, and black where all is taken away: nobody is to find the room there.
    """
    alpha = np.rint(255 * (1 - share)).astype(np.uint8)
    return np.dstack([import_opencv().bitwise_and(picture, picture, mask=alpha), alpha])


@lru_cache(maxsize=2)
def chequers(size: tuple[int, int]) -> np.ndarray:
    """Return what programs show where there is nothing, (H, W, 3) uint8 of (height, width)."""
    down, across = (np.arange(length) // _CHEQUER_PX for length in size)
    dark = (down[:, None] + across) % 2 == 1
    return np.repeat(np.where(dark, *_CHEQUER_LEVELS)[..., None].astype(np.uint8), 3, axis=2)


class Backdrops:
    """What takes the place of the room behind a person.

    ``picture``: (H, W, 3) uint8 RGB, shown where neither a blur nor a colour is asked for; without
    it the room is blurred. One thread.
    """

    def __init__(self, picture: np.ndarray | None) -> None:
        self._picture, self._scaler = picture, Scaler()
        self._made: np.ndarray | None = None
        self._made_for: object = None

    def behind(
        self,
        frame: np.ndarray,
        person: np.ndarray,
        blur: bool,
        color: tuple[int, int, int] | None,
    ) -> np.ndarray:
        """Return what to show behind the person of ``frame``: (H, W, 3) uint8, as it is.

        person: (H, W) uint8.
        """
        picture, size = self._picture, (frame.shape[0], frame.shape[1])
        if blur or (color is None and picture is None):
            return _blur_background(frame, person, self._scaler)
        if self._made is None or self._made_for != (color, size):
            if color is not None or picture is None:
                self._made = np.full_like(frame, color)
            else:
                self._made = _cover(picture, size, self._scaler)
            self._made_for = (color, size)
        return self._made


def _blur_background(frame: np.ndarray, person: np.ndarray, scaler: Scaler) -> np.ndarray:
    """Return ``frame`` (H, W, 3) uint8 out of focus, as if there was nobody.

    person: (H, W) uint8. What is behind the person is made of what is around, so that nobody has
    a halo.
    """
    cv2, (height, width) = import_opencv(), frame.shape[:2]
    scale = _BLUR_LINES / min(height, width)
    size = (max(3, round(height * scale)), max(3, round(width * scale)))
    finer = (4 * size[0], 4 * size[1])  # at which people are cut out
    room, mask = scaler.resize(frame, finer), scaler.resize(person, finer)
    # Whole pixels: in those that are half a person, the room has the person's colour.
    seen_finer = np.where(mask > _NOBODY, 0, 255).astype(np.uint8)
    room = cv2.bitwise_and(room, room, mask=seen_finer)
    small = scaler.resize(room, size).astype(np.float32)
    seen = scaler.resize(seen_finer, size).astype(np.float32)[..., None] / 255
    # Far behind somebody there is nothing to see: there it is the mean of the room.
    small += _LEAST_SEEN * small.mean((0, 1)) / max(float(seen.mean()), _LEAST_SEEN)
    weighted = np.concatenate([small, seen + _LEAST_SEEN], axis=2)
    for _ in range(3):
        weighted = cv2.blur(weighted, (_BLUR_PX, _BLUR_PX), borderType=cv2.BORDER_REPLICATE)
    mean = np.clip(np.rint(weighted[..., :3] / weighted[..., 3:]), 0, 255).astype(np.uint8)
    return scaler.resize(mean, (height, width))


def _cover(picture: np.ndarray, size: tuple[int, int], scaler: Scaler) -> np.ndarray:
    """Return the middle of ``picture`` (H, W, 3) uint8 that has the shape of ``size``, at it."""
    height, width = picture.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    down, across = (min(height, round(size[0] / scale)), min(width, round(size[1] / scale)))
    top, left = (height - down) // 2, (width - across) // 2
    middle = np.ascontiguousarray(picture[top : top + max(1, down), left : left + max(1, across)])
    return scaler.resize(middle, size)
