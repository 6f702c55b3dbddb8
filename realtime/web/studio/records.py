"""What is kept of every film and picture that pages have brought: ``record.json`` in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engines.atomic_write import atomic_write
from engines.style import STYLE_NAME
from realtime.timeline import parse_timeline

RECORD = "record.json"
_MOST_BYTES = 2**20
_Text = Annotated[str, msgspec.Meta(max_length=600)]
_Name = Annotated[str, msgspec.Meta(pattern=r"^[\w+-]+\.[\w.]+$", max_length=200)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Style = Annotated[str, msgspec.Meta(pattern=f"^{STYLE_NAME.pattern}$", max_length=64)]


class Wishes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How something is to be painted: all that a page can ask for."""

    style: _Style
    strength: _Share = 1.0
    brush: Annotated[float, msgspec.Meta(ge=0.5, le=2)] = 1.0
    stability: _Share = 0.0
    keep_color: bool = False
    begin_s: Annotated[float, msgspec.Meta(ge=0, le=1e7)] = 0.0
    """Where a preview begins, in seconds of the film."""
    schedule: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    """Styles over time, as --style-schedule has them; ``style`` is the first one then."""

    @property
    def styles(self) -> list[str]:
        """Every style that is to be painted, each once. Raises UsageError for no schedule."""
        if not self.schedule:
            return [self.style]
        return parse_timeline(self.schedule, "the timeline").style_names


class Job(msgspec.Struct):
    """One painting of a film or picture, or a preview of one."""

    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    wishes: Wishes
    output: _Name
    """The name of the painting in the folder."""
    is_preview: bool = False
    state: Literal["waiting", "running", "paused", "done", "failed"] = "waiting"
    said: _Text = ""
    """What became of it, or why it has failed, for people."""
    done: _Share = 0.0
    fps: float = 0.0
    left_s: float | None = None


class About(msgspec.Struct, frozen=True):
    """What a film or picture is, known once it has been looked at."""

    duration_s: float | None
    """None for a picture."""
    size: _Text
    """WxH."""
    ending: Annotated[str, msgspec.Meta(pattern=r"^\.\w+$", max_length=10)]
    """Of its paintings."""

    @property
    def is_picture(self) -> bool:
        """Whether it is no film."""
        return self.duration_s is None


class Record(msgspec.Struct):
    """A film or picture, and its paintings."""

    title: _Text
    """The name that it was brought with, for people."""
    file: _Name
    size_bytes: Annotated[int, msgspec.Meta(ge=1)]
    source: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    """Where it lies, if that is a folder of the owner's; else in its own folder, as ``file``."""
    about: About | None = None
    problem: _Text = ""
    """Why it cannot be painted."""
    jobs: list[Job] = msgspec.field(default_factory=list)


def read_record(folder: Path) -> Record | None:
    """Return what is kept in ``folder``; None if that is nothing, or not of us."""
    path = folder / RECORD
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Keep ``record`` in ``folder``. Raises OSError."""
    with atomic_write(folder / RECORD, private=True) as written:
        written.write_bytes(msgspec.json.encode(record))


def read_wishes(body: bytes, styles: frozenset[str]) -> Wishes:
    """Read what a page asks for.

    Raises ValueError for what is none of ``styles``, or no wish, UsageError for no schedule.
    """
    try:
        wishes = msgspec.json.decode(body, type=Wishes)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error
    for name in (wishes.style, *wishes.styles):
        if name not in styles:
            raise ValueError(f"there is no style {name!r}")
    return wishes
