"""How a program ends: nothing to say and 0, or one line on stderr and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from engines.errors import LivebrushError

INTERRUPTED = 130


def exit_code(program: Callable[[], int | None], debug: bool = False) -> int:
    """Run ``program`` and return its exit code, or that of the error it ended with.

    debug: with the traceback.
    """
    try:
        return program() or 0
    except LivebrushError as error:
        if debug:
            traceback.print_exc()
        print(error_line(error), file=sys.stderr, flush=True)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read us has seen enough, as in `--list-styles | head`. Nothing is left to be
        # flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr, flush=True)
        return INTERRUPTED


def error_line(error: BaseException) -> str:
    """Return the error on one line, whatever the text of a foreign library in it looks like."""
    return f"error: {' '.join(str(error).split())}"
