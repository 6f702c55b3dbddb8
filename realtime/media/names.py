"""What names of files lead to."""

from __future__ import annotations

import difflib
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


def close_names(path: Path) -> str:
    """Return a question about files of such names in its folder, " " before it; "" for none."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in entries if entry.name[0] != "." and entry.is_file()]
    except OSError:
        return ""
    small = {name.lower(): name for name in names}
    close = difflib.get_close_matches(path.name.lower(), small, n=3, cutoff=0.6)
    found = " or ".join(str(path.with_name(small[name])) for name in close)
    return f" Did you mean {found}?" if found else ""
