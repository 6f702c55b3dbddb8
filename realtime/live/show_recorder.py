"""Keeps what is done to the controls, each with the first frame that was painted with it."""

from __future__ import annotations

import argparse
import contextlib
import queue
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engines import Models
from engines.errors import SinkError, UsageError
from engines.style_row import row_text
from realtime.controls.desk import Desk, Performed
from realtime.controls.show import FORMAT, Change, Head, Line, Row, Source, encode_line
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink

_EXISTS = "exists already. Choose another name, or move it away."


class ShowRecorder(CleanSink):
    """Writes the show ``name`` into the new file ``path``, a line at a time.

    ``desk``: its journal is taken; nothing was done to it yet. ``models_now``: gives the models
    with the styles that there are by now.

    Raises UsageError for a file that exists, SinkError for one that cannot be written.
    """

    def __init__(
        self, path: Path, name: str, source: Source, desk: Desk, models_now: Callable[[], Models]
    ) -> None:
        super().__init__()
        self._path, self._models_now = path, models_now
        self._journal: queue.SimpleQueue[Performed] = queue.SimpleQueue()
        desk.journal = self._journal
        self._begin_s: float | None = None
        self._waiting: deque[Performed] = deque()
        self._done: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._rows: dict[str, str] = {}
        self._failed: str | None = None
        self._file: BinaryIO | None = _open_new(path)
        state = replace(desk.state, said="", said_count=0, performed=0)
        clock = datetime.now().astimezone()
        self._write(Head(FORMAT, name, source, models_now().name, state, clock))
        self._write_known()

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --record-controls."""
        group.add_argument(
            "--record-controls",
            type=Path,
            metavar="FILE.jsonl",
            help="keep all that is done to the controls, for stylize_video.py --replay",
        )

    @classmethod
    def check(cls, args: argparse.Namespace) -> None:
        """Look at the name. Raises UsageError or SinkError."""
        path: Path | None = args.record_controls
        if path is None:
            return
        if path.exists():
            raise UsageError(f"--record-controls {path}: {_EXISTS}")
        if not path.parent.is_dir():
            raise SinkError(f"--record-controls {path}: the folder {path.parent} does not exist.")

    def see(self, frame: LiveFrame) -> None:
        """Count time from the first frame on."""
        if self._begin_s is None:
            self._begin_s = frame.captured_s

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Note with which changes ``frame`` is the first to be painted."""
        while not self._journal.empty():
            self._waiting.append(self._journal.get())
        while self._waiting and self._waiting[0].number <= frame.performed:
            done = self._waiting.popleft()
            at_s = frame.captured_s - (self._begin_s or 0.0)
            what = done.command, done.value, done.fade_s, done.style
            self._done.put(Change(at_s, frame.index, frame.file_s, *what))

    def follow(self, desk: Desk) -> None:
        """Write what has become known."""
        if not self._done.empty():
            self._write_known()

    def results(self) -> dict[str, object]:
        """Return where the show is."""
        return {"controls": str(self._path)}

    def check_result(self) -> None:
        """Raise SinkError if it could not be written to its end."""
        if self._failed:
            raise SinkError(f"--record-controls {self._path}: {self._failed}")

    def close(self) -> None:
        """Write the rest. What no frame was painted with has changed nothing."""
        self._write_known()
        if self._file is not None:
            self._file.close()
            self._file = None
            self.answers.put(f"saved {self._path.name}, the controls of this show")

    def _write_known(self) -> None:
        """Write the styles from outside as they are by now, and what was done.

        Of one that was refined meanwhile the last row counts, for the whole show.
        """
        for row in self._models_now().rows:
            if self._rows.get(row.style.name) != row.digest:
                self._rows[row.style.name] = row.digest
                self._write(Row(row.style.name, row_text(row)))
        while not self._done.empty():
            self._write(self._done.get())

    def _write(self, line: Line) -> None:
        if self._file is None:
            return
        try:
            self._file.write(encode_line(line))
            self._file.flush()
        except OSError as error:
            self._failed = f"is not whole ({error.strerror})"
            with contextlib.suppress(OSError):  # of what is still to be written
                self._file.close()
            self._file = None
            self.answers.put(f"{self._path.name}: the controls are no longer recorded: {error}")


def _open_new(path: Path) -> BinaryIO:
    try:
        return open(path, "xb")
    except FileExistsError as error:
        raise UsageError(f"--record-controls {path}: {_EXISTS}") from error
    except OSError as error:
        raise SinkError(
            f"--record-controls {path}: cannot be written ({error.strerror})."
        ) from error
