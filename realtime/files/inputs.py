"""Which files the INPUT arguments mean: files, folders, patterns and lists.

Knows names, opens no video.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.errors import SourceError
from realtime.media.format_registry import READ_ENDINGS
from realtime.media.pipes import STDIO

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


@dataclass(frozen=True)
class InputFile:
    """One file that an argument means."""

    path: Path
    subfolder: Path = Path()
    """Where it lies below the folder that was given; "." for everything else."""
    named: bool = True
    """Whether the user has named it; else a search has found it."""


def expand_inputs(arguments: Sequence[str], recursive: bool = False) -> list[InputFile]:
    """Return every file once, in the order of the arguments.

    Those of a folder or pattern are sorted by name.

    An argument is a file; ``-``, which is standard input; a folder, of which the videos and
    pictures are taken, with ``recursive`` those of its subfolders too; a pattern such as
    ``'*.mp4'`` or ``'**/*.mov'`` that the shell has left alone; or ``@LIST``, a text file with one
    argument per line, empty lines and those that begin with # aside, or with a NUL behind each, as
    ``find -print0`` writes it. Hidden files and folders are passed over.

    Raises SourceError for a folder or pattern that holds nothing, and for a list that cannot be
    read.
    """
    found: dict[Path, InputFile] = {}
    for argument in arguments:
        for file in _expand(argument, recursive, inside_list=False):
            found.setdefault(file.path, file)
    return list(found.values())


def _expand(argument: str, recursive: bool, inside_list: bool) -> Iterator[InputFile]:
    if _ADDRESS.match(argument):
        raise SourceError(
            f"{argument}: is an address, and files are painted. Save it first; live, "
            f"run_cam.py --source {argument} plays streams."
        )
    path = Path(argument)
    if argument != "-" and path == STDIO:  # ./- is a file of that name
        path = path.absolute()
    if argument.startswith("@") and not inside_list:
        for line in _read_list(Path(argument[1:])):
            yield from _expand(line, recursive, inside_list=True)
    elif os.path.isdir(path):
        yield from _find_in_folder(path, recursive)
    elif glob.has_magic(argument) and not os.path.lexists(argument):
        hits = [Path(hit) for hit in sorted(glob.glob(argument, recursive=True))]
        files = [InputFile(hit, named=False) for hit in hits if _is_media(hit)]
        if not files:
            raise SourceError(f"{argument}: no video or picture has such a name.")
        yield from files
    else:
        yield InputFile(path)


def _find_in_folder(folder: Path, recursive: bool) -> Iterator[InputFile]:
    files = []
    for parent, subfolders, names in os.walk(folder):
        subfolders[:] = (
            sorted(name for name in subfolders if not name.startswith(".")) if recursive else []
        )
        paths = (Path(parent) / name for name in sorted(names))
        files += [
            InputFile(path, Path(parent).relative_to(folder), named=False)
            for path in paths
            if _is_media(path)
        ]
    if not files:
        raise SourceError(
            f"{folder}: no video or picture is in this folder"
            f"{'' if recursive else '; --recursive looks deeper'}."
        )
    yield from files


def _is_media(path: Path) -> bool:
    return path.suffix.lower() in READ_ENDINGS and not path.name.startswith(".") and path.is_file()


def _read_list(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise SourceError(f"@{path}: the list cannot be read ({error.strerror}).") from error
    if "\0" in text:  # as find -print0 writes it, where names are names, whatever is in them
        names = [name for name in text.split("\0") if name]
        if not any(map(os.path.lexists, names)):
            raise SourceError(
                f"@{path}: is not a text file with a name per line, or a NUL behind each."
            )
        return names
    return [
        line.strip()
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
