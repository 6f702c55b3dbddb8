"""Finds the live sources and sinks: every file in ``sources`` and in ``sinks`` holds one."""

from __future__ import annotations

import functools
import importlib
import inspect
from pathlib import Path
from typing import TypeVar

from realtime.live.capture_format import CaptureFormat
from realtime.live.live_source import LiveSource

_Kind = TypeVar("_Kind")


@functools.cache
def source_classes() -> tuple[type[LiveSource], ...]:
    """Return every source, in the order in which they are asked what ``--source`` means."""
    found = _classes_in("sources", LiveSource)
    return tuple(sorted(found, key=lambda kind: kind.precedence))


def source_summary() -> str:
    """Return what ``--source`` may be, for --help: from the general to the single word."""
    kinds = sorted(source_classes(), key=lambda kind: (-kind.precedence, kind.summary))
    return ", ".join(kind.summary for kind in kinds if kind.summary)


def live_source(text: str, wanted: CaptureFormat | None = None, loop: bool = False) -> LiveSource:
    """Return the source called ``text``, not yet opened.

    ``wanted`` is for cameras, ``test``, the rate of a screen and the size of a folder's frames;
    ``loop`` for files and folders. A name that is no file is looked for among the cameras' names.

    Raises UsageError for a screen's region that is none, SourceError for what is neither a file nor
    a camera.
    """
    kind = next(kind for kind in source_classes() if kind.claims(text))
    return kind.from_text(text, wanted or CaptureFormat(), loop)


def _classes_in(folder: str, kind: type[_Kind]) -> list[type[_Kind]]:
    """Import the modules of ``folder`` in the order of their names, and return what they define.

    Raises TypeError for a module in ``sources`` or ``sinks`` that holds no class of its kind.
    """
    found = []
    for path in sorted((Path(__file__).parent / folder).glob("*.py")):
        module = importlib.import_module(f"realtime.live.{folder}.{path.stem}")
        found += [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, kind)
            and value.__module__ == module.__name__
            and not inspect.isabstract(value)
        ]
    return found
