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
"""Points along each side of tables that are mixed, or written; files may have others."""
BAKED_SIZE = 17
"""Points of what is found by a picture, which is smooth: more would take time and be no nearer."""
_EVERY = 4  # frames, after which it is looked again at what is graded
_GAIN = 0.15  # of a new look; a change is followed within a second, about
# So many levels of change, as a root of mean squares, are not followed: noise and small things that
# come and go would move all colours to and fro.
_NOT_FOLLOWED = 0.5
# After so many frames, codes that began differently lead to tables some level apart.
FRAMES_REMEMBERED = math.ceil(_EVERY * math.log(255) / -math.log1p(-_GAIN))
_CODE, _AGE = "code", "age"
_STRIP_ROWS = 48  # fresh memory for a whole frame at once takes longer than looking up
_FINER = 128  # than levels: what is looked up between points
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
        self._baked_for: np.ndarray | None = None
        self._parts: _Parts = []
        self._sheet = np.empty(0, np.uint16)

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
        self._memory = {}

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
        if grades and due:
            code = self._nearer(code, self._open().content_code(grade_view(frame, part)))
        if code is None:
            return
        if code is not self._baked_for:
            self._baked, self._baked_for = {}, code
        for grade in grades:
            if grade.digest not in self._baked:
                self._baked[grade.digest] = self._open().bake(code, grade.code, BAKED_SIZE)
        self._memory = {_CODE: code, _AGE: np.array((age + 1) % _EVERY)}

    def _open(self) -> GradeNetwork:
        self._network = self._network or GradeNetwork()
        return self._network

    def _nearer(self, code: np.ndarray | None, seen: np.ndarray) -> np.ndarray:
        """Return ``code`` gone towards what is ``seen``; the same where that is hardly another."""
        if code is None:
            return seen
        levels = 255 * float(np.linalg.norm(seen - code)) / 3**0.5
        if levels <= _NOT_FOLLOWED:
            return code
        nearer: np.ndarray = code + np.float32(_GAIN * (1 - _NOT_FOLLOWED / levels)) * (seen - code)
        return nearer


def _are_same(parts: _Parts, others: _Parts) -> bool:
    return len(parts) == len(others) and all(
        one is other and share == share_then
        for (one, share), (other, share_then) in zip(parts, others, strict=True)
    )


def _mixed(parts: _Parts) -> np.ndarray:
    """Return the table of all ``parts``; what is left of 1 changes nothing."""
    sizes = {len(table) for table, _ in parts}
    size = max(sizes) if len(sizes) == 1 else max(TABLE_SIZE, *sizes)
    mixed = np.float32(1 - sum(share for _, share in parts)) * grid(size)
    for table, share in parts:
        mixed += np.float32(share) * resampled(table, size)
    return mixed


def look_up(frame: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return what the colours of ``frame`` (H, W, 3) uint8 are in ``table``, to a level."""
    return _look_up(frame, _spread(table))


def _look_up(frame: np.ndarray, sheet: np.ndarray) -> np.ndarray:
    """Return ``look_up`` of the table that ``_spread`` made ``sheet`` of.

    OpenCV looks up places in pictures, between their pixels as well, faster than anything else here
    looks up colours in tables: here a place is a colour. Blue, of which each level has a part of
    the sheet, says how far to the right that is, red how far in it, and green how far down.
    """
    cv2, size = import_opencv(), len(sheet) - 1
    places, begins = _places(size)
    graded = np.empty(frame.shape, np.uint8)
    for top in range(0, len(frame), _STRIP_ROWS):
        strip = np.s_[top : top + _STRIP_ROWS]
        red, green, blue = cv2.split(frame[strip])
        across = cv2.LUT(red, places)
        cv2.add(across, cv2.LUT(blue, begins), dst=across)
        found = cv2.remap(sheet, across, cv2.LUT(green, places), cv2.INTER_LINEAR)
        rounded = cv2.convertScaleAbs(found, alpha=1 / _FINER)
        cv2.cvtColor(rounded, cv2.COLOR_RGBA2RGB, dst=graded[strip])
    return graded


def _spread(table: np.ndarray) -> np.ndarray:
    """Return ``table`` as a picture: (n + 1, 256 * (n + 1), 4) uint16, for ``_look_up``.

    The last row, and the last column of each part, come twice: there is nothing beyond. The fourth
    channel is empty: of four OpenCV looks up in half the time of three. It is in 1 / ``_FINER``
    levels: rounded to whole ones here and again when looked up, even ramps have steps.
    """
    cv2, size = import_opencv(), len(table)
    padded = np.zeros((size, size + 1, size + 1, 4), np.float32)
    padded[..., :3] = np.pad(table, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    between = sampled(np.eye(size, dtype=np.float32)[..., None, None], [_every_level(size)])
    levels = cv2.gemm(between[..., 0, 0], padded.reshape(size, -1), 255 * _FINER, None, 0)
    parts = (levels + 0.5).astype(np.uint16).reshape(256, size + 1, size + 1, 4)
    return np.ascontiguousarray(parts.transpose(1, 0, 2, 3)).reshape(size + 1, -1, 4)


@lru_cache(maxsize=8)
def _places(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each level, of 256, where it is among ``size`` points, and where its part begins.

    (256,) float32 both.
    """
    begins = (size + 1) * np.arange(256, dtype=np.float32)
    return _every_level(size).astype(np.float32), begins


def _every_level(size: int) -> np.ndarray:
    return np.linspace(0, size - 1, 256)


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
