"""Ends the program when a step of its work hangs: a driver, a library or a disk that never answers.

Knows steps and seconds, not what they do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import NamedTuple, Self

from engines.errors import EngineRunError, LivebrushError, SinkError, SourceError
from realtime.exits import error_line, leave_now


class _Kind(NamedTuple):
    """What a step does, the error that it ends in, and how many times --stall it may last.

    ``idle``: while this process computes nothing; ``whole``: in all. inf: for ever.
    """

    what: str
    error: type[LivebrushError]
    idle: float
    whole: float


_STEPS = {
    "open": _Kind("opening it", SourceError, 1, inf),
    # All that is skipped up to where a run is gone on with is one step.
    "decode": _Kind("reading it", SourceError, 1, inf),
    # It may be built, by another process too.
    "engine": _Kind("opening the engine", EngineRunError, inf, 10),
    # A driver may well compute while it hangs.
    "infer": _Kind("the engine", EngineRunError, 1, 1),
    "encode": _Kind("encoding, or the disk,", SinkError, 1, inf),
    # Gigabytes are waited for until they lie safely on the disk.
    "finish": _Kind("finishing the output, or the disk,", SinkError, 5, inf),
}
_POLL_S = 0.5
_BUSY = 0.1  # of a core


@dataclass(eq=False)
class _Step:
    name: str
    age_s: float = 0.0
    idle_s: float = 0.0
    """For how long the process has not had work."""


class StallWatch:
    """Watches the steps of painting ``name``, on a thread of its own, from ``with`` to its end.

    A frame that the engine has for ``stall_s`` seconds, or another step in which nothing is
    computed for so long, leaves the process at once with the exit code of its stage: no thread that
    hangs can be ended, nor anything be closed that it uses. 0: nothing is watched. ``unwatched``:
    stages that may wait for others, as at a pipe.
    """

    def __init__(self, name: str, stall_s: float, unwatched: Collection[str] = ()) -> None:
        self._name, self._stall_s, self._unwatched = name, stall_s, unwatched
        self._steps: list[_Step] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stall watch", daemon=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Watch what is done in the block, a step of stage ``name``; from any thread."""
        step = _Step(name)
        self._steps.append(step)
        try:
            yield
        finally:
            self._steps.remove(step)

    def __enter__(self) -> Self:
        if self._stall_s:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._stall_s:
            self._thread.join()

    def _watch(self) -> None:
        poll_s = min(_POLL_S, self._stall_s / 4)
        last_s, last_cpu_s = time.monotonic(), time.process_time()
        while not self._done.wait(poll_s):
            now_s, cpu_s = time.monotonic(), time.process_time()
            # A machine that slept, or this process by SIGSTOP, has not hung.
            passed_s = min(now_s - last_s, 2 * poll_s)
            is_busy = cpu_s - last_cpu_s > _BUSY * passed_s
            last_s, last_cpu_s = now_s, cpu_s
            for step in tuple(self._steps):
                step.age_s += passed_s
                step.idle_s = 0.0 if is_busy else step.idle_s + passed_s
                if self._hangs(step):
                    self._leave(step)

    def _hangs(self, step: _Step) -> bool:
        kind = _STEPS[step.name]
        lasts_too_long = (
            step.idle_s > kind.idle * self._stall_s or step.age_s > kind.whole * self._stall_s
        )
        return lasts_too_long and step.name not in self._unwatched

    def _leave(self, step: _Step) -> None:
        kind = _STEPS[step.name]
        error = kind.error(
            f"{self._name}: {kind.what} hangs: nothing has come for {step.age_s:.0f} s. What is "
            "finished is kept, and --resume goes on from there; --stall S waits for S seconds."
        )
        leave_now(error.exit_code, error_line(error))


NO_WATCH = StallWatch("", 0)
