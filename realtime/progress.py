"""How far a file has come, on stderr: a bar on a terminal, else a line every five seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from realtime.frame import Frame
from realtime.pipeline import FileRun
from realtime.timing import Clock, RateMeter

_LINE_EVERY_S = 5.0


class FileProgress:
    """Progress of one file called ``name`` that lasts ``duration_s`` (None: unknown, then without percent and time left).

    Goes by the frames' times rather than their number, which a file with a variable rate does not tell.
    """

    def __init__(self, name: str, duration_s: float | None, clock: Clock = time.monotonic) -> None:
        self._name, self._duration_s, self._clock = name, duration_s, clock
        self._console = Console(stderr=True)
        self._rate = RateMeter(clock=clock)
        self._origin_s: float | None = None
        self._done = 0.0
        self._next_line_s = clock() + _LINE_EVERY_S
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %" if duration_s else ""),
            TextColumn("{task.fields[frames]} frames  {task.fields[fps]:.1f} fps"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(name, total=1.0 if duration_s else None, frames=0, fps=0.0)

    def update(self, frame: Frame, run: FileRun) -> None:
        """Call after each finished frame."""
        self._rate.tick()
        time_s = float(frame.pts * frame.time_base)
        self._origin_s = time_s if self._origin_s is None else self._origin_s
        self._done = min(1.0, (time_s - self._origin_s) / self._duration_s) if self._duration_s else 0.0
        self.show(self._done, run.frames_out, self._rate.per_second)

    def show(self, done: float, frames: int, fps: float) -> None:
        """Where several machines paint: what share of the file is ``done``, 0..1, how many frames, and how fast."""
        self._bar.update(self._task, completed=done, frames=frames, fps=fps)
        if self._bar.disable and self._clock() >= self._next_line_s:
            self._next_line_s = self._clock() + _LINE_EVERY_S
            percent = f"{done:.0%}, " if self._duration_s else ""
            print(f"{self._name}: {percent}{frames} frames, {fps:.1f} fps", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None and self._duration_s:
            self._bar.update(self._task, completed=1.0)
        self._bar.stop()
