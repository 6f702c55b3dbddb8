"""What this machine is: its processor, its free CPUs, and what is installed on it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import threading
from contextlib import suppress
from pathlib import Path


def cpu_threads() -> int:
    """Return how many CPUs this process may use.

    In a container or under taskset those are fewer than the machine's.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def step_back(niceness: int) -> None:
    """Let every other thread go first: the calling one gets ``niceness``, 0..19, where it is lower.

    On Linux alone, where threads have priorities of their own; elsewhere nothing is changed.
    Threads that it starts later step back, too.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # it is lower already
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def processor() -> str:
    """Return the processor's name and instruction sets.

    A virtual machine can hide some of what the same processor has elsewhere.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return "".join(
        next((line for line in lines if line.startswith(start)), "")
        for start in ("model name", "flags", "Features")
    )


def package_version(name: str) -> str:
    """Return the version of an installed distribution, "" if it is not installed.

    Imports nothing of it.
    """
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
