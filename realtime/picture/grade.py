"""Grades frames: every colour becomes another one, by a table, wherever it stands in the picture.

What is graded by a picture goes by the colours of the frames as well (``engines.grade``). These are
followed slowly, so that nothing flickers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from engines.grade import GradeNetwork, grade_view, grid
from realtime.frame import FrameMemory
from realtime.picture import opencv

TABLE_SIZE = 33
"""Points of a table along each side; files may have others."""
_EVERY = 4  # frames, after which it is looked again at what is graded
_GAIN = 0.15  # of a new look; a change is followed within a second, about
# After so many frames, codes that began differently lead to tables less than a level apart.
FRAMES_REMEMBERED = math.ceil(_EVERY * math.log(255) / -math.log1p(-_GAIN))
_CODE, _AGE = "code", "age"
_STEPS = 32  # between two points, of which OpenCV's look-up knows no more
import_opencv = partial(opencv.import_opencv, "-s grade: needs")


_Parts = list[tuple[np.ndarray, float]]
"""Tables and their shares."""


@dataclass(frozen=True, eq=False)
class Grade:
    """What frames are graded by: a table, or the code of a picture."""

    name: str
    """As a style's name."""
    digest: str
    """A hash of what it was made from."""
    code: np.ndarray
    """As ``GradeNetwork.reference_code`` gives it; empty where there is a table."""
    table: np.ndarray | None = None
    """(n, n, n, 3) float32, 0..1, blue first and red last; it holds for all frames."""
    parts: tuple[Grade, Grade] | None = None
    """By what people are graded, and what is behind them, where these are told apart."""


class Grader:
    """Grades frame after frame; remembers what the frames look like. One thread."""

    def __init__(self) -> None:
        self.table: np.ndarray | None = None
        """The table of the newest frame, as that of a ``Grade``; None before the first."""
        self._network: GradeNetwork | None = None
        self._memory: FrameMemory = {}
        self._baked: dict[str, np.ndarray] = {}
        self._parts: _Parts = []
        self._sheet = np.empty(0, np.uint8)

    def apply(
        self,
        frame: np.ndarray,
        shares: Mapping[Grade, float],
        hold: bool = False,
        state: FrameMemory | None = None,
        part: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return ``frame`` (H, W, 3) uint8 RGB in the ``shares`` of grades; the rest is as it was.

        shares: 0..1 each, of a sum of 1 at most. hold: what the frames look like is not followed
        any more. state: what to go on from in place of the frame before; {} is a new beginning.
        part: (H, W) uint8, 255 where the frame is looked at. Raises EngineError.
        """
        if state is not None:
            self._memory = {name: state[name] for name in (_CODE, _AGE) if name in state}
            self._baked = {}
        self._follow(frame, part, [grade for grade in shares if grade.table is None], hold)
        parts = [
            (self._baked[grade.digest] if grade.table is None else grade.table, share)
            for grade, share in shares.items()
        ]
        if self.table is None or not _are_same(parts, self._parts):
            self.table, self._parts = _mixed(parts), parts
            self._sheet = _spread(self.table)
        return _look_up(frame, self._sheet)

    def reset(self) -> None:
        """Begin anew with the next frame."""
        self._memory, self._baked = {}, {}

    def leave(self) -> None:
        """Forget all: the next frame is not graded."""
        if self.table is not None:
            self.reset()
            self.table = None

    def state(self) -> FrameMemory:
        """Return what is remembered; empty at the start. ``apply`` takes it back."""
        return dict(self._memory)

    def _follow(
        self, frame: np.ndarray, part: np.ndarray | None, grades: list[Grade], hold: bool
    ) -> None:
        """Bake the tables of ``grades`` anew where it is time, or where they are missing."""
        age, code = int(self._memory.get(_AGE, 0)), self._memory.get(_CODE)
        due = code is None or (age % _EVERY == 0 and not hold)
        if grades and (due or any(grade.digest not in self._baked for grade in grades)):
            self._network = self._network or GradeNetwork()
            view, gain, before = grade_view(frame, part), _GAIN if due else 0.0, code
            self._baked = {}
            for grade in grades:
                code, table = self._network.bake(view, before, gain, grade.code, TABLE_SIZE)
                self._baked[grade.digest] = table
        if code is not None:
            self._memory = {_CODE: code, _AGE: np.array((age + 1) % _EVERY)}


def _are_same(parts: _Parts, others: _Parts) -> bool:
    return len(parts) == len(others) and all(
        one is other and share == share_then
        for (one, share), (other, share_then) in zip(parts, others, strict=True)
    )


def _mixed(parts: _Parts) -> np.ndarray:
    """Return the table of all ``parts``; what is left of 1 changes nothing."""
    size = max(TABLE_SIZE, *(len(table) for table, _ in parts))
    mixed = np.float32(1 - sum(share for _, share in parts)) * grid(size)
    for table, share in parts:
        mixed += np.float32(share) * resampled(table, size)
    return mixed


def look_up(frame: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return what the colours of ``frame`` (H, W, 3) uint8 are in ``table``, to a level."""
    return _look_up(frame, _spread(resampled(table, max(len(table), TABLE_SIZE))))


def _look_up(frame: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """Return ``look_up`` of the table that ``_spread`` made ``sheet`` of.

    OpenCV looks up places in pictures, between their pixels as well, faster than anything else here
    looks up colours in tables: here a place is a colour. Blue, of which each level has a part of
    the sheet, says how far to the right that is, red how far in it, and green how far down.
    """
    cv2, size = import_opencv(), len(sheet) - 1
    whole, rest = _places(size)
    red, green, blue = cv2.split(frame)
    begins = ((size + 1) * np.arange(256)).astype(np.uint16)
    across = cv2.add(cv2.LUT(red, whole), cv2.LUT(blue, begins))
    places = cv2.merge([across, cv2.LUT(green, whole)]).view(np.int16)
    between = cv2.add(cv2.LUT(red, rest), cv2.LUT(green, _STEPS * rest))
    found: np.ndarray = cv2.remap(sheet, places, between, cv2.INTER_LINEAR)
    return found


def _spread(table: np.ndarray) -> np.ndarray:
    """Return ``table`` as a picture: (n + 1, 256 * (n + 1), 3) uint8, for ``_look_up``.

    The last row, and the last column of each part, come twice: there is nothing beyond.
    """
    size = len(table)
    every = np.linspace(0, size - 1, 256)
    levels = sampled(np.float32(255) * table, [every, *[np.arange(size)] * 2])
    parts = np.pad(np.rint(levels).astype(np.uint8), ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    return np.ascontiguousarray(parts.transpose(1, 0, 2, 3)).reshape(size + 1, -1, 3)


@lru_cache(maxsize=8)
def _places(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each level, of 256, the point of ``size`` before it, and how far it is behind.

    (256,) uint16 both, the second in 1 / ``_STEPS``, as OpenCV has it.
    """
    places = np.rint(np.linspace(0, size - 1, 256) * _STEPS).astype(np.uint16)
    return places // _STEPS, places % _STEPS


def resampled(table: np.ndarray, size: int) -> np.ndarray:
    """Return ``table`` with ``size`` points along each side."""
    if len(table) == size:
        return table
    return sampled(table, [np.linspace(0, len(table) - 1, size)] * 3)


def sampled(table: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    """Return what ``table`` has at ``places`` of blue, green and red: linear between its points.

    places: indices with fractions, within the table.
    """
    for axis, along in enumerate(places):
        first = np.minimum(along.astype(int), table.shape[axis] - 2)
        share = (along - first).astype(np.float32).reshape([-1, *[1] * (3 - axis)])
        one, two = (np.take(table, first + step, axis) for step in (0, 1))
        table = one + share * (two - one)
    return table
