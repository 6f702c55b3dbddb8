"""What names of files lead to."""

from __future__ import annotations

import os
from pathlib import Path

from engines.errors import SinkError
from realtime.media.pipes import STDIO


def same_file(one: Path, other: Path) -> bool:
    """Tell whether both names lead to one file, or will when it is there."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def output_exists(path: Path) -> bool:
    """Tell whether something has that name; never for standard output.

    Raises SinkError for a name that the system does not take, such as one that is too long.
    """
    try:
        return path != STDIO and path.exists()
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror}).") from error
