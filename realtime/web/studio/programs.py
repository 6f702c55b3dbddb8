"""The programs that read and paint for the studio, and what they tell meanwhile.

They are processes of their own: the live picture never waits for them, and what breaks in a file of
others breaks there. One whose server is gone ends by itself, as its progress finds no reader.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from realtime.web.studio.records import Wishes

_ROOT = Path(__file__).resolve().parents[3]  # where stylize_video.py lies, in a copy and installed
_PROGRESS = re.compile(r": (?:(\d+)%, )?(\d+) frames, ([\d.]+) fps$")
_TRAINED, _PHASE = re.compile(r"trained (\d+) %: (.*)"), re.compile(r"\d/\d ([^;]*).*")
_ERROR = re.compile(r"error: (?:.*?[\\/][^:]*: )?(.*)")
_PREVIEW_BOX_PX = 960
_NICE = 10
_END_S = 4.0
Command = list[str]


@dataclass(frozen=True)
class Progress:
    """How far a painting has come."""

    done: float
    """0..1"""
    frames: int
    fps: float
    words: str = ""
    """What it says of itself, where it does."""

    @property
    def left_s(self) -> float | None:
        """How long it still takes at this rate; None while that cannot be told."""
        if not (self.done > 0 and self.fps > 0):
            return None
        return self.frames * (1 - self.done) / self.done / self.fps


@dataclass(frozen=True)
class Outcome:
    """How a program ended."""

    code: int
    lines: list[str]
    """What it said on stderr, without its progress."""
    output: str
    """What it printed on stdout."""

    @property
    def problem(self) -> str:
        """Why it has failed, for people."""
        errors = [line for line in self.lines if line.startswith("error: ")]
        found = _ERROR.fullmatch(errors[-1]) if errors else None
        return found.group(1) if found else f"the program ended with {self.code}"


def look_command(path: Path, folder: Path) -> Command:
    """Return what tells as JSON what ``path`` is and what it would become in ``folder``."""
    return [*_stylize(path), "--dry-run", "--json", "-o", f"{folder}{os.sep}"]


def frames_command(path: Path, begin_s: float, folder: Path, styles: list[str]) -> Command:
    """Return what paints the frame at ``begin_s`` in ``styles``, into ``folder``."""
    program = [sys.executable, "-m", "realtime.web.studio.frames"]
    return [*program, str(path), f"{begin_s:.3f}", str(folder), *styles]


def painting_command(path: Path, output: Path, wishes: Wishes) -> Command:
    """Return what paints ``path`` into ``output``, and goes on with it after a kill."""
    return [*_stylize(path), *_look(wishes), "-o", str(output), "--resume"]


def preview_command(path: Path, output: Path, wishes: Wishes, size: str) -> Command:
    """Return what paints five seconds of ``path``, of ``size`` WxH, so that browsers play them."""
    large = max(map(int, size.split("x"))) > _PREVIEW_BOX_PX
    box = ["--size", f"{_PREVIEW_BOX_PX}x{_PREVIEW_BOX_PX}"] if large else []
    span = ["--ss", f"{wishes.begin_s:.3f}", "--to", f"{wishes.begin_s + 5:.3f}"]
    flags = [*span, *box, "--audio", "aac", "-o", str(output), "-y"]
    return [*_stylize(path), *_look(wishes), *flags]


def _stylize(path: Path) -> Command:
    return [sys.executable, "-m", "stylize_video", str(path), "--progress-every", "0.5"]


def lesson_command(
    painting: Path, row: Path, preview: Path, minutes: int, vgg: Path | None
) -> Command:
    """Return what trains a style on ``painting``: ``row`` and ``preview``, again and again."""
    command = [sys.executable, "-m", "training", "add-style", str(painting), "-o", str(row)]
    command += ["--preview", str(preview), "--minutes", str(minutes)]
    return [*command, *(["--vgg", str(vgg.resolve())] if vgg else [])]


def read_progress(line: str) -> Progress | None:
    """Return how far a painting has come; None for a line of another kind."""
    if found := _PROGRESS.search(line):
        percent, frames, fps = found.groups()
        return Progress(int(percent or 0) / 100, int(frames), float(fps))
    return None


def read_lesson(line: str) -> Progress | None:
    """Return how far a training has come; None for a line of another kind."""
    if found := _TRAINED.fullmatch(line):
        return Progress(int(found[1]) / 100, 0, 0.0, found[2])
    if found := _PHASE.fullmatch(line):
        return Progress(0.0, 0, 0.0, found[1])
    return None


def _look(wishes: Wishes) -> list[str]:
    numbers = {
        "--strength": wishes.strength,
        "--brush": wishes.brush,
        "--stability": wishes.stability,
    }
    flags = [text for flag, value in numbers.items() for text in (flag, f"{value:g}")]
    styles = ["--style-schedule", wishes.schedule] if wishes.schedule else ["-s", wishes.style]
    return [*styles, *flags, *(["--keep-color"] if wishes.keep_color else [])]


class Program:
    """One run of a command; ``stop`` may come from any thread."""

    def __init__(self, command: Command) -> None:
        self._is_told = False
        self._process = subprocess.Popen(
            command,
            cwd=_ROOT,
            # PyTorch's threads that wait asleep: spinning, they hold up who paints live.
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # Ctrl-C in the terminal is for the server, which stops what paints in good order.
            start_new_session=True,
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        )
        if hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)

    def follow(
        self,
        tell: Callable[[Progress], None],
        read: Callable[[str], Progress | None] = read_progress,
    ) -> Outcome:
        """Wait until it ends, and tell meanwhile how far it is. ``read``: understands a line."""
        lines = []
        with self._process as process:
            assert process.stderr is not None and process.stdout is not None
            for text in process.stderr:
                line = text.rstrip()
                if progress := read(line):
                    tell(progress)
                else:
                    lines.append(line)
            output = process.stdout.read()
        return Outcome(process.returncode, lines, output)

    def begin_stop(self) -> None:
        """Tell it to end, in good order if it can."""
        if not self._is_told:  # a second signal would hurry it
            self._is_told = True
            self._process.terminate()

    def stop(self) -> None:
        """End it, and wait for that."""
        self.begin_stop()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
