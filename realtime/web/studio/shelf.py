"""The folder of what pages have brought: each film or picture in a folder of its own.

Nothing that a page sends becomes a path: folders have numbers of ours, files plain names.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from engines.errors import SinkError, UsageError, printable
from realtime.media.format_registry import READ_ENDINGS
from realtime.web.studio.records import RECORD, Record, read_record, write_record

MOST_BYTES = 20 * 10**9
"""Of all that pages have brought and its paintings."""
LEFT_FREE_BYTES = 2 * 10**9
MOST_UPLOADS = 50
KEPT_DAYS = 7
MOST_PART_BYTES = 4 * 2**20
"""Of a file that is sent, in one request."""
_ID = re.compile(r"[0-9a-f]{16}")
_LONGEST_STEM, _LONGEST_TITLE = 90, 120  # bytes, letters
_DAY_S = 86_400.0
_PART = ".part"
FRAMES = "frames"
"""The folder of a film's pictures in every style."""


class Shelf:
    """What is in ``folder``. One process at a time, until ``close``, and one thread at a time.

    Raises UsageError where another process has it, SinkError where it cannot be written.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder, self._clock = folder, clock
        self._lock = FileLock(folder / "lock", thread_local=False)
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise UsageError(
                    "Files are open in another Livebrush on this machine: close that one first."
                ) from None
        self.uploads: dict[str, Record] = {}
        """By number, the oldest first. The paths of one: ``folder_of``, ``path_of``."""
        found = [(path, read_record(path)) for path in folder.iterdir() if _is_ours(path)]
        found.sort(key=lambda pair: pair[0].name)
        self.uploads = {path.name: record for path, record in found if record}

    def close(self) -> None:
        """Let others have the folder."""
        self._lock.release()

    def folder_of(self, number: str) -> Path:
        """Return where ``number`` is. Raises KeyError for what is not here."""
        if number not in self.uploads:
            raise KeyError(number)
        return self.folder / number

    def path_of(self, number: str) -> Path:
        """Return the film or picture itself. Raises KeyError."""
        record = self.uploads[number]
        return Path(record.source) if record.source else self.folder_of(number) / record.file

    def begin(self, name: str, size_bytes: int) -> str:
        """Make room for a file that is called ``name``; return its number.

        Raises UsageError for what is not taken, SinkError where there is no room.
        """
        self.check_room(size_bytes)
        return self._add(name, size_bytes)

    def name(self, path: Path) -> str:
        """Take a file where it lies, in a folder that the owner has named; return its number.

        Raises UsageError, SinkError.
        """
        for number, record in self.uploads.items():
            if record.source == str(path):
                return number
        try:
            return self._add(path.name, path.stat().st_size, str(path))
        except OSError as error:
            raise UsageError(f"{path.name}: cannot be read ({error.strerror}).") from error

    def _add(self, name: str, size_bytes: int, source: str = "") -> str:
        stem, ending = os.path.splitext(os.path.basename(name.replace("\\", "/")))
        if ending.lower() not in READ_ENDINGS:
            raise UsageError(
                f"{printable(name)[:_LONGEST_TITLE]}: is neither a film nor a picture by its name."
            )
        if len(self.uploads) >= MOST_UPLOADS:
            raise UsageError(f"there are {MOST_UPLOADS} files already: remove one first.")
        if size_bytes < 1:
            raise UsageError(f"{printable(name)[:_LONGEST_TITLE]}: is empty.")
        # By time, so that the newest is the last.
        number = f"{int(self._clock()):010x}{secrets.token_hex(3)}"
        title = printable(stem)[:_LONGEST_TITLE] or "film"
        words = re.sub(r"[^\w+-]+", "_", stem).strip("_-").encode()[:_LONGEST_STEM]
        plain = words.decode(errors="ignore") or "film"
        record = Record(title, f"{plain}{ending.lower()}", size_bytes, source)
        with _writing(self.folder):
            (self.folder / number).mkdir(mode=0o700)
            write_record(self.folder / number, record)
        self.uploads[number] = record
        return number

    def have_bytes(self, number: str) -> int:
        """Return how much of it has come so far. Raises KeyError."""
        if self.uploads[number].source:
            return self.uploads[number].size_bytes
        for path in (self._part_of(number), self.path_of(number)):
            if path.exists():
                return path.stat().st_size
        return 0

    def is_whole(self, number: str) -> bool:
        """Return whether all of it has come. Raises KeyError."""
        return self.path_of(number).exists()

    def append(self, number: str, at_byte: int, content: bytes) -> int:
        """Add ``content`` at ``at_byte``; return how much is here.

        What does not follow on what is here is left. Raises KeyError, UsageError, SinkError.
        """
        record, part = self.uploads[number], self._part_of(number)
        have = self.have_bytes(number)
        if at_byte != have or self.is_whole(number):
            return have
        if have + len(content) > record.size_bytes:
            raise UsageError(f"{record.title}: more comes than was said.")
        with _writing(self.folder):
            with part.open("ab") as file:
                file.write(content)
            if have + len(content) == record.size_bytes:
                os.replace(part, self.path_of(number))
        self.keep(number)
        return have + len(content)

    def keep(self, number: str) -> None:
        """Keep its record, from now on for ``KEPT_DAYS``. Raises KeyError, SinkError."""
        with _writing(self.folder):
            write_record(self.folder_of(number), self.uploads[number])

    def kept_until_s(self, number: str) -> float:
        """Return until when it is kept, in seconds since 1970. Raises KeyError."""
        path = self.folder_of(number) / RECORD
        return (path.stat().st_mtime if path.exists() else 0.0) + KEPT_DAYS * _DAY_S

    def remove(self, number: str) -> None:
        """Remove it, and all its paintings. Raises KeyError, SinkError."""
        folder = self.folder_of(number)
        with _writing(folder):
            shutil.rmtree(folder)
        del self.uploads[number]

    def tidy(self) -> None:
        """Remove what nobody has used for ``KEPT_DAYS``, except what is being painted."""
        for number, record in list(self.uploads.items()):
            busy = any(job.state in ("waiting", "running", "paused") for job in record.jobs)
            if not busy and self.kept_until_s(number) < self._clock():
                self.remove(number)

    @property
    def used_bytes(self) -> int:
        """How much all of it takes."""
        used = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(OSError):  # processes come and go with theirs
                    used += os.lstat(os.path.join(folder, name)).st_size
        return used

    @property
    def free_bytes(self) -> int:
        """How much may come, by the limit and by the disk."""
        on_disk = shutil.disk_usage(self.folder).free - LEFT_FREE_BYTES
        coming = sum(
            record.size_bytes - self.have_bytes(number)
            for number, record in self.uploads.items()
            if not record.source and not self.is_whole(number)
        )
        return max(0, min(MOST_BYTES - self.used_bytes, on_disk) - coming)

    def check_room(self, size_bytes: int) -> None:
        """Raise SinkError unless there is room for so much."""
        free = self.free_bytes
        if size_bytes > free:
            raise SinkError(
                f"there is room for {free / 1e9:.1f} GB more, and this needs {size_bytes / 1e9:.1f}"
                f" GB. Remove something: {MOST_BYTES / 1e9:.0f} GB are kept at most, and "
                f"{LEFT_FREE_BYTES / 1e9:.0f} GB of the disk are left free."
            )

    def free_name(self, number: str, stem: str, ending: str) -> str:
        """Return a name for a painting that no other in its folder has. Raises KeyError."""
        record, count = self.uploads[number], 1
        taken = {record.file, *(job.output for job in record.jobs)}
        name = f"{stem}{ending}"
        while name in taken:
            count += 1
            name = f"{stem}-{count}{ending}"
        return name

    def _part_of(self, number: str) -> Path:
        return self.folder_of(number) / (self.uploads[number].file + _PART)


def _is_ours(path: Path) -> bool:
    return bool(_ID.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SinkError(f"{folder}: cannot be written ({error.strerror}).") from error
