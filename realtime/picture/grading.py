"""Grades whole frames, or people and what is behind them each by a table of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from realtime.frame import FrameMemory, memory_part, named_memory
from realtime.picture.grade import TABLE_SIZE, Grade, Grader, resampled
from realtime.picture.layers import lay_over, shares

_PERSON, _BEHIND = "person_", "behind_"


class Grading:
    """Grades frame after frame; remembers what frames and their parts look like. One thread."""

    def __init__(self) -> None:
        self._whole = Grader()
        self._parts = {_PERSON: Grader(), _BEHIND: Grader()}

    @property
    def table(self) -> np.ndarray | None:
        """The table of the newest frame, as that of a ``Grade``; None: it had none, or two.

        It has ``TABLE_SIZE`` points a side, or more: programs by others may want as many.
        """
        table = self._whole.table
        return None if table is None else resampled(table, max(len(table), TABLE_SIZE))

    def apply(
        self,
        frame: np.ndarray,
        grades: Mapping[Grade, float],
        hold: bool,
        state: FrameMemory | None,
        person: np.ndarray | None,
    ) -> np.ndarray:
        """Return ``frame`` (H, W, 3) uint8 RGB graded.

        grades, hold, state: as for ``Grader.apply``. person: (H, W) uint8, where people are, if
        they are graded otherwise than what is behind them. Raises EngineError.
        """
        if person is None:
            self._leave_parts()
            return self._whole.apply(frame, grades, hold, state)
        self._whole.leave()
        graded = []
        for number, (name, grader) in enumerate(self._parts.items()):
            of_part = {
                grade.parts[number] if grade.parts else grade: share
                for grade, share in grades.items()
            }
            memory = None if state is None else memory_part(name, state)
            seen = person if name == _PERSON else 255 - person
            graded.append(grader.apply(frame, of_part, hold, memory, seen))
        return lay_over(graded[1], graded[0], shares(person, 0, 1))

    def reset(self) -> None:
        """Begin anew with the next frame."""
        for grader in (self._whole, *self._parts.values()):
            grader.reset()

    def leave(self) -> None:
        """Forget all: the next frame is not graded."""
        self._whole.leave()
        self._leave_parts()

    def state(self) -> FrameMemory:
        """Return what is remembered; empty at the start. ``apply`` takes it back."""
        memory = self._whole.state()
        for name, grader in self._parts.items():
            memory |= named_memory(name, grader.state())
        return memory

    def _leave_parts(self) -> None:
        for grader in self._parts.values():
            grader.leave()
