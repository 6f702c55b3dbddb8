"""Training on the row of a picture's style, which -s PICTURE only predicts.

Training needs PyTorch, so it is a process of its own, which cannot outlive this one.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from engines.errors import EngineUnavailable, UsageError
from engines.install import install_line
from engines.machine import cpu_threads
from engines.style_row import ENDING, StyleRow, read_row, write_row

NO_PICTURE = "--refine: is for pictures as styles. For example: -s picture.jpg"
_ROOT = Path(__file__).resolve().parents[2]  # where training lies, in a copy and installed
_BETTER = re.compile(r"([0-9.]+) of the loss ")
_NICE = 19  # beside a show: it has what that leaves
_FAST = 1  # to write, at no loss


@dataclass(frozen=True, eq=False)
class Refinable:
    """A picture, the row that its style begins with, and frames that are painted in it.

    picture and frames: (H, W, 3) uint8 RGB each. scale: --style-scale. vgg: the weights of VGG16,
    None: those that were downloaded, now if that ``may_download``.
    """

    picture: np.ndarray
    start: StyleRow
    frames: Sequence[np.ndarray]
    scale: float
    vgg: Path | None
    may_download: bool = True


def check_seconds(seconds: float) -> None:
    """Raise UsageError unless so many ``seconds`` can be refined for."""
    if not seconds > 0:
        raise UsageError(f"--refine must be more than 0 seconds, got {seconds:g}.")


def require_training() -> None:
    """Raise EngineUnavailable without what training needs."""
    if importlib.util.find_spec("torch") is None:
        raise EngineUnavailable(
            f"refining a style is training, which needs PyTorch. Type: {install_line('train')}"
        )


def nearer(share: float) -> str:
    """Return what to say of a row with ``share`` of the loss that it began with."""
    return f"{100 * (1 - share):.0f} % nearer" if share < 1 else "no better row was found"


class Refining:
    """One training of ``seconds``.

    is_beside: a show goes on meanwhile, and comes first. ``stop`` may be called from any thread.
    """

    def __init__(self, wanted: Refinable, seconds: float, is_beside: bool = False) -> None:
        self._wanted, self._seconds, self._is_beside = wanted, seconds, is_beside
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def rows(self) -> Iterator[tuple[StyleRow, float]]:
        """Train, and yield each row that is better than all before.

        With it comes its loss, on frames that are held out, over that of the row to begin with.
        Raises EngineUnavailable if it cannot be done.
        """
        require_training()
        start = self._wanted.start
        with tempfile.TemporaryDirectory(prefix="livebrush-") as name:
            made = Path(name) / f"{start.style.name}{ENDING}"
            command = self._command(Path(name), made)
            errors_path = Path(name) / "errors"
            with errors_path.open("wb") as errors, self._open(command, errors) as process:
                assert process.stdout is not None
                try:
                    for line in process.stdout:
                        if found := _BETTER.match(line):
                            row = read_row(made)
                            better = replace(start, row=row.row, digest=row.digest)
                            yield better, float(found[1])
                except BaseException:
                    self.stop()
                    raise
            if process.returncode and not self._stopped:
                lines = errors_path.read_text("utf-8", "replace").strip().splitlines()
                why = lines[-1].removeprefix("error: ") if lines else "no word why"
                raise EngineUnavailable(f"--refine: {why}")

    def stop(self) -> None:
        """End it now; what was found before stays."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()

    def _command(self, folder: Path, made: Path) -> list[str]:
        """Write what the training reads into ``folder``, and return what trains."""
        wanted, frames = self._wanted, folder / "frames"
        frames.mkdir()
        for number, pixels in enumerate(wanted.frames):
            _write(frames / f"{number:02d}.png", pixels)
        _write(folder / "picture.png", wanted.picture)
        write_row(folder / f"begin{ENDING}", wanted.start)
        command = [sys.executable, "-m", "training", "refine", str(folder / "picture.png")]
        command += ["-o", str(made), "--from", str(folder / f"begin{ENDING}"), "--watch-stdin"]
        command += ["--photos", str(frames), "--seconds", f"{self._seconds:g}"]
        command += ["--style-scale", f"{wanted.scale:g}"]
        command += ["--vgg", str(wanted.vgg.resolve())] if wanted.vgg else []
        return command + ([] if wanted.may_download else ["--no-download"])

    def _open(self, command: list[str], errors: IO[bytes]) -> subprocess.Popen[str]:
        environment = dict(os.environ)
        if self._is_beside:
            # Threads that spin while they wait take from the show what it is not to give.
            threads = str(max(1, cpu_threads() // 2))
            environment |= {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": threads}
        self._process = process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,  # its end is that of this process, however that comes
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            creationflags=getattr(subprocess, "IDLE_PRIORITY_CLASS", 0) if self._is_beside else 0,
        )
        if self._is_beside and hasattr(os, "setpriority"):
            with suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        if self._stopped:  # meanwhile
            process.kill()
        return process


def _write(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(pixels)).save(path, compress_level=_FAST)
