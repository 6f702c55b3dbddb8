"""What is finished of an unfinished video, as lines of JSON: how it is made, then a segment each.

A line is written when its segment is safely on the disk, so that a segment of a long video costs no
more than one of a short one. What a power loss has left of a last line counts as not written; other
damage is refused, and so is what others may have put there.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engines.atomic_write import atomic_write
from engines.errors import UsageError
from engines.identity import EngineIdentity

FORMAT_VERSION = 3
MANIFEST = "manifest.jsonl"
# Of versions that wrote it whole after every segment.
OLD_MANIFEST = "manifest.json"
_LONGEST_BYTES = 2**28
_MOST_THREADS = 4096

_Count = Annotated[int, Meta(ge=0, le=2**31)]
_Ticks = Annotated[int, Meta(ge=-(2**62), le=2**62)]
_Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Segment:
    """Some frames in a row, encoded on their own. Its fields stand in manifests."""

    frames: Annotated[int, Meta(ge=1, le=2**31)]
    first_pts: _Ticks
    """The time of its first frame, in ticks of the output."""
    last_pts: _Ticks
    """The time of its last frame, in ticks of the output."""
    delay: _Count
    """How many frames the decoder must hold back to put them in order."""
    sha256: _Sha256
    """Of its file."""
    leaves_state: bool = False
    """Whether the painter remembered something after it."""
    state_sha256: _Sha256 | None = None
    """Of the file of what it remembered; None if that was not kept."""
    state_bytes: _Count = 0
    """The size of that file."""


@dataclass(frozen=True)
class Manifest:
    """What a manifest says."""

    plan: dict[str, Any]
    """All that decides how frames come out, JSON-ready."""
    segments: dict[int, Segment]
    """By number."""

    @property
    def engine(self) -> EngineIdentity | None:
        """Which engine painted; None if that was not kept."""
        engine = self.plan.get("engine")
        return None if engine is None else msgspec.convert(engine, EngineIdentity)

    @property
    def encoder_threads(self) -> int | None:
        """With how many threads was encoded; None if that was not kept."""
        return msgspec.convert(self.plan.get("encoder_threads"), int | None)


class _Head(msgspec.Struct):
    format: int
    plan: dict[str, Any]


class _Line(msgspec.Struct):
    number: Annotated[int, Meta(ge=0, lt=10**6)]
    segment: Segment


_decode_head = msgspec.json.Decoder(_Head).decode
_decode_line = msgspec.json.Decoder(_Line).decode


def read_manifest(folder: Path) -> Manifest | None:
    """Return what the manifest in ``folder`` says, None if there is none.

    Raises UsageError for one that is damaged, or of another version.
    """
    try:
        if (folder / OLD_MANIFEST).exists():
            raise UsageError(
                f"{folder}: is of an interrupted run of an older version, which cannot be gone on "
                "with. -y without --resume begins anew."
            )
        head, *lines = _read_lines(folder / MANIFEST)
        if head.strip() == b"":
            return None
        return _checked(_decode_head(head), lines)
    except FileNotFoundError:
        return None
    # Of deep nesting and endless numbers msgspec tells by other errors than its own.
    except (msgspec.MsgspecError, RecursionError, ValueError, OSError, MemoryError) as error:
        raise UsageError(
            f"{folder / MANIFEST}: cannot be read ({str(error)[:200]}). -y without --resume begins "
            "anew."
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in ``folder`` in one step. Raises OSError."""
    head = _Head(FORMAT_VERSION, manifest.plan)
    lines = [_Line(number, segment) for number, segment in manifest.segments.items()]
    with atomic_write(folder / MANIFEST, private=True, fsync=True) as written:
        written.write_bytes(msgspec.json.Encoder().encode_lines([head, *lines]))


def append_segment(folder: Path, number: int, segment: Segment) -> None:
    """Add a line to the manifest in ``folder``; it is safely on the disk. Raises OSError."""
    with open(folder / MANIFEST, "ab") as file:
        file.write(msgspec.json.encode(_Line(number, segment)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _read_lines(path: Path) -> list[bytes]:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LONGEST_BYTES:
        raise ValueError("it is no file of ours")
    # What comes after the last line end was not finished.
    return path.read_bytes().split(b"\n")[:-1] or [b""]


def _checked(head: _Head, lines: list[bytes]) -> Manifest:
    if head.format != FORMAT_VERSION:
        raise ValueError(f"it has format {head.format}, not {FORMAT_VERSION}")
    decoded = [_decode_line(line) for line in lines]
    manifest = Manifest(head.plan, {line.number: line.segment for line in decoded})
    engine, threads = manifest.engine, manifest.encoder_threads
    if not all(1 <= n <= _MOST_THREADS for n in (engine.threads if engine else 1, threads or 1)):
        raise ValueError("so many threads there are not")
    return manifest
