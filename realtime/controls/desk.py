"""Where every control comes together: keys, remotes (OSC, the page), the timer and the schedule.

Owns the ``State``.
"""

from __future__ import annotations

import queue
from dataclasses import replace

from realtime.controls.autopilot import Cycle, Schedule
from realtime.controls.commands import perform
from realtime.controls.keys import Keymap, default_keymap
from realtime.controls.pointer import Pointer
from realtime.controls.state import State
from realtime.controls.values import Value

_MOST_ASKED = 1000  # of one turn: a remote that floods must not hold up the picture


class Desk:
    """``state`` is replaced as a whole, so any thread may read it.

    ``ask`` may be called from any thread, the rest from one.
    """

    def __init__(
        self, state: State, keymap: Keymap | None = None, schedule: Schedule | None = None
    ) -> None:
        self.state = state
        self.keymap = keymap or default_keymap()
        self._asked: queue.SimpleQueue[tuple[str, Value]] = queue.SimpleQueue()
        self._pilots = [Cycle(), *([schedule] if schedule else [])]

    def press(self, key: str) -> None:
        """What the key means; a value that this model cannot take, such as a style that it lacks,
        is answered by ``said``.
        """
        try:
            self.state = self.keymap.press(self.state, key)
        except ValueError as error:
            self.state = replace(self.state, said=str(error), said_count=self.state.said_count + 1)

    def perform(self, name: str, value: Value = None) -> None:
        self.state = perform(self.state, name, value)

    def ask(self, name: str, value: Value = None) -> None:
        """Have a command performed at the next ``follow``.

        Raises KeyError and ValueError as ``perform`` would, and then nothing is performed.
        """
        perform(self.state, name, value)
        self._asked.put((name, value))

    def follow(self, now_s: float) -> None:
        """Perform what remotes asked for and what is due by the clock, in seconds."""
        for _ in range(min(self._asked.qsize(), _MOST_ASKED)):
            self.state = perform(self.state, *self._asked.get())
        for pilot in self._pilots:
            self.state = pilot.follow(self.state, now_s)

    def point(
        self, pointer: Pointer, styles_at: dict[str, tuple[float, float, float, float]]
    ) -> None:
        """A press or drag of the mouse: on a small picture (``styles_at``: top, left, bottom, right
        as shares of the view) it picks that style, elsewhere it moves the divider of a split
        comparison.
        """
        for name, (top, left, bottom, right) in styles_at.items():
            if top <= pointer.down < bottom and left <= pointer.across < right:
                if pointer.pressed:
                    self.perform("style", name)
                return
        if self.state.compare == "split" and not self.state.sheet:
            self.perform("divider", pointer.across)
