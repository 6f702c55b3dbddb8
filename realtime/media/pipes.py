"""Standard input and output as video: what ``-`` means, and how words stay out of it."""

from __future__ import annotations

import os
import re
import select
import sys
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from engines.errors import SourceError, UsageError
from realtime.picture.sizes import parse_size

STDIO = Path("-")
_POLL_S = 0.1


@dataclass(frozen=True)
class RawVideo:
    """What rgb24 pictures without a header are."""

    size: tuple[int, int]
    """(height, width)."""

    rate: Fraction
    """Frames per second."""


def parse_raw(text: str, flag: str = "--raw-input") -> RawVideo:
    """Parse ``640x480@30`` or ``640x480@30000/1001``. Raises UsageError, naming ``flag``."""
    size, _, rate = text.partition("@")
    if not re.fullmatch(r"0*[1-9]\d{0,8}(/0*[1-9]\d{0,8}|\.\d{1,6})?", rate):
        raise UsageError(
            f"{flag} is WIDTHxHEIGHT@RATE, for example 640x480@30 or 640x480@30000/1001, not "
            f"{text!r}."
        )
    return RawVideo(parse_size(size, flag), Fraction(rate))


class StandardInput:
    """Standard input as a file that can be given up: ``stop`` ends a read that waits for data.

    For PyAV, which calls ``read``. Raises SourceError if a person sits there.
    """

    def __init__(self) -> None:
        if sys.stdin is None or sys.stdin.isatty():
            raise SourceError(
                "-: nothing is piped in. For example: ffmpeg -i clip.mp4 -f yuv4mpegpipe - | "
                "stylize_video.py - -o -"
            )
        self._handle = sys.stdin.fileno()
        self._stopped = threading.Event()

    def read(self, count: int) -> bytes:
        """Return at least one byte; none at the end, and after ``stop``."""
        while not self._stopped.is_set():
            if os.name == "nt" or select.select([self._handle], [], [], _POLL_S)[0]:
                return os.read(self._handle, count)
        return b""

    def stop(self) -> None:
        """End a ``read`` that waits, from another thread."""
        self._stopped.set()


def take_standard_output() -> BinaryIO:
    """Return standard output for video alone.

    Whatever else is written to it from now on, by any library, goes to standard error.
    """
    sys.stdout.flush()
    video = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return video
