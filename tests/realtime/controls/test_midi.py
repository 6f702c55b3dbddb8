"""MIDI over a port that mido makes of a socket: what pads and faders do, and what they learn."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import run_cam
from engines.errors import SourceError, UsageError
from realtime.controls import midi
from realtime.controls.commands import COMMANDS
from realtime.controls.desk import Desk
from realtime.controls.midi import (
    Binding,
    Control,
    MidiInput,
    control_of,
    default_controls,
    open_port,
    read_controls,
    write_controls,
)
from realtime.controls.state import State
from realtime.live import flags
from tests.realtime.controls.test_osc import until

mido = pytest.importorskip("mido", reason="pip install '.[midi]'")
sockets = pytest.importorskip("mido.sockets")


class Controller:
    """Sends over a socket what a controller would."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.number = free.getsockname()[1]
        self.server = sockets.PortServer("127.0.0.1", self.number)
        self.address = f"tcp:127.0.0.1:{self.number}"

    def accept(self) -> None:
        self.port = self.server.accept()

    def send(self, kind: str, **values: int) -> None:
        self.port.send(mido.Message(kind, **values))


@pytest.fixture
def controller() -> Iterator[Controller]:
    opened = Controller()
    yield opened
    opened.server.close()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def listen(
    controller: Controller, state: State, said: list[str], tmp_path: Path
) -> Iterator[Callable[..., Desk]]:
    opened: list[MidiInput] = []

    def start(controls: dict | None = None, learned: Path | None = None) -> Desk:
        desk = Desk(state)
        port = open_port(controller.address)
        controller.accept()
        opened.append(MidiInput(port, controls or default_controls(), desk, said.append, learned))
        return desk

    yield start
    for each in opened:
        each.close()


def obeyed(desk: Desk, condition: Callable[[State], bool]) -> bool:
    return until(lambda: (desk.follow(0.0), condition(desk.state))[1])


def test_pads_are_styles_and_faders_set_numbers(controller: Controller, listen: Callable):
    desk = listen()
    controller.send("note_on", note=38, velocity=90)
    assert obeyed(desk, lambda s: s.number == 3)
    controller.send("control_change", control=1, value=0)
    assert obeyed(desk, lambda s: s.look.strength == 0)
    controller.send("control_change", control=1, value=127)
    assert obeyed(desk, lambda s: s.look.strength == 1)
    controller.send("control_change", control=3, value=127)
    controller.send("control_change", control=4, value=64)
    assert obeyed(
        desk, lambda s: s.look.brush == 2 and s.look.stability == pytest.approx(0.504, abs=1e-3)
    )
    desk.perform("mix", "great_wave:1,starry_night:1")
    controller.send("control_change", control=2, value=127)
    assert obeyed(desk, lambda s: s.look.mix == (("great_wave", 0.0), ("starry_night", 1.0)))
    controller.send("control_change", control=2, value=0)
    assert obeyed(desk, lambda s: s.look.mix == (("great_wave", 1.0), ("starry_night", 0.0)))


def test_none_of_a_thousand_notes_is_lost(controller: Controller, listen: Callable):
    desk = listen({Control("note", number): ("next", None) for number in range(128)})
    for number in range(1000):
        controller.send("note_on", note=number % 128, velocity=1 + number % 127)
        controller.send("note_off", note=number % 128)
    assert until(lambda: (desk.follow(0.0), desk.state.performed == 1000)[1], limit_s=20)
    assert desk.state.number == 1 + 1000 % 3


def test_a_note_is_obeyed_within_two_frames(controller: Controller, listen: Callable):
    desk = listen()
    waits = []
    for number in (1, 2, 3, 1, 2):
        begun_s = time.monotonic()
        controller.send("note_on", note=35 + number, velocity=1)
        assert obeyed(desk, lambda s, n=number: s.number == n)
        waits.append(time.monotonic() - begun_s)
    assert min(waits) < 2 / 30


def test_what_cannot_be_obeyed_is_told_once(
    controller: Controller, listen: Callable, said: list[str]
):
    desk = listen({Control("note", 1): ("style", "gone"), Control("note", 2): ("next", None)})
    for note in (1, 1, 99, 2):  # nothing is bound to 99
        controller.send("note_on", note=note, velocity=1)
    controller.send("pitchwheel", pitch=100)
    assert obeyed(desk, lambda s: s.number == 2)
    assert len(said) == 1 and said[0].startswith("midi: note 1 channel 1: there is no style 'gone'")


def test_the_end_of_the_connection_is_told(
    controller: Controller, listen: Callable, said: list[str]
):
    listen()
    controller.port.close()
    controller.port._rfile.close()
    controller.port._wfile.close()
    assert (until(lambda: bool(said)) and "ended" in said[0]) or "heard" in said[0]


def test_a_pad_and_a_fader_learn_from_keys(
    controller: Controller, listen: Callable, said: list[str], tmp_path: Path
):
    file = tmp_path / "midi.toml"
    desk = listen(learned=file)
    desk.press("3")
    controller.send("note_on", note=100, velocity=1, channel=9)
    assert until(lambda: len(said) == 1)
    desk.press("]")
    controller.send("control_change", control=20, value=127)
    assert until(lambda: len(said) == 2)
    controller.send("control_change", control=20, value=0)  # it is learned once
    assert obeyed(desk, lambda s: s.look.strength == 0)
    desk.press("b")
    controller.send("control_change", control=21, value=1)
    assert until(lambda: len(said) == 3)
    assert said == [
        "midi: note 100 channel 10 is style the_scream from now on",
        "midi: control 20 channel 1 is strength from now on",
        "midi: control 21 channel 1 is balance from now on",
    ]
    desk.follow(0.0)
    assert "from now on" in desk.state.said
    read = read_controls(file)
    assert read[Control("note", 100, 10)] == ("style", "the_scream")
    assert read[Control("control", 20, 1)] == ("strength", None)
    assert len(file.read_text().splitlines()) == 4  # what is usual is not written


def test_nothing_is_learned_unless_it_is_asked_for(
    controller: Controller, listen: Callable, said: list[str]
):
    desk = listen()
    desk.press("m")
    controller.send("note_on", note=37, velocity=1)
    assert obeyed(desk, lambda s: s.number == 2) and not said


def test_buttons_and_what_is_let_go():
    asked: list = []
    on_any, on_one = Control("control", 7), Control("control", 7, 2)
    binding = Binding(
        {on_any: ("next", None), on_one: ("", None), Control("program", 5): ("preset", 2.0)},
        lambda *action: asked.append(action),
    )
    for level in (127, 127, 0, 30, 64, 0):
        binding.hear(Control("control", 7, 1), level)
    assert asked == [("next", None)] * 2
    binding.hear(on_one, 127)
    binding.hear(Control("program", 5, 1), 127)
    binding.hear(Control("program", 5, 1), 127)
    assert asked[2:] == [("preset", 2.0)] * 2


def test_messages_of_other_kinds_mean_nothing():
    assert control_of(mido.Message("note_on", note=1, velocity=0)) == (Control("note", 1, 1), 0)
    assert control_of(mido.Message("program_change", program=3)) == (Control("program", 3, 1), 127)
    for kind in ("pitchwheel", "clock", "sysex", "aftertouch", "active_sensing"):
        assert control_of(mido.Message(kind)) is None


def test_every_command_can_be_bound_and_read_back(tmp_path: Path):
    file = tmp_path / "midi.toml"
    values = {"style": "the_scream", "mix": "great_wave:0.5,the_scream:0.5", "behind": "blur"}
    bound = {
        Control("note", number, 16): (name, values.get(name))
        for number, name in enumerate(COMMANDS)
    }
    bound |= {Control("control", 1): ("preset", 3.0), Control("program", 0): ("mirror", True)}
    bound |= {Control("note", 36): ("", None)}
    write_controls(file, {**default_controls(), **bound})
    assert read_controls(file) == {**default_controls(), **bound}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[midi]\n'note 128' = 'next'", "no control 'note 128'"),
        ("[midi]\n'note' = 'next'", "no control 'note'"),
        ("[midi]\n'note 1 channel 17' = 'next'", "channel of 1 to 16"),
        ("[midi]\n'fader 1' = 'next'", "note, control or program"),
        ("[midi]\n'' = 'next'", "there is no control ''"),
        ("[midi]\n'note 1' = 'dance'", "no command 'dance'"),
        ("[midi]\n'note 1' = 'strength much'", "takes a number"),
        ("[midi]\n'note 1' = 5", "no command '5'"),
        ("[keys]\n", r"must hold one table, \[midi\]"),
        ("[midi", "cannot be read"),
    ],
)
def test_a_bad_file_is_told(tmp_path: Path, text: str, what: str):
    file = tmp_path / "midi.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=what):
        read_controls(file)


def test_the_port_is_found_by_a_part_of_its_name(monkeypatch: pytest.MonkeyPatch):
    names = ["nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "Launchpad Mini 24:0"]
    monkeypatch.setattr(midi, "input_names", lambda: names)
    monkeypatch.setattr(mido, "open_input", lambda name: name)
    assert open_port("launchpad") == names[1] and open_port("") == names[0]
    with pytest.raises(SourceError, match=r"no controller named like 'apc' .*Launchpad"):
        open_port("apc")
    names.clear()
    with pytest.raises(SourceError, match=r"no controller is here. Plug one in"):
        open_port("")
    with pytest.raises(SourceError, match="cannot be opened"):
        open_port("tcp:127.0.0.1:1")
    with pytest.raises(UsageError, match="HOST:PORT"):
        open_port("tcp:nowhere")


def test_a_system_without_midi_is_told_before_alsa_writes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(midi.sys, "platform", "linux")
    monkeypatch.setattr(midi, "_SEQUENCER", Path("/dev/none"))
    monkeypatch.setitem(sys.modules, "rtmidi", ModuleType("rtmidi"))
    monkeypatch.delenv("MIDO_BACKEND", raising=False)
    with pytest.raises(SourceError, match=r"--midi: cannot be opened .*modprobe snd-seq"):
        open_port("")


@pytest.mark.parametrize("missing", ["mido", "rtmidi"])
def test_what_is_missing_is_told_with_what_to_type(missing: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delenv("MIDO_BACKEND", raising=False)
    with pytest.raises(UsageError, match=r"--midi needs .*rtmidi: .*pip install .*midi"):
        open_port("")


def test_the_flags_open_the_port_and_find_the_table(
    controller: Controller, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LIVEBRUSH_CONFIG", str(tmp_path))
    (tmp_path / "midi.toml").write_text('[midi]\n"note 1 channel 3" = "strength 0.25"\n')
    desk = Desk(state)
    args = run_cam.parse_args(["--midi", controller.address, "--midi-learn"])
    with contextlib.ExitStack() as opened:
        flags.open_remotes(args, desk, opened)
        controller.accept()
        controller.send("note_on", note=1, velocity=1, channel=2)
        assert obeyed(desk, lambda s: s.look.strength == 0.25)
        desk.press("m")
        controller.send("note_on", note=2, velocity=1)
        assert obeyed(desk, lambda s: "note 2 channel 1 is mirror" in s.said)
    assert '"note 2 channel 1" = "mirror"' in (tmp_path / "midi.toml").read_text()
    args = run_cam.parse_args([])
    flags.open_remotes(args, desk, contextlib.ExitStack())  # nothing is asked for
