"""Writes files so that a reader finds the old content or the new, and nothing in between."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path, *, private: bool = False, fsync: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; what was written there replaces ``path`` at the end.

    After an error ``path`` is as it was, and the temporary file is removed. The folder must exist.

    private: only the user may read the file. fsync: the content is safely on the disk before the
    file has its name. Raises OSError.
    """
    written = temporary_path(path)
    try:
        if private:
            written.unlink(missing_ok=True)
            os.close(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield written
        if fsync:
            commit_file(written, path)
        else:
            os.replace(written, path)
    finally:
        written.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """Return a hidden name beside ``path``, with its ending.

    No other thread of this machine has it at this time.
    """
    return path.with_name(f".{path.stem[:50]}.part-{threading.get_native_id()}{path.suffix}")


def commit_file(written: Path, target: Path) -> None:
    """Give the file ``written`` the name ``target`` in one step, after it is safely on the disk.

    Raises OSError.
    """
    with open(written, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(written, target)
