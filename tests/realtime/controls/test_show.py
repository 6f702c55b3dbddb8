"""What is kept of a show, and what is said of a file that is none."""

from __future__ import annotations

import json
import queue
from dataclasses import replace
from pathlib import Path

import pytest

from engines import Style
from engines.errors import UsageError
from realtime.controls.autopilot import Schedule
from realtime.controls.commands import COMMANDS
from realtime.controls.desk import Desk, Performed
from realtime.controls.pointer import Pointer
from realtime.controls.show import TAG, Change, Head, Source, encode_line, read_show
from realtime.controls.state import State
from realtime.timeline import parse_timeline


def journal_of(desk: Desk) -> queue.SimpleQueue[Performed]:
    desk.journal = queue.SimpleQueue()
    return desk.journal


def taken(journal: queue.SimpleQueue[Performed]) -> list[Performed]:
    return [journal.get() for _ in range(journal.qsize())]


def write(path: Path, state: State, *changes: Change, **source: str) -> Path:
    head = Head(1, "abc", Source("clip.mp4", **source), "gallery", state)
    path.write_bytes(b"".join(map(encode_line, (head, *changes))))
    return path


def test_everything_that_controls_is_in_the_journal(state: State):
    schedule = Schedule(parse_timeline("0:the_scream/2s", "--style-schedule"))
    desk = Desk(replace(state, compare="split"), schedule=schedule)
    journal = journal_of(desk)
    desk.press("2")
    desk.press("nothing")
    desk.ask("strength", 0.25)
    desk.follow(0.0)  # and the schedule begins
    desk.point(Pointer(0.3, 0.5, True), {})
    desk.add_style(Style("mine"))
    changes = taken(journal)
    assert [(change.command, change.value) for change in changes] == [
        *(("slot", 2.0), ("strength", 0.25), ("mix", "the_scream:1"), ("fade", 2.0)),
        *(("divider", 0.3), ("", None)),
    ]
    assert [change.number for change in changes] == [1, 2, 3, 3, 4, 5]
    assert desk.state.performed == 5 and changes[-1].style == Style("mine")


def test_what_is_read_back_is_what_was_seen(tmp_path: Path, state: State):
    """The same commands, whatever they are, lead to the same controls."""
    desk = Desk(state)
    journal = journal_of(desk)
    file = tmp_path / "show.jsonl"
    for number, command in enumerate(COMMANDS.values()):
        desk.perform(command.name, "the_scream" if command.name in ("style", "mix") else None)
        if number % 7 == 0:
            desk.add_style(Style(f"picture_{number}"))
    changes = [
        Change(entry.number / 4, entry.number, None, entry.command, entry.value, style=entry.style)
        for entry in taken(journal)
    ]
    show = read_show(write(file, state, *changes))
    last = show.steps[-1].state
    now = desk.state
    assert (last.look, last.fade_s, last.mirror) == (now.look, now.fade_s, now.mirror)
    assert (last.frozen, last.black) == (now.frozen, now.black)
    assert "picture_7" in show.style_names and "the_scream" in show.style_names


def test_what_changes_nothing_that_is_seen_is_no_step(tmp_path: Path, state: State):
    changes = [Change(n / 10, n, None, "divider", n / 100) for n in range(10, 20)]
    changes += [Change(3.0, 90, None, "help"), Change(4.0, 120, None, "mirror", True)]
    show = read_show(write(tmp_path / "show.jsonl", state, *changes))
    assert [step.at_s for step in show.steps] == [4.0]


@pytest.mark.parametrize("command", ["pause", "film_on", "seek", "repeat", "next_film"])
def test_a_film_that_was_jumped_in_is_painted_from_what_was_kept(
    command: str, tmp_path: Path, state: State
):
    """Its own times do not tell when what was shown; those of --record-source do."""
    changes = [Change(1.0, 30, 1.0, command), Change(2.0, 60, 2.0, "mirror", True)]
    show = read_show(write(tmp_path / "show.jsonl", state, *changes))
    with pytest.raises(UsageError, match=r"pause, jumps.*--record-source"):
        show.steps_on(Path("clip.mp4"), show.head.source.fingerprint, "")
    kept = show.steps_on(Path("kept.mp4"), "another", f"{TAG}{show.head.name}")
    assert [step.at_s for step in kept] == [2.0]


def test_a_last_line_that_was_not_finished_is_left_out(tmp_path: Path, state: State):
    file = write(tmp_path / "show.jsonl", state, Change(1.0, 30, None, "mirror", True))
    file.write_bytes(file.read_bytes() + b'{"at_s":2.0,"fra')
    assert len(read_show(file).steps) == 1


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"at_s":1,"frame":1,"file_s":null,"command":"dance"}', "line 2: .*no command 'dance'"),
        ('{"at_s":1,"frame":1,"file_s":null,"command":"strength","value":"x"}', "takes a number"),
        ('{"at_s":1,"frame":1,"file_s":null,"command":"style","value":"gone"}', "no style 'gone'"),
        ('{"at_s":"soon","frame":1,"file_s":null,"command":"next"}', "line 2: .*at_s"),
        ('{"frame":1,"command":"next"}', "line 2: .*missing"),
        ("not json", "line 2: "),
        ("[" * 10_000, "line 2: "),
        ('{"row":"AA==","name":"../../x"}', "cannot be called"),
        (
            '{"at_s":2,"frame":2,"file_s":null,"command":"mirror"}\n'
            '{"at_s":1,"frame":1,"file_s":null,"command":"mirror"}',
            "must rise",
        ),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, state: State, line: str, what: str):
    file = write(tmp_path / "show.jsonl", state)
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(UsageError, match=f"(?s)--replay .*show.jsonl: .*{what}"):
        read_show(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff\n", b"{}\n", b"[1]\n", b'{"livebrush_show": 1}\n', b'{"a":' * 5000 + b"\n"],
)
def test_what_is_no_show_is_told(tmp_path: Path, content: bytes):
    file = tmp_path / "show.jsonl"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"is no show \(.*--record-controls"):
        read_show(file)


def test_another_version_and_a_look_that_cannot_be_are_told(tmp_path: Path, state: State):
    file = write(tmp_path / "show.jsonl", state)
    head = json.loads(file.read_text())
    file.write_text(json.dumps({**head, "livebrush_show": 9}) + "\n")
    with pytest.raises(UsageError, match="format 9"):
        read_show(file)
    head["state"]["look"]["strength"] = 7
    file.write_text(json.dumps(head) + "\n")
    with pytest.raises(UsageError, match=r"is no show .*strength must lie"):
        read_show(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_show(tmp_path / "none.jsonl")


def test_the_source_is_known_again(tmp_path: Path, state: State):
    changes = [Change(1.0, 30, 11.0, "mirror", True), Change(2.0, 60, 12.0, "mirror", False)]
    show = read_show(write(tmp_path / "show.jsonl", state, *changes, fingerprint="f"))
    times = [step.at_s for step in show.steps_on(Path("clip.mp4"), "f", "")]
    assert times == [11.0, 12.0]
    kept = show.steps_on(Path("kept.mp4"), "other", f"{TAG}abc")
    assert [step.at_s for step in kept] == [1.0, 2.0]
    with pytest.raises(UsageError, match=r"played on clip.mp4, and x.mp4 is another source"):
        show.steps_on(Path("x.mp4"), "other", f"{TAG}other")


def test_a_source_that_began_anew_is_told(tmp_path: Path, state: State):
    changes = [Change(1.0, 30, 1.0, "mirror", True), Change(2.0, 60, 0.5, "mirror", False)]
    show = read_show(write(tmp_path / "show.jsonl", state, *changes, fingerprint="f"))
    with pytest.raises(UsageError, match=r"straight through once \(--loop"):
        show.steps_on(Path("clip.mp4"), "f", "")
    assert len(show.steps_on(Path("kept.mp4"), "", f"{TAG}abc")) == 2
