"""What opening an encoder does to the scheduling of this process's threads, undone."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Schedule this thread, and those that are begun inside, as this thread was before.

    Run by root, as in most containers, SVT-AV1 makes the thread that opens it and all of its own
    real-time threads of the highest priority. What that thread begins later inherits it, and two of
    those that wait for one another spinning then take both cores of a machine for ever.
    """
    if sys.platform != "linux":
        yield
        return
    policy, priority, before = os.sched_getscheduler(0), os.sched_getparam(0), _threads()
    try:
        yield
    finally:
        for thread in {0} | _threads() - before:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, priority)


def _threads() -> set[int]:
    return {int(folder.name) for folder in _THREADS.iterdir()}
