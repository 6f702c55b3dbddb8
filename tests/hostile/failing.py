"""Runs programs of which one system call fails, wherever in the process it comes from.

The calls are those of ``failing_calls.c``. Programs are forked from one process that has imported
what they need, so that a run takes a fraction of a second.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import runpy
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.conftest import ROOT

KINDS = {
    "write": errno.ENOSPC,
    "fsync": errno.EIO,
    "rename": errno.EIO,
    "open": errno.EMFILE,
    "lock": errno.ENOLCK,
}
_CONTROL = struct.Struct(f"{3 + len(KINDS)}i")
_NONE = -1


@dataclass(frozen=True)
class Ended:
    """How a run went."""

    code: int
    """As a shell gives it: 128 and the number of a signal that it died of."""
    told: str
    """Its stderr."""
    counts: dict[str, int]
    """How many calls of each kind there were."""


def missing() -> str | None:
    """Return what this machine lacks for it, None if it lacks nothing."""
    if sys.platform != "linux":
        return "libraries are preloaded, and /proc is read, as on Linux"
    return None if shutil.which("cc") else "there is no C compiler (cc)"


class Programs:
    """Runs stylize_video.py and run_cam.py. Calls on files below ``folder`` are counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        library, self._control = folder.parent / "failing.so", folder.parent / "control"
        source = Path(__file__).with_name("failing_calls.c")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        self._control.write_bytes(bytes(_CONTROL.size))
        for name in ("temporary", "cache", "state"):
            (folder / name).mkdir(mode=0o700)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.failing"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
                "PYTHONPYCACHEPREFIX": str(folder.parent / "compiled"),
                "LD_PRELOAD": str(library),
                "FAIL_CONTROL": str(self._control),
                "FAIL_UNDER": str(folder),
                "TMPDIR": str(folder / "temporary"),
                "LIVEBRUSH_CACHE": str(folder / "cache"),
                "LIVEBRUSH_STATE": str(folder / "state"),
                "LIVEBRUSH_MEASURE": "off",
            },
        )

    def run(self, *command: str | Path, kind: str | None = None, at: int = 0) -> Ended:
        """Run a program of which the ``at``-th call of ``kind``, counted from 1, fails."""
        number = _NONE if kind is None else list(KINDS).index(kind)
        error = 0 if kind is None else KINDS[kind]
        with open(self._control, "r+b") as file, mmap.mmap(file.fileno(), 0) as control:
            control[:] = _CONTROL.pack(number, at, error, *[0] * len(KINDS))
            told = self._folder.parent / "told"
            self._process.stdin.write(json.dumps([str(told), *map(str, command)]) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            counts = _CONTROL.unpack(control[:])[3:]
        text = told.read_text(encoding="utf-8", errors="replace")
        return Ended(code, text, dict(zip(KINDS, counts, strict=True)))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(60)


def _fork_and_run(told: str, script: str, *arguments: str) -> int:
    """Return the exit code of the script, which is run in a copy of this process."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return 128 - code if code < 0 else code
    written = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(written, stream)
    os.close(0)
    sys.argv = [script, *arguments]
    runpy.run_path(str(ROOT / script), run_name="__main__")
    raise AssertionError("a script ends by itself")


if __name__ == "__main__":
    for needed in ("av", "onnx", "realtime.media.writing.video_file", "run_cam", "stylize_video"):
        import_module(needed)
    for line in sys.stdin:
        print(_fork_and_run(*json.loads(line)), flush=True)
