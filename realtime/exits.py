"""How a program ends: nothing to say and 0, or one line on stderr and an exit code.

Signals end it by exceptions, so that ``finally`` blocks clean up. Native code may hang meanwhile,
in any thread: what has not ended soon after a signal is left by the process as a whole.

Importing this takes no time, so that signals are obeyed from the start.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from engines.errors import LivebrushError

INTERRUPTED = 130
UNFORESEEN = 70  # EX_SOFTWARE of sysexits.h
# How long cleaning up may take after a signal, and after one more.
_GRACE_S, _HURRY_S = 2.5, 1.0
_STOPPED = "stopped"
# SIGHUP comes when the terminal is closed; Windows has none.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_CODES = {int(number): 128 + number for n in _NAMES if (number := getattr(signal, n, None))}


@dataclass
class _State:
    """How far this process is with ending."""

    running: bool = False
    """Whether the program runs, so that there is something to clean up."""
    signalled: int | None = None
    """The exit code of the first signal."""
    told: bool = False
    last_words: str = ""
    """What a user must know where there is no time to clean up."""
    debug: bool = False
    wakeups: socket.socket | None = None


_state = _State()


def exit_code(program: Callable[[], int | None], debug: bool = False) -> int:
    """Run ``program`` and return its exit code, or that of the error it ended with.

    debug: with the traceback.
    """
    _state.debug = debug
    try:
        try:
            _state.running = True
            return program() or 0
        finally:
            _state.running = False
    except BrokenPipeError:
        # Whoever read us has seen enough, as in `--list-styles | head`. Nothing is left to be
        # flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, SystemExit) as left:
        if isinstance(left, SystemExit) and _state.signalled is None:
            raise
        print(_STOPPED, file=sys.stderr, flush=True)
        _state.told = True
        return _state.signalled or INTERRUPTED
    except Exception as error:  # noqa: BLE001 (an error of ours is one line too)
        if debug:
            traceback.print_exc()
        line, code = _describe(error)
        print(line, file=sys.stderr, flush=True)
        return code


def _describe(error: Exception) -> tuple[str, int]:
    """Return what to say of the error that ended a program, and the exit code."""
    from engines.errors import LivebrushError, printable

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
    from engines.errors import printable

    return f"error: {printable(' '.join(str(error).split()))}"


def end_by_exceptions(grace_s: float | None = _GRACE_S) -> None:
    """Have SIGINT, SIGTERM and SIGHUP end this process, with 130, 143 and 129.

    The first raises KeyboardInterrupt, or SystemExit, in the main thread; others only hurry. The
    process is left at once where nothing runs that would have to be cleaned up; and whatever hangs,
    ``grace_s`` after the first signal (None: never) or a second after another one. Calling it twice
    is harmless.
    """
    if _state.wakeups is not None:
        return
    for number in _CODES:
        # A shell starts `&` jobs with SIGINT ignored; who says nohup means it.
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    wakeups, _state.wakeups = socket.socketpair()
    # This tells of signals while the main thread is in native code and obeys none.
    _state.wakeups.setblocking(False)
    signal.set_wakeup_fd(_state.wakeups.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_hurry, args=(wakeups, grace_s), name="signals", daemon=True).start()


def end_within(seconds: float, error: LivebrushError) -> threading.Timer:
    """Leave the process with ``error`` unless what is returned is cancelled in time."""
    return _start_timer(seconds, error.exit_code, error_line(error))


@contextlib.contextmanager
def last_words(line: str) -> Iterator[None]:
    """Say ``line`` before "stopped" if a signal leaves the process in this block."""
    _state.last_words = f"{line}\n"
    try:
        yield
    finally:
        _state.last_words = ""


def leave(code: int, threads: frozenset[threading.Thread]) -> NoReturn:
    """Leave with ``code``; at once if it was a signal or there are others than these ``threads``.

    A thread in native code that comes back while Python ends makes C++ abort the process.
    """
    left = set(threading.enumerate()) - threads
    if _state.signalled is None and not left:
        sys.exit(code)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)


def leave_now(code: int, line: str) -> NoReturn:
    """Say ``line`` and leave the process, whatever its threads do."""
    if _state.debug:
        with contextlib.suppress(OSError, ValueError):
            faulthandler.dump_traceback(all_threads=True)
    _tell(line)
    os._exit(code)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    if _state.signalled is not None:
        return  # another exception would break off the cleaning up
    _state.signalled = _CODES[number]
    if not _state.running:
        leave_now(_CODES[number], _STOPPED)
    raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(_CODES[number])


def _hurry(wakeups: socket.socket, grace_s: float | None) -> None:
    first: int | None = None
    while content := wakeups.recv(1):
        if (code := _CODES.get(content[0])) is not None:
            seconds = grace_s if first is None else _HURRY_S
            first = first or code
            if seconds is not None:
                _start_timer(seconds, first, _STOPPED)


def _start_timer(seconds: float, code: int, line: str) -> threading.Timer:
    timer = threading.Timer(seconds, lambda: leave_now(code, _state.last_words + line))
    timer.daemon = True
    timer.start()
    return timer


def _tell(line: str) -> None:
    """Say ``line`` on stderr if nothing was said yet, without waiting for whoever reads it."""
    if _state.told:
        return
    _state.told = True
    with contextlib.suppress(OSError, ValueError, AttributeError):
        file = sys.stderr.fileno()
        if os.name == "nt" or select.select([], [file], [], 0)[1]:
            os.write(file, f"{line}\n".encode(errors="replace"))
