"""How a program ends: nothing to say and 0, or one line on stderr and an exit code."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from engines.errors import LivebrushError, printable

INTERRUPTED = 130
UNFORESEEN = 70  # EX_SOFTWARE of sysexits.h


def exit_code(program: Callable[[], int | None], debug: bool = False) -> int:
    """Run ``program`` and return its exit code, or that of the error it ended with.

    debug: with the traceback.
    """
    try:
        return program() or 0
    except BrokenPipeError:
        # Whoever read us has seen enough, as in `--list-styles | head`. Nothing is left to be
        # flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr, flush=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 (an error of ours is one line too)
        if debug:
            traceback.print_exc()
        line, code = _describe(error)
        print(line, file=sys.stderr, flush=True)
        return code


def _describe(error: Exception) -> tuple[str, int]:
    """Return what to say of the error that ended a program, and the exit code."""
    if isinstance(error, LivebrushError):
        return error_line(error), error.exit_code
    if isinstance(error, MemoryError):
        detail = f" ({printable(str(error))})" if str(error) else ""
        return f"error: out of memory{detail}. Smaller sizes need less.", UNFORESEEN
    return (
        f"{error_line(error)} [{type(error).__name__}] This is a mistake in Livebrush itself. "
        "Run it again with --debug and report what it shows.",
        UNFORESEEN,
    )


def error_line(error: BaseException) -> str:
    """Return the error on one line, whatever the text of a foreign library in it looks like."""
    return f"error: {printable(' '.join(str(error).split()))}"


def end_by_exceptions() -> None:
    """Have SIGINT and SIGTERM end this process by exceptions, so that ``finally`` blocks clean up.

    They are KeyboardInterrupt, and SystemExit with code 143.
    """
    # A shell starts `&` jobs with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _leave_on_sigterm)


def _leave_on_sigterm(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(143)
