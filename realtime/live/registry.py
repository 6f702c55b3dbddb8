"""Finds the live sources and sinks: every file in ``sources`` and in ``sinks`` holds one."""

from __future__ import annotations

import functools
import importlib
import inspect
from pathlib import Path

from realtime.live.capture_format import CaptureFormat
from realtime.live.clean_sink import CleanSink
from realtime.live.live_sink import LiveSink
from realtime.live.live_source import LiveSource


@functools.cache
def source_classes() -> tuple[type[LiveSource], ...]:
    """Return every source, in the order in which they are asked what ``--source`` means."""
    found = [kind for kind in _find_classes("sources") if issubclass(kind, LiveSource)]
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


@functools.cache
def live_sink_classes() -> tuple[type[LiveSink], ...]:
    """Return every sink that shows pictures; the default comes last."""
    found = [kind for kind in _find_classes("sinks") if issubclass(kind, LiveSink)]
    return tuple(sorted(found, key=lambda kind: kind.is_default))


@functools.cache
def clean_sink_classes() -> tuple[type[CleanSink], ...]:
    """Return every sink that takes paintings beside the screen."""
    return tuple(kind for kind in _find_classes("sinks") if issubclass(kind, CleanSink))


@functools.cache
def _find_classes(folder: str) -> list[type]:
    """Import the modules of ``folder`` in the order of their names, and return what they offer.

    Raises TypeError for a module that offers no source or sink.
    """
    return [
        kind
        for path in sorted((Path(__file__).parent / folder).glob("*.py"))
        if path.stem != "__init__"
        for kind in _import_classes(f"realtime.live.{folder}.{path.stem}")
    ]


def _import_classes(name: str) -> list[type]:
    found = [
        value
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type)
        and issubclass(value, LiveSource | LiveSink | CleanSink)
        and value.__module__ == name
        and not inspect.isabstract(value)
    ]
    if not found:
        raise TypeError(f"{name} defines no LiveSource, LiveSink or CleanSink")
    return found
