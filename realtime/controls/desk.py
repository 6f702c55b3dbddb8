"""Where every control comes together: keys, mouse, remotes, the timer and the schedule."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass, replace

from engines.errors import SinkError
from engines.style import Style
from realtime.controls.acts import add_style, say, take_grade
from realtime.controls.autopilot import Cycle, OwnFades, Schedule
from realtime.controls.commands import COMMANDS, perform
from realtime.controls.keys import Keymap, default_keymap
from realtime.controls.pointer import Pointer
from realtime.controls.presets import PresetFades, Presets
from realtime.controls.state import State
from realtime.controls.values import Value

_MOST_ASKED = 1000  # of one turn: a remote that floods must not hold up the picture


@dataclass(frozen=True)
class Performed:
    """One change of the controls."""

    number: int
    """``State.performed`` from then on."""
    command: str
    """Its name, "" for a style that came."""
    value: Value = None
    fade_s: float | None = None
    """Seconds of its own."""
    style: Style | None = None
    """What came beside the others."""


class Desk:
    """Owns the ``State``, which is replaced as a whole, so any thread may read it.

    ``ask``, ``tell_later`` and ``take_pressed`` may be called from any thread, the rest from one.
    ``keep_presets`` is called when a preset was stored, and may raise SinkError. ``journal``: gets
    all that changes the controls, before the state has it.
    """

    journal: queue.SimpleQueue[Performed] | None = None

    def __init__(
        self,
        state: State,
        keymap: Keymap | None = None,
        schedule: Schedule | None = None,
        keep_presets: Callable[[Presets, PresetFades], None] | None = None,
    ) -> None:
        self.state = state
        self._keep_presets, self._kept = keep_presets, state.presets
        self.keymap = keymap or default_keymap()
        self._asked: queue.SimpleQueue[tuple[str, Value, Value]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._pressed: tuple[str, Value] | None = None
        self._pilots: list[Cycle | Schedule] = [Cycle(), *([schedule] if schedule else [])]
        self._own_fades = OwnFades()

    def press(self, key: str) -> None:
        """Perform what the key means.

        A value that cannot be taken, such as a style that is not there, is answered by ``said``.
        """
        found = self.keymap.find(key)
        if found is None:
            return
        self._pressed = found
        try:
            self.perform(*found)
        except ValueError as error:
            self.state = say(self.state, str(error))

    def take_pressed(self) -> tuple[str, Value] | None:
        """Return what the newest key has done, once; from any thread."""
        pressed, self._pressed = self._pressed, None
        return pressed

    def perform(self, name: str, value: Value = None, fade_s: Value = None) -> None:
        """Perform a command now; raises KeyError and ValueError as ``commands.perform`` does."""
        after = perform(self.state, name, value, fade_s)
        command = COMMANDS[name]
        accepted = command.accept(value)
        own_s = None if fade_s is None else command.accept_fade(fade_s)
        moved = command.fader or name
        if accepted is None and moved in dict(self.state.under_way):
            # A step from where a fade was: in a journal, from where it goes would be meant.
            name, read = moved, COMMANDS[moved].now
            accepted = read(after) if read else None
        self._take(after, Performed(self._next, name, accepted, own_s))

    def tell(self, text: str) -> None:
        """Answer what was asked for, once it is known what came of it."""
        self.state = say(self.state, text)

    def tell_later(self, text: str) -> None:
        """Have ``text`` told at the next ``follow``; from any thread."""
        self._answers.put(text)

    def add_style(self, style: Style) -> None:
        """Put a style that the models have from now on beside the others, and paint in it."""
        self._take(add_style(self.state, style), Performed(self._next, "", style=style))

    def take_grade(self, name: str, title: str) -> None:
        """Grade by what the stylizer knows by ``name`` from now on."""
        self.state = take_grade(self.state, name, title)

    def ask(self, name: str, value: Value = None, fade_s: Value = None) -> None:
        """Have a command performed at the next ``follow``.

        Raises KeyError and ValueError as ``perform`` would, and then nothing is performed.
        """
        perform(self.state, name, value, fade_s)
        self._asked.put((name, value, fade_s))

    def follow(self, now_s: float) -> None:
        """Perform what remotes asked for and what is due by the clock, in seconds."""
        for _ in range(min(self._asked.qsize(), _MOST_ASKED)):
            self.perform(*self._asked.get())
        for _ in range(self._answers.qsize()):
            self.tell(self._answers.get())
        for pilot in self._pilots:
            after = pilot.follow(self.state, now_s)
            if after is not self.state:
                self._take(after, *self._changes(after))
        self.state = self._own_fades.follow(self.state, now_s)
        if self._keep_presets and self.state.presets != self._kept:
            self._kept = self.state.presets
            try:
                self._keep_presets(self._kept, self.state.preset_fades)
            except SinkError as error:
                self.state = say(self.state, str(error))

    @property
    def _next(self) -> int:
        return self.state.performed + 1

    def _take(self, after: State, *changes: Performed) -> None:
        """Have the state ``after`` from now on, which ``changes`` have led to."""
        if self.journal is not None:
            for change in changes:
                self.journal.put(change)
        self.state = replace(after, performed=self._next)

    def _changes(self, after: State) -> list[Performed]:
        """Return what a pilot has done, as commands that do the same."""
        read = [(command.name, command.now) for command in COMMANDS.values() if command.now]
        return [
            Performed(self._next, name, now(after))
            for name, now in read
            if now(after) != now(self.state)
        ]

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
