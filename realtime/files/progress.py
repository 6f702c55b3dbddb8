"""Shows how far a file has come, on stderr: a bar on a terminal, else a line every few seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from realtime.files.pipeline import FileRun
from realtime.frame import FileFrame
from realtime.timing import Clock, RateMeter

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S = 5.0


class FileProgress:
    """Progress of one file called ``name`` that lasts ``duration_s``.

    None: unknown; then it is shown without percent and time left. Goes by the frames' times rather
    than their number, which a file with a variable rate does not tell. every_s: between two lines.
    """

    def __init__(
        self,
        name: str,
        duration_s: float | None,
        clock: Clock = time.monotonic,
        every_s: float = LINE_EVERY_S,
    ) -> None:
        self._name, self._duration_s, self._clock = name, duration_s, clock
        self._every_s = every_s
        self._rate = RateMeter(clock=clock)
        self._origin_s: float | None = None
        self._done = 0.0
        self._next_line_s = clock() + every_s
        self._bar = _make_bar(name, duration_s) if sys.stderr and sys.stderr.isatty() else None

    def update(self, frame: FileFrame, run: FileRun) -> None:
        """Count ``frame``, which is finished, and show how far ``run`` has come."""
        self._rate.tick()
        time_s = float(frame.pts * frame.time_base)
        self._origin_s = time_s if self._origin_s is None else self._origin_s
        self._done = (
            min(1.0, (time_s - self._origin_s) / self._duration_s) if self._duration_s else 0.0
        )
        self.show(self._done, run.frames_out, self._rate.per_second)

    def show(self, done: float, frames: int, fps: float) -> None:
        """Show what share of the file is ``done``, 0..1, how many frames, and how fast."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=done, frames=frames, fps=fps)
        elif self._clock() >= self._next_line_s:
            self._next_line_s = self._clock() + self._every_s
            percent = [f"{done:.0%}"] if self._duration_s else []
            # A picture has none before it is done.
            counts = [f"{frames} frames", f"{fps:.1f} fps"] if frames else []
            line = f"{self._name}: {', '.join(percent + counts)}"
            print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            if error is None and self._duration_s:
                self._bar.update(self._bar.task_ids[0], completed=1.0)
            self._bar.stop()


def _make_bar(name: str, duration_s: float | None) -> Progress:
    # Takes a tenth of a second, which runs without a terminal are spared.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %" if duration_s else ""),
        TextColumn("{task.fields[frames]} frames  {task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    bar.add_task(name, total=1.0 if duration_s else None, frames=0, fps=0.0)
    return bar
