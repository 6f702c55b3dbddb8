"""Keeps on the disk what is finished of a video that is being painted, for --resume."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock, Timeout

from engines.atomic_write import atomic_write, commit_file
from engines.errors import UsageError
from engines.identity import EngineIdentity
from realtime.frame import FrameMemory
from realtime.media.disk import write_errors
from realtime.media.writing.manifest import (
    MANIFEST,
    OLD_MANIFEST,
    Manifest,
    Segment,
    append_segment,
    read_manifest,
    write_manifest,
)

# Segments and memories by number, what a kill has left half-written, and what older versions left.
_OUR_NAMES = re.compile(
    r"lock|manifest\.jsonl?(\.tmp)?|\d{6}\.\w+|(part|joined)\.\w+|\..+\.part(-\d+)?(\.\w+)*"
)


class WorkFolder:
    """The hidden folder ``.NAME.EXT.unfinished`` beside an output.

    It holds the finished segments by number, of which some may be missing, and a manifest that says
    what they were made with. Only one process has it open at a time.

    ``plan``: all that decides how frames come out, JSON-ready. ``segments``: what was found, if
    ``resumes``. Of what the painter remembered, that is kept which a segment that is still missing
    will begin with.

    Raises UsageError if another process has it open; if it is a link, somebody else's, or holds
    what is not ours; if there is something, and neither ``resumes`` nor ``overwrite`` is asked for;
    and if what is there was made with another plan. Raises SinkError if it cannot be written.
    """

    def __init__(
        self, output: Path, plan: dict[str, Any], resumes: bool = False, overwrite: bool = False
    ) -> None:
        self.path = _folder_of(output)
        self.segments: dict[int, Segment] = {}
        self._plan = plan
        with write_errors(output):
            self.path.mkdir(mode=0o700, exist_ok=True)
            _refuse_foreign_folder(self.path)
        self._lock = FileLock(self.path / "lock")
        with write_errors(output):  # some network disks have no locks to give
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise UsageError(f"{output}: another run is writing it.") from None
        self._held = True
        try:
            with write_errors(output):
                self._take_over(output, resumes, overwrite)
        except BaseException:
            if any((self.path / name).exists() for name in (MANIFEST, OLD_MANIFEST)):
                self._let_go()
            else:
                self.remove()
            raise

    def segment_path(self, number: int, suffix: str) -> Path:
        """Return where the file of segment ``number`` is kept."""
        return self.path / f"{number:06}{suffix}"

    def put(self, number: int, written: Path, segment: Segment, memory: FrameMemory) -> None:
        """Keep the file ``written`` as segment ``number``, for good.

        It is on the disk before the manifest names it. ``memory``: what the painter remembered
        after it.
        """
        commit_file(written, self.segment_path(number, written.suffix))
        segment = replace(segment, leaves_state=bool(memory))
        if memory and number + 1 not in self.segments:
            state = _pack(memory)
            with atomic_write(self._memory_path(number), fsync=True) as file:
                file.write_bytes(state)
            segment = replace(
                segment, state_sha256=hashlib.sha256(state).hexdigest(), state_bytes=len(state)
            )
        _sync(self.path)
        self.segments[number] = segment  # before its line: a signal may come between them
        try:
            append_segment(self.path, number, segment)
        except OSError:
            del self.segments[number]
            raise
        self._memory_path(number - 1).unlink(missing_ok=True)

    def memory_after(self, number: int) -> FrameMemory:
        """Return what the painter remembered after segment ``number``.

        That is {} if it was nothing, or is not kept as it was.
        """
        segment, path = self.segments.get(number), self._memory_path(number)
        if segment is None or segment.state_sha256 is None:
            return {}
        try:
            if (
                path.stat().st_size != segment.state_bytes
                or file_hash(path) != segment.state_sha256
            ):
                return {}
            with np.load(path, allow_pickle=False) as kept:
                # What is packed tightly is not of us, and may grow without end.
                if sum(packed.file_size for packed in kept.zip.infolist()) > segment.state_bytes:
                    return {}
                memory = dict(kept)
            return memory if all(isinstance(a, np.ndarray) for a in memory.values()) else {}
        except (OSError, ValueError, EOFError, AttributeError, BadZipFile, MemoryError):
            return {}

    def leave(self) -> int:
        """Let go of it, and return how many frames are kept for --resume.

        Finished segments stay; without any, nothing stays. Harmless after ``remove``.
        """
        if not self._held:
            return 0
        if not self.segments:
            self.remove()
            return 0
        self._clear()
        self._let_go()
        return sum(segment.frames for segment in self.segments.values())

    def remove(self) -> None:
        """Remove all of it, and let go of it."""
        with contextlib.suppress(OSError):
            for path in self.path.iterdir():
                if _is_ours(path):
                    path.unlink()
            self.path.rmdir()
        self._let_go()

    def _let_go(self) -> None:
        self._held = False
        with contextlib.suppress(OSError):  # nobody is kept out longer than this process lives
            self._lock.release()

    def _take_over(self, output: Path, resumes: bool, overwrite: bool) -> None:
        manifest = None if overwrite and not resumes else read_manifest(self.path)
        found = manifest.segments if manifest else {}
        if found and not resumes and not overwrite:
            frames = sum(segment.frames for segment in found.values())
            raise UsageError(
                f"{output}: {frames} frames of it are there from an interrupted run. --resume goes "
                "on from them, -y begins anew."
            )
        if manifest and found:
            _refuse_another_plan(output, manifest.plan, self._plan)
            self.segments = {
                number: segment
                for number, segment in found.items()
                if self._is_whole(number, segment)
            }
            self._drop_what_cannot_be_followed()
        self._clear()
        write_manifest(self.path, Manifest(self._plan, self.segments))
        _sync(self.path)

    def _clear(self) -> None:
        """Remove what no finished segment needs, such as what a kill has left half-written."""
        numbers = {f"{number:06}" for number in self.segments}
        memories = {
            self._memory_path(number).name
            for number in self.segments
            if number + 1 not in self.segments
        }
        for path in self.path.iterdir():
            is_segment = path.stem in numbers and path.suffix != ".npz"
            if not is_segment and path.name not in (MANIFEST, "lock", *memories):
                path.unlink()

    def _is_whole(self, number: int, segment: Segment) -> bool:
        """Return whether its file is as it was written: a power loss may have damaged it."""
        files = [path for path in self.path.glob(f"{number:06}.*") if path.suffix != ".npz"]
        return len(files) == 1 and file_hash(files[0]) == segment.sha256

    def _drop_what_cannot_be_followed(self) -> None:
        """Forget the segments that end at a gap, if the painter's memory there is gone.

        That is so before a damaged segment: its whole row is painted again.
        """
        for number in sorted(self.segments, reverse=True):
            if (
                number + 1 not in self.segments
                and self.segments[number].leaves_state
                and not self.memory_after(number)
            ):
                del self.segments[number]

    def _memory_path(self, number: int) -> Path:
        return self.path / f"{number:06}.npz"


def _pack(memory: FrameMemory) -> bytes:
    kept = io.BytesIO()
    np.savez(kept, **memory)  # type: ignore[arg-type]  # its own flags share the names of arrays
    return kept.getvalue()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, without having it in memory."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Plan(Protocol):
    """All that decides how frames come out, or a part of it."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON gives it back: with lists in place of tuples."""


def recorded_engine(output: Path) -> EngineIdentity | None:
    """Return the engine of an interrupted run of ``output``; None if there is no such run.

    Raises UsageError for a manifest that is damaged.
    """
    manifest = read_manifest(_folder_of(output))
    return manifest.engine if manifest and manifest.segments else None


def recorded_encoder_threads(output: Path) -> int | None:
    """Return the encoder's threads of an interrupted run; None if there is no such run.

    Raises UsageError for a manifest that is damaged.
    """
    manifest = read_manifest(_folder_of(output))
    return manifest.encoder_threads if manifest and manifest.segments else None


def _is_ours(path: Path) -> bool:
    """Return whether a file of a work folder has one of the names that a run gives."""
    return bool(_OUR_NAMES.fullmatch(path.name)) and stat.S_ISREG(path.lstat().st_mode)


def _refuse_foreign_folder(folder: Path) -> None:
    """Raise UsageError unless ``folder`` is a folder of ours: what is in it will be removed."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        problem = "is a link, which another may have put there"
    elif hasattr(os, "getuid") and status.st_uid != os.getuid():
        problem = "belongs to another user"
    elif hasattr(os, "getuid") and status.st_mode & stat.S_IWOTH:
        problem = "can be written by everybody"
    else:
        foreign = sorted(path.name for path in folder.iterdir() if not _is_ours(path))
        if not foreign:
            return
        problem = f"holds {foreign[0]}, which is not of an unfinished run"
    raise UsageError(f"{folder}: {problem}. Move it away, or choose another -o.")


def _folder_of(output: Path) -> Path:
    name = output.name
    if len(os.fsencode(name)) > 200:  # the system takes 255 bytes
        name = f"{name[:50]}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return output.with_name(f".{name}.unfinished")


def _refuse_another_plan(output: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise UsageError if the plans differ: such frames must not stand in one video."""
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            raise UsageError(
                f"--resume: the frames of {output} that are there were made with "
                f"{name.replace('_', ' ')} {str(before.get(name))[:300]}, not {now.get(name)}. "
                "Repeat the "
                "first command, or begin anew with -y and without --resume."
            )


def _sync(path: Path) -> None:
    """Have a folder's names on the disk; Windows does not know that."""
    with contextlib.suppress(PermissionError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
