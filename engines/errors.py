"""The one error tree of Livebrush.

A message says what happened, what is allowed, and what to type instead.

    LivebrushError                exit code
    ├─ UsageError                 2   a flag or name that cannot be right
    │  └─ UnknownStyle            2   lists the close names
    ├─ SourceError                3   the input cannot be read
    ├─ EngineError                4   an engine cannot run the model
    │  ├─ EngineUnavailable       4   library, driver or weights missing: names what to install
    │  ├─ EngineLoadError         4   damaged or foreign model
    │  └─ EngineRunError          4   failed while running
    ├─ ModelError                 4   a model file that breaks the contract
    ├─ SinkError                  5   the output cannot be written
    ├─ PartialResult              6   something was saved, under NAME.partial.EXT
    ├─ ExportError                4   a checkpoint that cannot become a model file
    │  └─ ParityError             4   two runtimes disagree
    └─ TrainingError              4   configuration, data or numbers that cannot be trained on

Programming mistakes inside Livebrush stay ``ValueError`` and ``TypeError``: they are not part of
this tree.
"""

from __future__ import annotations

import unicodedata


class LivebrushError(Exception):
    """Base of everything that a user can cause or meet.

    ``exit_code`` is what a script ends with.
    """

    exit_code = 1


class UsageError(LivebrushError):
    """A flag or a name that cannot be right."""

    exit_code = 2


class UnknownStyle(UsageError):
    """A style that no model has; the message lists the close names."""


class SourceError(LivebrushError):
    """An input that cannot be read."""

    exit_code = 3


class EngineError(LivebrushError):
    """An engine that cannot run the model."""

    exit_code = 4


class EngineUnavailable(EngineError):
    """A library, driver or weights are missing; the message names what to install."""


class EngineLoadError(EngineError):
    """A model that the engine takes for damaged or foreign."""


class EngineRunError(EngineError):
    """An engine that failed while running."""


class ModelError(LivebrushError):
    """A model file that breaks the contract."""

    exit_code = 4


class SinkError(LivebrushError):
    """An output that cannot be written."""

    exit_code = 5


class PartialResult(LivebrushError):
    """A result that ended early and was saved under NAME.partial.EXT."""

    exit_code = 6


class ExportError(LivebrushError):
    """A checkpoint that cannot become a model file."""

    exit_code = 4


class ParityError(ExportError):
    """Two runtimes that disagree."""


class TrainingError(LivebrushError):
    """A configuration, data or numbers that cannot be trained on."""

    exit_code = 4


def printable(text: str | bytes) -> str:
    """Return ``text`` without control characters: names of others must not rule the terminal.

    Protocol buffers give texts that are no UTF-8 as bytes.
    """
    text = text if isinstance(text, str) else text.decode(errors="replace")
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf"))
