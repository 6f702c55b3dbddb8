"""A file that appears under its name only when it is whole."""

from __future__ import annotations

from pathlib import Path

from engines.atomic_write import commit_file, temporary_path
from engines.errors import SinkError


class PendingFile:
    """Write to ``temporary``, in the folder of ``path``; then ``commit`` or ``discard``.

    Several processes do not collide. Raises SinkError if the folder is not there, or if ``path``
    is one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.temporary = temporary_path(path)
        if not path.parent.is_dir():
            raise SinkError(f"{path}: the folder {path.parent} does not exist.")
        if path.is_dir():
            raise SinkError(f"{path}: is a folder.")

    def commit(self, name: Path | None = None) -> Path:
        """Give the file its name, or ``name`` in the same folder, and return that.

        In one step, once it is safe on the disk. Replaces what has the name already. Raises
        SinkError.
        """
        target = name or self.path
        try:
            commit_file(self.temporary, target)
        except OSError as error:
            self.discard()
            raise SinkError(f"{target}: cannot be written ({error.strerror}).") from error
        return target

    def discard(self) -> None:
        """Remove what was written. Harmless if nothing was, or after ``commit``."""
        self.temporary.unlink(missing_ok=True)
