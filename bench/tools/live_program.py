"""run_cam.py as a process that is watched from outside.

What it says, what it holds, how fast it ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench import ROOT
from engines.errors import EngineRunError

END_S = 3.0


@dataclass(frozen=True)
class Held:
    """What a process holds at a moment: resident memory in KiB, threads, open files."""

    rss_kb: float
    threads: int
    files: int


class LiveProgram:
    """Runs in ``folder`` from the constructor on, until ``end`` or the end of the block.

    ``said`` grows with its lines.
    """

    def __init__(
        self, folder: Path, *flags: object, environment: dict[str, str] | None = None
    ) -> None:
        command = [sys.executable, str(ROOT / "run_cam.py"), "--fresh", *map(str, flags)]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LIVEBRUSH_STATE": str(folder / "state"),
            **(environment or {}),
        }
        self.said: list[str] = []
        self._process = subprocess.Popen(
            command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stderr is not None  # PIPE, so it is there
        self._lines = self._process.stderr
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def wait_for(self, text: str, limit_s: float = 240.0, times: int = 1) -> str:
        """Wait for the line with ``text`` and return it, once it was said so many ``times``.

        Raises EngineRunError if it does not come.
        """
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s and self._process.poll() is None:
            lines = [line for line in self.said if text in line]
            if len(lines) >= times:
                return lines[times - 1]
            time.sleep(0.02)
        raise EngineRunError(f"run_cam.py did not say {text!r}, but: {' | '.join(self.said[-5:])}")

    def held(self) -> Held:
        """Return what it holds now."""
        folder = Path(f"/proc/{self.pid}")
        pages = int((folder / "statm").read_text(encoding="ascii").split()[1])
        counts = (len(os.listdir(folder / name)) for name in ("task", "fd"))
        return Held(pages * os.sysconf("SC_PAGE_SIZE") / 1024, *counts)

    def end(self, number: int = signal.SIGTERM) -> float:
        """Ask it to end, and return the seconds that it took.

        What has not ended after 20 s is killed.
        """
        started_s = time.monotonic()
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        took_s = time.monotonic() - started_s
        self._listening.join(5)
        self._lines.close()
        return took_s

    def __enter__(self) -> LiveProgram:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.end(signal.SIGKILL)

    def _listen(self) -> None:
        for line in self._lines:
            self.said.append(line.rstrip())
