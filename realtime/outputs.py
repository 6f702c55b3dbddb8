"""Where the painted version of an input goes, and every reason not to write there."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
    """Raise UsageError if ``path`` is one of the inputs, by whatever name or link, exists and must not be replaced, or has
    an ending that cannot be written; SinkError if its folder is not there."""
    for source in inputs:
        if path.exists() and source.exists() and os.path.samefile(path, source):
            raise UsageError(f"{path}: is the input {source} itself. An input is never overwritten; choose another -o.")
    if path.suffix.lower() not in (*CONTAINERS, *PICTURES):
        raise UsageError(f"{path}: the ending {path.suffix!r} is none of {', '.join((*CONTAINERS, *PICTURES))}.")
    if not path.parent.is_dir():
        raise SinkError(f"{path}: the folder {path.parent} does not exist.")
    if path.is_dir():
        raise SinkError(f"{path}: is a folder.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: exists. -y overwrites it, -n skips it.")


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
