"""Runs a whole program and says how long it took and what processor time it used."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench import ROOT
from engines.errors import EngineRunError


@dataclass(frozen=True)
class ProcessRun:
    """How a process ran."""

    wall_s: float
    cpu_s: float | None
    """User and system time over all threads; None where the system does not tell (Windows)."""


def run_process(command: list[str], environment: Mapping[str, str] | None = None) -> ProcessRun:
    """Run ``command`` in the repository to its end, in ``environment`` if not in this one's.

    Raises EngineRunError with the last line it wrote if it fails.
    """
    cpu_before_s, started_s = _children_cpu_s(), time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    wall_s, cpu_after_s = time.perf_counter() - started_s, _children_cpu_s()
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise EngineRunError(f"{' '.join(command[1:])} ended with {done.returncode}: {last}")
    if cpu_before_s is None or cpu_after_s is None:
        return ProcessRun(wall_s, None)
    return ProcessRun(wall_s, cpu_after_s - cpu_before_s)


def _children_cpu_s() -> float | None:
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
