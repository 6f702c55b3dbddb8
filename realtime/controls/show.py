"""A show as a file: what the controls were at its start, and everything that was done to them.

A line of JSON each: the ``Head``, then rows of styles and changes of the controls as they came.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from engines.errors import LivebrushError, UsageError
from engines.style import STYLE_NAME, Style, check_style
from realtime.controls.acts import add_style
from realtime.controls.commands import COMMANDS, perform
from realtime.controls.state import State
from realtime.controls.values import Value
from realtime.look import PICTURE, Look

TAG = "livebrush show "
"""In front of a show's name, in the comment of the video that keeps its source."""
FORMAT = 1
_LONGEST_BYTES = 2**28

_Seconds = Annotated[float, Meta(ge=-1e9, le=1e9)]


class Source(msgspec.Struct):
    """What a show was played on."""

    name: str
    fingerprint: str | None = None
    """As ``realtime.media.info.fingerprint`` gives it; None of what is no file."""


class Head(msgspec.Struct):
    """The first line."""

    livebrush_show: int
    """The version of the format."""
    name: str
    """Tells the show from others."""
    source: Source
    model: str
    """The names of the models, with / between."""
    state: State
    """The controls at the start."""
    clock: datetime | None = None
    """What the time of day was at the start, for texts that tell it."""


class Row(msgspec.Struct):
    """A style that may be nowhere else by then."""

    name: str
    row: str
    """Its file, in base64."""


class Change(msgspec.Struct, omit_defaults=True):
    """One change of the controls, and the first frame that was painted with it."""

    at_s: _Seconds
    """From the source's first frame to this one."""
    frame: int
    """Counts from 0 in the source."""
    file_s: _Seconds | None
    """Its time in the file that is the source."""
    command: str = ""
    value: Value = None
    fade_s: float | None = None
    """Seconds of its own, in which a number is faded to."""
    style: Style | None = None
    """One that came beside the others."""


Line = Head | Row | Change


@dataclass(frozen=True)
class Step:
    """The controls from one frame on."""

    at_s: float
    """The time of that frame."""
    state: State


@dataclass(frozen=True)
class Show:
    """A show that can be painted again."""

    path: Path
    digest: str
    """A hash of its file."""
    head: Head
    rows: dict[str, str]
    """By the names of styles."""
    steps: tuple[Step, ...]
    """By the times of frames since the source's first one."""
    file_steps: tuple[Step, ...] | None
    """By their times in the source; None where that was no file, or not played straight through."""

    @property
    def looks(self) -> list[Look]:
        """All that are painted, in order."""
        return [self.head.state.look, *(step.state.look for step in self.steps)]

    @property
    def style_names(self) -> list[str]:
        """The names of all styles that are painted, each once."""
        return list(dict.fromkeys(name for look in self.looks for name in _styles_in(look)))

    @property
    def shows_picture(self) -> bool:
        """Whether a picture that the command line names is behind somebody at times."""
        return any(look.behind == PICTURE for look in self.looks)

    def steps_on(self, path: Path, fingerprint: str, comment: str) -> tuple[Step, ...]:
        """Return what is done while the video ``path`` is painted, by its own clock.

        fingerprint: its own. comment: what it says of itself. Raises UsageError unless it is what
        the show was played on, or the video that has kept that.
        """
        if comment == f"{TAG}{self.head.name}":
            return self.steps
        source = self.head.source
        if source.fingerprint != fingerprint:
            raise UsageError(
                f"--replay {self.path}: was played on {source.name}, and {path} is another source. "
                "Name that file, or the one that --record-source kept."
            )
        if self.file_steps is None:
            raise UsageError(
                f"--replay {self.path}: {source.name} was not played straight through once "
                "(--loop, pause, jumps). What --record-source FILE keeps has it as it was played."
            )
        return self.file_steps


def encode_line(line: Line) -> bytes:
    """Return a line of a show's file."""
    return msgspec.json.encode(line) + b"\n"


def read_show(path: Path) -> Show:
    """Read the file of --replay.

    Raises UsageError, with the line, for what is no show or cannot be performed any more.
    """
    try:
        if path.stat().st_size > _LONGEST_BYTES:
            raise UsageError(f"--replay {path}: is too large for a show.")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"--replay {path}: cannot be read ({error.strerror}).") from error
    # What comes after the last line end was being written when the program was killed.
    first, *lines = content.split(b"\n")[:-1] or [b""]
    try:
        head = msgspec.json.decode(first, type=Head)
        for style in head.state.about:
            check_style(style)
        _styles_in(head.state.look)
    except (msgspec.MsgspecError, RecursionError, ValueError, LivebrushError) as error:
        raise UsageError(
            f"--replay {path}: is no show ({_brief(error)}). `run_cam.py --record-controls FILE` "
            "writes one."
        ) from error
    if head.livebrush_show != FORMAT:
        raise UsageError(
            f"--replay {path}: has format {head.livebrush_show}, and this version reads {FORMAT}. "
            "Update Livebrush."
        )
    rows: dict[str, str] = {}
    changes = []
    state = head.state
    for number, text in enumerate(lines, 2):
        try:
            line = _decode(text)
            if isinstance(line, Row):
                rows[line.name] = line.row
                continue
            state = _perform(state, line)
        except (msgspec.MsgspecError, RecursionError, ValueError, LivebrushError) as error:
            raise UsageError(f"--replay {path}: line {number}: {_brief(error)}.") from error
        changes.append((line, state))
    steps = _steps(head.state, ((change.at_s, after) for change, after in changes))
    if steps is None:
        raise UsageError(f"--replay {path}: the times at_s must rise.")
    in_file = [(change.file_s, after) for change, after in changes if change.file_s is not None]
    digest = hashlib.sha256(content).hexdigest()
    is_straight = len(in_file) == len(changes) and not any(
        _moves_film(change) for change, _ in changes
    )
    file_steps = _steps(head.state, in_file) if is_straight else None
    return Show(path, digest, head, rows, steps, file_steps)


def _decode(text: bytes) -> Row | Change:
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    if "row" in fields:
        row = msgspec.json.decode(text, type=Row)
        if not STYLE_NAME.fullmatch(row.name):
            raise ValueError(f"a style cannot be called {row.name!r}")
        return row
    change = msgspec.json.decode(text, type=Change)
    if change.style is not None:
        check_style(change.style)
    elif change.command not in COMMANDS:
        raise ValueError(f"there is no command {change.command!r}; docs/live.md lists them")
    return change


def _moves_film(change: Change) -> bool:
    return bool(change.command) and COMMANDS[change.command].of_film


def _perform(state: State, change: Change) -> State:
    if change.style is not None:
        return add_style(state, change.style)
    return perform(state, change.command, change.value, change.fade_s)


def _steps(state: State, changes: Iterable[tuple[float, State]]) -> tuple[Step, ...] | None:
    """Return a step for each time at which something changes that is seen.

    None where times do not rise. state: before the first.
    """
    steps: dict[float, State] = {}
    last_s, now = float("-inf"), _seen(state)
    for at_s, after in changes:
        if at_s < last_s:
            return None
        if at_s in steps or _seen(after) != now:
            steps[at_s] = after
        last_s, now = at_s, _seen(after)
    return tuple(Step(at_s, after) for at_s, after in steps.items())


def _seen(state: State) -> tuple[object, ...]:
    """Return what of the controls a painting shows."""
    over = (state.black, state.black_fade_s, state.captioned and state.text)
    return state.look, state.own_fades, state.fade_s, state.mirror, state.frozen, *over


def _styles_in(look: Look) -> list[str]:
    """Return the styles that are painted. Raises UsageError for a background that is none."""
    return [name for name, _ in (*look.mix, *(look.behind_mix or ()))]


def _brief(error: Exception) -> str:
    return str(error)[:200].rstrip(".")
