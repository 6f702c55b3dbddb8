from __future__ import annotations

import numpy as np

from engines.tickets import Turns

STYLE = {"style": np.ones((1, 2), np.float32)}


class Negative:
    """A slot that gives 255 - x, and no sooner than it is waited for."""

    def __init__(self, log: list[str], name: str) -> None:
        self._log, self._name = log, name

    def start(self, frames: np.ndarray, conditions: dict[str, np.ndarray]) -> None:
        self._log.append(f"start {self._name}")
        self._frames = frames.copy()

    def wait(self) -> np.ndarray:
        self._log.append(f"wait {self._name}")
        return 255 - self._frames


def frame(value: int) -> np.ndarray:
    return np.full((1, 2, 2, 3), value, np.uint8)


def test_two_are_under_way_and_a_third_waits_for_the_first():
    log: list[str] = []
    turns = Turns([Negative(log, "a"), Negative(log, "b")])
    first, second = turns.start(frame(1), STYLE), turns.start(frame(2), STYLE)
    assert log == ["start a", "start b"]
    third = turns.start(frame(3), STYLE)
    assert log[2:] == ["wait a", "start a"]
    assert [r()[0, 0, 0, 0] for r in (third, first, second)] == [252, 254, 253], (
        "each caller gets its own"
    )
    assert log[4:] == ["wait a", "wait b"], "nothing is waited for twice"
    last = turns.start(frame(9), STYLE)
    turns.finish()
    assert log[-1] == "wait b"
    assert last()[0, 0, 0, 0] == last()[0, 0, 0, 0] == 246
