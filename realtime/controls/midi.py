"""Show control by MIDI: pads, knobs and faders perform commands, and learn which."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from engines.atomic_write import atomic_write
from engines.errors import SinkError, SourceError, UsageError
from engines.install import install_line
from realtime.controls.commands import COMMANDS
from realtime.controls.desk import Desk
from realtime.controls.keys import parse_action, user_folder
from realtime.controls.osc import parse_listen
from realtime.controls.values import Nothing, Range, Value

_CONTROL = re.compile(
    r"(?P<kind>note|control|program) (?P<number>\d{1,3})( channel (?P<channel>\d{1,2}))?", re.ASCII
)
_TCP = "tcp:"
_SEQUENCER = Path("/dev/snd/seq")
_POLL_S = 0.002
_CLOSE_S = 1.0
_MOST = 127
_PRESSED = 64  # of a control that is a button: from there on it is pressed
_FIRST_PAD = 36  # where the pads of most controllers begin
_PADS = 64

Action = tuple[str, Value]


@dataclass(frozen=True)
class Control:
    """A pad, a key, a knob, a fader or a program of a controller."""

    kind: str
    """``note``, ``control`` or ``program``."""
    number: int
    """0 to 127."""
    channel: int | None = None
    """1 to 16; None for any."""

    def __str__(self) -> str:
        channel = "" if self.channel is None else f" channel {self.channel}"
        return f"{self.kind} {self.number}{channel}"


Controls = Mapping[Control, Action]


class Port(Protocol):
    """What is listened to: an input port of mido."""

    closed: bool

    def poll(self) -> Any:
        """Return the next message, None if there is none now."""

    def close(self) -> None:
        """Listen no more."""


def user_midi_file() -> Path:
    """Return where the user's controls are kept."""
    return user_folder() / "midi.toml"


def default_controls() -> dict[Control, Action]:
    """Return what controls do that nobody has said anything of.

    Pads are styles, the first four faders strength, blend, brush and stability.
    """
    pads = {Control("note", _FIRST_PAD + at): ("style", str(at + 1)) for at in range(_PADS)}
    names = ("strength", "balance", "brush", "stability")
    return {**pads, **{Control("control", at): (name, None) for at, name in enumerate(names, 1)}}


def read_controls(file: Path) -> dict[Control, Action]:
    """Return the controls of the TOML file over the usual ones; those alone where it is not there.

    The file: ``[midi]``, then lines such as ``"note 36" = "style great_wave"``, ``"control 7" =
    "strength"`` for a fader, ``"note 40 channel 10" = ""`` for what shall do nothing. Raises
    UsageError for a file that cannot be read, and for a control or command that there is not.
    """
    controls = default_controls()
    if not file.exists():
        return controls
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # the latter for what is no UTF-8, and no TOML
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{file}: cannot be read ({reason}).") from error
    table = content.get("midi")
    if not isinstance(table, dict) or len(content) > 1:
        raise UsageError(
            f'{file}: must hold one table, [midi], with lines such as  "note 36" = "next"'
        )
    for text, action in table.items():
        control = _parse_control(file, text)
        controls[control] = ("", None) if action == "" else parse_action(file, text, action)
    return controls


def write_controls(file: Path, controls: Controls) -> None:
    """Replace the file by what of ``controls`` is not usual. Raises SinkError."""
    usual = default_controls()
    # JSON's texts are TOML's too.
    lines = [
        f"{json.dumps(str(control))} = {json.dumps(_action_text(*action), ensure_ascii=False)}"
        for control, action in controls.items()
        if usual.get(control) != action
    ]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as written:
            written.write_text("\n".join(["[midi]", *lines, ""]), encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{file}: what was learned is not kept ({error.strerror}).") from error


class Binding:
    """What the controls of one controller perform; it may learn.

    One thread calls ``hear``. ``ask`` performs a command, or raises KeyError or ValueError.
    """

    def __init__(self, controls: Controls, ask: Callable[[str, Value], None]) -> None:
        self.controls = dict(controls)
        self._ask = ask
        self._pressed: set[Control] = set()

    def action_of(self, control: Control) -> Action | None:
        """Return what ``control`` does: what its channel's does, else any channel's."""
        any_channel = Control(control.kind, control.number)
        return self.controls.get(control, self.controls.get(any_channel))

    def hear(self, control: Control, level: int) -> None:
        """Perform what ``control`` means at ``level``, 0..127; 0 of a button that is let go.

        Raises as ``ask`` does.
        """
        was_pressed = control in self._pressed
        self._pressed.discard(control)
        if level >= _PRESSED or (level and control.kind != "control"):
            self._pressed.add(control)
        name, value = self.action_of(control) or ("", None)
        if not name:
            return
        values = COMMANDS[name].values
        if control.kind == "control" and value is None and isinstance(values, Range):
            self._ask(name, values.low + level / _MOST * (values.high - values.low))
        elif control in self._pressed and (control.kind != "control" or not was_pressed):
            self._ask(name, value)


class MidiInput:
    """Listens to ``port`` on a thread of its own until ``close``.

    ``learned``: where what is learned is kept; None: nothing is. To learn, a key is pressed in the
    window and then the pad is hit, or the fader moved, that shall do the same. ``say`` gets lines
    for the user.
    """

    def __init__(
        self,
        port: Port,
        controls: Controls,
        desk: Desk,
        say: Callable[[str], None],
        learned: Path | None = None,
    ) -> None:
        self._port, self._desk, self._say, self._learned = port, desk, say, learned
        self._binding = Binding(controls, desk.ask)
        self._refused: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="midi", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more, waiting about a second at most."""
        self._stop.set()
        self._thread.join(_CLOSE_S)
        with contextlib.suppress(OSError):
            self._port.close()

    def _listen(self) -> None:
        try:
            while not self._stop.is_set():
                message = self._port.poll()
                if message is not None:
                    self._hear(message)
                elif self._port.closed:
                    self._say("midi: the connection has ended")
                    return
                else:
                    self._stop.wait(_POLL_S)
        except OSError as error:
            self._say(f"midi: nothing is heard any more ({error})")

    def _hear(self, message: Any) -> None:
        heard = control_of(message)
        if heard is None:
            return
        control, level = heard
        if self._learned and level and (pressed := self._desk.take_pressed()):
            self._learn(control, *pressed)
        try:
            self._binding.hear(control, level)
        except (KeyError, ValueError) as error:
            if str(control) not in self._refused:
                self._refused.add(str(control))
                self._say(f"midi: {control}: {error}")

    def _learn(self, control: Control, name: str, value: Value) -> None:
        """Have ``control`` do what a key has just done, and keep it."""
        assert self._learned
        state = self._desk.state
        if name == "slot" and value is not None:  # of the bank that is open now
            at = int(float(value)) - 1
            name, value = "style", state.bank_styles[at] if at < len(state.bank_styles) else None
        elif control.kind == "control" and COMMANDS[name].fader:
            name, value = COMMANDS[name].fader, None
        self._binding.controls[control] = (name, value)
        learned = f"{control} is {_action_text(name, value)} from now on"
        self._desk.tell_later(learned)
        self._say(f"midi: {learned}")
        try:
            write_controls(self._learned, self._binding.controls)
        except SinkError as error:
            self._say(str(error))


def control_of(message: Any) -> tuple[Control, int] | None:
    """Return which control a message of mido is of, and its level, 0..127; None of others."""
    channel = getattr(message, "channel", -1) + 1
    if message.type in ("note_on", "note_off"):
        level = message.velocity if message.type == "note_on" else 0
        return Control("note", message.note, channel), level
    if message.type == "control_change":
        return Control("control", message.control, channel), message.value
    if message.type == "program_change":
        return Control("program", message.program, channel), _MOST
    return None


def open_port(text: str) -> Port:
    """Open the input port that ``text`` is a part of the name of, the first one for "".

    ``tcp:HOST:PORT`` is a server of mido. Raises UsageError if the extra is missing, or for a name
    that no port or several have, SourceError if it cannot be opened.
    """
    try:
        import mido
        import mido.sockets
    except ImportError as error:
        raise UsageError(f"--midi needs mido and python-rtmidi: {install_line('midi')}") from error
    try:
        if text.startswith(_TCP):
            host, port = parse_listen(text.removeprefix(_TCP), "--midi")
            connected: Port = mido.sockets.connect(host, port)
            return connected
        names = input_names()
        found = [name for name in names if text.lower() in name.lower()]
        if not found:
            there_are = f"There are: {', '.join(names)}." if names else "Plug one in."
            wanted = f"named like {text!r} " if text else ""
            raise SourceError(f"--midi: no controller {wanted}is here. {there_are}")
        opened: Port = mido.open_input(found[0])
        return opened
    except ImportError as error:
        raise UsageError(f"--midi needs python-rtmidi: {install_line('midi')}") from error
    except OSError as error:
        what = f"--midi {text}".strip()
        raise SourceError(f"{what}: cannot be opened ({error}).") from error


def input_names() -> list[str]:
    """Return the names of the controllers that are plugged in, each once.

    Raises ImportError without the extra, OSError where the system has no MIDI.
    """
    import mido

    if "MIDO_BACKEND" not in os.environ:  # mido's way to another library
        import rtmidi  # noqa: F401 (mido says less plainly that it is missing)

        # ALSA would write to the terminal.
        if sys.platform.startswith("linux") and not _SEQUENCER.exists():
            raise OSError(f"{_SEQUENCER} is not there: sudo modprobe snd-seq")
    return list(dict.fromkeys(mido.get_input_names()))


def _parse_control(file: Path, text: str) -> Control:
    found = _CONTROL.fullmatch(text)
    if found:
        channel = int(found["channel"]) if found["channel"] else None
        control = Control(found["kind"], int(found["number"]), channel)
        if control.number <= _MOST and (channel is None or 1 <= channel <= 16):
            return control
    raise UsageError(
        f"{file}: there is no control {text!r}. Controls are note, control or program, a number of "
        '0 to 127, and a channel of 1 to 16 if it matters: "note 36 channel 10".'
    )


def _action_text(name: str, value: Value) -> str:
    if value is None or isinstance(COMMANDS[name].values if name else None, Nothing):
        return name
    if isinstance(value, bool):
        return f"{name} {'on' if value else 'off'}"
    return f"{name} {value:g}" if isinstance(value, float | int) else f"{name} {value}"
