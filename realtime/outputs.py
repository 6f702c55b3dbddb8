"""Where the painted version of an input goes, and every reason not to write there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from engines.errors import SinkError, UsageError
from realtime.sinks.encoding import CONTAINERS
from realtime.sinks.picture_file import PICTURES

_PLACEHOLDERS = ("{stem}", "{style}", "{ext}")


def output_paths(inputs: Sequence[Path], output: str | None, style: str) -> list[Path]:
    """One path per input: beside it as STEM_STYLE.EXT, or as ``output`` says: a file, a folder, or a template with {stem},
    {style} and {ext} in it.

    Raises UsageError if two inputs would get the same output, or several one FILE.
    """
    paths = [_output_path(path, output, style) for path in inputs]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise UsageError(
                f"-o {output}: {inputs[paths.index(path)]} and {inputs[index]} would both become {path}. Use {{stem}} in it."
            )
    return paths


def check_output(path: Path, inputs: Sequence[Path], overwrite: bool) -> None:
    """Raise UsageError if ``path`` or its partial name is one of the inputs, by whatever name or link, if it exists and must
    not be replaced, or has an ending that cannot be written; SinkError if its folder is not there or the name cannot be."""
    for source in inputs:
        if same_file(path, source):
            raise UsageError(f"{path}: is the input {source} itself. An input is never overwritten; choose another -o.")
        if same_file(_partial_path(path), source):
            raise UsageError(f"{path}: a part of it would be saved as the input {source}. Choose another -o.")
    if path.suffix.lower() not in (*CONTAINERS, *PICTURES):
        raise UsageError(f"{path}: the ending {path.suffix!r} is none of {', '.join((*CONTAINERS, *PICTURES))}.")
    if not path.parent.is_dir():
        raise SinkError(f"{path}: the folder {path.parent} does not exist.")
    if output_exists(path) and path.is_dir():
        raise SinkError(f"{path}: is a folder.")
    if output_exists(path) and not overwrite:
        raise UsageError(f"{path}: exists. -y overwrites it, -n skips it.")


def output_exists(path: Path) -> bool:
    """Raises SinkError for a name that the system does not take, such as one that is too long."""
    try:
        return path.exists()
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror}).") from error


def same_file(one: Path, other: Path) -> bool:
    """Whether both names lead to one file, or will when it is there."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def partial_path(path: Path, overwrite: bool) -> Path:
    """Where a part of ``path`` is saved: NAME.partial.EXT, or with a number where that exists and must not be replaced."""
    names = (_partial_path(path, f"-{number}" if number > 1 else "") for number in count(1))
    return next(name for name in names if overwrite or not output_exists(name))


def _partial_path(path: Path, number: str = "") -> Path:
    return path.with_name(f"{path.stem}.partial{number}{path.suffix}")


def _output_path(source: Path, output: str | None, style: str) -> Path:
    default = f"{source.stem}_{style}{_extension(source)}"
    if output is None:
        return source.with_name(default)
    if any(placeholder in output for placeholder in _PLACEHOLDERS):
        for placeholder, value in zip(_PLACEHOLDERS, (source.stem, style, _extension(source)[1:]), strict=True):
            output = output.replace(placeholder, value)
        return Path(output)
    return Path(output) / default if output.endswith(("/", os.sep)) or Path(output).is_dir() else Path(output)


def _extension(source: Path) -> str:
    """The input's own ending where that can be written; .mp4 for other videos, .png for other pictures."""
    own = source.suffix.lower()
    if own in (*CONTAINERS, *PICTURES):
        return source.suffix
    return ".png" if own in (".bmp", ".tif", ".tiff", ".webp") else ".mp4"
