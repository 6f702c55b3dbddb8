"""Where every control comes together: keys, mouse, remotes, the timer and the schedule."""

from __future__ import annotations

import queue
from collections.abc import Callable

from engines.errors import SinkError
from engines.style import Style
from realtime.controls.acts import add_style, say
from realtime.controls.autopilot import Cycle, Schedule
from realtime.controls.commands import perform
from realtime.controls.keys import Keymap, default_keymap
from realtime.controls.pointer import Pointer
from realtime.controls.presets import Presets
from realtime.controls.state import State
from realtime.controls.values import Value

_MOST_ASKED = 1000  # of one turn: a remote that floods must not hold up the picture


class Desk:
    """Owns the ``State``, which is replaced as a whole, so any thread may read it.

    ``ask`` may be called from any thread, the rest from one. ``keep_presets`` is called when a
    preset was stored, and may raise SinkError.
    """

    def __init__(
        self,
        state: State,
        keymap: Keymap | None = None,
        schedule: Schedule | None = None,
        keep_presets: Callable[[Presets], None] | None = None,
    ) -> None:
        self.state = state
        self._keep_presets, self._kept = keep_presets, state.presets
        self.keymap = keymap or default_keymap()
        self._asked: queue.SimpleQueue[tuple[str, Value]] = queue.SimpleQueue()
        self._pilots: list[Cycle | Schedule] = [Cycle(), *([schedule] if schedule else [])]

    def press(self, key: str) -> None:
        """Perform what the key means.

        A value that this model cannot take, such as a style that it lacks, is answered by ``said``.
        """
        try:
            self.state = self.keymap.press(self.state, key)
        except ValueError as error:
            self.state = say(self.state, str(error))

    def perform(self, name: str, value: Value = None) -> None:
        """Perform a command now; raises KeyError and ValueError as ``commands.perform`` does."""
        self.state = perform(self.state, name, value)

    def tell(self, text: str) -> None:
        """Answer what was asked for, once it is known what came of it."""
        self.state = say(self.state, text)

    def add_style(self, style: Style) -> None:
        """Put a style that the model has from now on beside the others, and paint in it."""
        self.state = add_style(self.state, style)

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
        if self._keep_presets and self.state.presets != self._kept:
            self._kept = self.state.presets
            try:
                self._keep_presets(self._kept)
            except SinkError as error:
                self.state = say(self.state, str(error))

    def point(
        self, pointer: Pointer, styles_at: dict[str, tuple[float, float, float, float]]
    ) -> None:
        """Obey the mouse: pick the thumbnail that is pressed, or move a split's divider.

        ``styles_at``: top, left, bottom, right of the thumbnails, as shares of the view.
        """
        for name, (top, left, bottom, right) in styles_at.items():
            if top <= pointer.down < bottom and left <= pointer.across < right:
                if pointer.pressed:
                    self.perform("style", name)
                return
        if self.state.compare == "split" and not self.state.sheet:
            self.perform("divider", pointer.across)
