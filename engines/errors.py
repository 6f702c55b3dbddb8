"""The one error tree of Livebrush.

A message says what happened, what is allowed, and what to type instead.

    LivebrushError                          exit code
    ├─ UsageError                           2   a flag or name that cannot be right
    │  └─ UnknownStyle                      2   lists the close names
    ├─ SourceError                          3   the input cannot be read
    ├─ EngineError                          4   an engine cannot run the model
    │  ├─ EngineUnavailable                 4   library, driver or weights missing: names what to install
    │  ├─ EngineLoadError                   4   damaged or foreign model
    │  └─ EngineRunError                    4   failed while running
    ├─ ModelError                           4   a model file that breaks the contract
    ├─ SinkError                            5   the output cannot be written
    ├─ PartialResult                        6   something was saved, under NAME.partial.EXT
    ├─ ExportError                          4   a checkpoint that cannot become a model file
    │  └─ ParityError                       4   two runtimes disagree
    └─ TrainingError                        4   configuration, data or numbers that cannot be trained on

Programming mistakes inside Livebrush stay ``ValueError`` and ``TypeError``: they are not part of
this tree.
"""

from __future__ import annotations


class LivebrushError(Exception):
    """Base of everything that a user can cause or meet.

    ``exit_code`` is what a script ends with.
    """

    exit_code = 1


class UsageError(LivebrushError):
    exit_code = 2


class UnknownStyle(UsageError):
    pass


class SourceError(LivebrushError):
    exit_code = 3


class EngineError(LivebrushError):
    exit_code = 4


class EngineUnavailable(EngineError):
    pass


class EngineLoadError(EngineError):
    pass


class EngineRunError(EngineError):
    pass


class ModelError(LivebrushError):
    exit_code = 4


class SinkError(LivebrushError):
    exit_code = 5


class PartialResult(LivebrushError):
    exit_code = 6


class ExportError(LivebrushError):
    exit_code = 4


class ParityError(ExportError):
    pass


class TrainingError(LivebrushError):
    exit_code = 4
