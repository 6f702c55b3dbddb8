"""Finds people in frame after frame, and where their faces are: masks that rest and follow at once.

A small network says for each pixel of a small copy of the frame how sure it is of a person
(engines/people). Between frames its answer is blended with the one before: little where the two
agree or the picture stands still, wholly where they disagree and the picture moves. So edges that
rest do not flicker, and a hand takes its mask with it. The result is brought to the frame's size
along the frame's own edges, by the guided filter of He, Sun, Tang, PAMI 2013, equations 5 to 8.

Found on a thread of its own, while the network paints the same frame: a mask never lags behind.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from engines.people.network import (
    FACE_SIZE,
    PERSON_SIZE,
    PeopleNetwork,
    find_faces,
    find_person,
)
from realtime.frame import FrameMemory
from realtime.picture.layers import import_opencv
from realtime.picture.resample import Floats, Scaler

LEAST_GAIN = 0.1  # of a new mask, where it agrees with the last or nothing moves
_FACE_FALL = 0.2  # of a new mask, where a face seems gone: one that is missed once stays
_APART = (0.05, 0.35)  # disagreement from which, and up to which, more of the new mask is taken
_MOTION_LEVELS = (1.5, 3.5)  # of 255, change of the picture nearby; noise averages out to less
_MOTION_RADIUS = 4
# The guided filter: its window, and the variance up to which an area counts as even.
_RADIUS, _EPSILON = 3, 30.0
_EDGE = (0.35, 0.65)  # sureness that is no person, and all person
_FACE_BREADTH = 0.75  # half the sides of a face's mask over its box, which leaves out the forehead
_FACE_RISE = 0.12  # how much higher its middle lies, in heights of the box
_FACE_SOFTNESS = 0.25  # of its radius over which it ends
_LEAST_PERSON = 0.01  # of the picture; less than that is no person to look for a face in
# After so many frames, masks that began differently are less than a level apart.
FRAMES_REMEMBERED = math.ceil(math.log(255 * 4) / -math.log1p(-LEAST_GAIN))


@dataclass(frozen=True)
class Masks:
    """What was found in one frame, (H, W) uint8 of its size; 255 is wholly so."""

    person: np.ndarray
    face: np.ndarray | None
    """Within ``person``; None where it was not asked for."""


class PeopleMasks:
    """Finds people; remembers the masks of the frame before. ``begin`` from one thread.

    ``fixed``: (h, w) uint8, a mask to use for every frame in place of what would be found.
    """

    def __init__(self, fixed: np.ndarray | None = None) -> None:
        self._fixed = fixed
        self._scaler = Scaler()
        self._networks: dict[str, PeopleNetwork] = {}
        self._last: FrameMemory = {}
        self._thread: ThreadPoolExecutor | None = None
        self._newest: Future[Masks] | None = None
        self._floats = [np.empty((0, 0), np.float32)]
        self._seen = self._empty = 0

    @property
    def note(self) -> str | None:
        """What to tell the user of the frames so far; None: nothing."""
        if self._empty == 0:
            return None
        where = (
            "any frame" if self._empty == self._seen else f"{self._empty} of {self._seen} frames"
        )
        return f"no person was found in {where}: they count as background"

    def begin(
        self, frame: np.ndarray, with_faces: bool, state: FrameMemory | None = None
    ) -> Callable[[], Masks]:
        """Begin to look at ``frame`` (H, W, 3) uint8 RGB and return what waits for its masks.

        ``state``: what to go on from in place of the frame before; {} is a new beginning. The
        frame must stay as it is until then. Waiting raises EngineError.
        """
        self._thread = self._thread or ThreadPoolExecutor(1, "people")
        self._newest = self._thread.submit(self._find, frame, with_faces, state)
        return self._newest.result

    def reset(self) -> None:
        """Begin anew with the next frame."""
        self._wait()
        self._last = {}

    def state(self) -> FrameMemory:
        """Return what is remembered after the frame begun last; ``begin`` takes it back."""
        self._wait()
        return dict(self._last)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _wait(self) -> None:
        if self._newest is not None:
            self._newest.exception()  # who waits for the frame is told of it

    def _network(self, name: str) -> PeopleNetwork:
        if name not in self._networks:
            self._networks[name] = PeopleNetwork(name)
        return self._networks[name]

    def _find(self, frame: np.ndarray, with_faces: bool, state: FrameMemory | None) -> Masks:
        if state is not None:
            self._last = state
        small = self._scaler.resize(frame, PERSON_SIZE)
        luma = self._scaler.luma(small)
        if self._fixed is not None:
            fixed = self._scaler.resize(self._fixed, PERSON_SIZE)
            person: Floats = fixed.astype(np.float32) * np.float32(1 / 255)
        else:
            person = self._steady_person(find_person(self._network("person"), small), luma)
        face = self._steady_face(frame, person) if with_faces else None
        self._last = {"luma": luma, "person": person} | ({} if face is None else {"face": face})
        self._seen += 1
        self._empty += bool(person.max() < 0.5)
        size = frame.shape[:2]
        if self._fixed is not None:
            full = self._scaler.resize(self._fixed, size)
        else:
            full = _sharpen(self._bring_up(person, luma, frame))
        if face is None:
            return Masks(full, None)
        large = self._scaler.resize(np.rint(255 * face).astype(np.uint8), size)
        return Masks(full, np.minimum(large, full))

    def _steady_person(self, found: Floats, luma: np.ndarray) -> Floats:
        last, seen = self._last.get("person"), self._last.get("luma")
        if last is None or seen is None:
            return found
        change = np.abs(luma.astype(np.float32) - seen)
        moves = _ramp(_mean_near(change, _MOTION_RADIUS), _MOTION_LEVELS)
        gain = LEAST_GAIN + (1 - LEAST_GAIN) * moves * _ramp(np.abs(found - last), _APART)
        steady: Floats = last + gain * (found - last)
        return steady

    def _steady_face(self, frame: np.ndarray, person: Floats) -> Floats:
        found, last = self._find_face_mask(frame, person), self._last.get("face")
        if last is None:
            return found
        gain = np.where(
            found < last,
            np.float32(_FACE_FALL),
            LEAST_GAIN + (1 - LEAST_GAIN) * _ramp(found - last, _APART),
        )
        steady: Floats = last + gain * (found - last)
        return steady

    def _find_face_mask(self, frame: np.ndarray, person: Floats) -> Floats:
        """Return where faces are: soft ellipses, (144, 256) float32 of the whole frame.

        They are looked for in a square around the upper part of who was found, where a face is
        larger than in the whole frame.
        """
        mask = np.zeros(PERSON_SIZE, np.float32)
        around = _square_around(person, frame.shape[:2])
        if around is None:
            return mask
        top, left, side = around
        height, width = frame.shape[:2]
        part = frame[max(0, top) : top + side, max(0, left) : left + side]
        missing = [max(0, -top), max(0, -left)]
        square = np.zeros((side, side, 3), np.uint8)
        square[missing[0] : missing[0] + part.shape[0], missing[1] : missing[1] + part.shape[1]] = (
            part
        )
        faces = find_faces(self._network("face"), self._scaler.resize(square, FACE_SIZE))
        rows = (np.arange(PERSON_SIZE[0], dtype=np.float32)[:, None] + 0.5) / PERSON_SIZE[0]
        columns = (np.arange(PERSON_SIZE[1], dtype=np.float32) + 0.5) / PERSON_SIZE[1]
        for x, y, across, down in faces * side:
            y -= _FACE_RISE * down
            distance = np.hypot(
                (columns * width - left - x) / (_FACE_BREADTH * across),
                (rows * height - top - y) / (_FACE_BREADTH * 1.15 * down),
            )
            np.maximum(mask, 1 - _ramp(distance, (1 - _FACE_SOFTNESS, 1.0)), out=mask)
        return mask

    def _bring_up(self, person: Floats, luma: np.ndarray, frame: np.ndarray) -> np.ndarray:
        """Return ``person`` at the size of ``frame``, (H, W) uint8, along the frame's edges."""
        cv2 = import_opencv()
        guide: Floats = luma.astype(np.float32)
        mean_y, mean_m, mean_yy, mean_ym = (
            _mean_near(plane, _RADIUS) for plane in (guide, person, guide * guide, guide * person)
        )
        slope = (mean_ym - mean_y * mean_m) / (mean_yy - mean_y * mean_y + _EPSILON)
        size = (frame.shape[1], frame.shape[0])
        if self._floats[0].shape != frame.shape[:2]:  # fresh memory takes longer than computing
            self._floats = [np.empty(frame.shape[:2], np.float32) for _ in range(2)]
        slope, offset = (
            cv2.resize(_mean_near(plane, _RADIUS), size, dst=room, interpolation=cv2.INTER_LINEAR)
            for plane, room in zip((slope, mean_m - slope * mean_y), self._floats, strict=True)
        )
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        cv2.multiply(slope, gray, dst=slope, dtype=cv2.CV_32F)
        levels: np.ndarray = cv2.addWeighted(slope, 255, offset, 255, 0, dtype=cv2.CV_8U)
        return levels


def _ramp(values: Floats, ends: tuple[float, float]) -> Floats:
    """Return 0 up to the first of ``ends``, 1 from the second on, smoothly between them."""
    first, second = ends
    t = np.clip((values - np.float32(first)) * np.float32(1 / (second - first)), 0, 1)
    smooth: Floats = t * t * (3 - 2 * t)
    return smooth


_LEVELS = np.linspace(0, 1, 256, dtype=np.float32)
_SHARPENED = np.rint(255 * _ramp(_LEVELS, _EDGE)).astype(np.uint8)


def _sharpen(mask: np.ndarray) -> np.ndarray:
    """Return a mask whose edges are as narrow as the filter leaves them unsure."""
    sharp: np.ndarray = import_opencv().LUT(mask, _SHARPENED)
    return sharp


def _mean_near(plane: np.ndarray, radius: int) -> Floats:
    """Return the mean of (h, w) float32 over a window around each pixel, edges repeated."""
    cv2, side = import_opencv(), 2 * radius + 1
    mean: Floats = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE)
    return mean


def _square_around(person: Floats, size: tuple[int, int]) -> tuple[int, int, int] | None:
    """Return top, left and side of a square that holds the upper part of a person.

    In pixels of a frame of ``size``, parts of it may lie outside; None where there is nobody.
    """
    sure = person > 0.5
    if sure.mean() < _LEAST_PERSON:
        return None
    rows, columns = np.flatnonzero(sure.any(1)), np.flatnonzero(sure.any(0))
    down, across = size[0] / person.shape[0], size[1] / person.shape[1]
    left, right = columns[0] * across, (columns[-1] + 1) * across
    side = max(16, round(1.2 * max(right - left, 0.1 * size[1])))
    top = rows[0] * down - 0.1 * side
    return round(top), round((left + right - side) / 2), side
