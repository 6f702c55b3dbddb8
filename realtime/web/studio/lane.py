"""Runs programs one after the other, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from realtime.exits import UNFORESEEN
from realtime.web.studio.programs import Command, Outcome, Program, Progress, read_progress


@dataclass(frozen=True)
class Work:
    """A program to run. ``tell`` and ``end`` are called with the lock of its lane held."""

    key: str
    """By which it can be stopped."""
    command: Command
    tell: Callable[[Progress], None]
    end: Callable[[Outcome], None]
    read: Callable[[str], Progress | None] = read_progress
    """Understands a line of what it says."""


class Lane:
    """Runs what ``choose`` returns, and asks again whenever ``changed`` is notified.

    changed: its lock is held where ``choose`` is called. asks_every_s: in any case.
    """

    def __init__(
        self,
        name: str,
        changed: threading.Condition,
        choose: Callable[[], Work | None],
        asks_every_s: float = 2.0,
    ) -> None:
        self._changed, self._choose, self._asks_every_s = changed, choose, asks_every_s
        self._running: tuple[Work, Program] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self, belongs: Callable[[str], bool]) -> None:
        """End the program that runs if its key ``belongs``, and wait for that.

        Not with the lock held. ``end`` is told of it like of any end.
        """
        with self._changed:
            running = self._running
        if running is None or not belongs(running[0].key):
            return
        running[1].stop()
        with self._changed:
            self._changed.wait_for(lambda: self._running is not running, 10.0)

    def begin_close(self) -> None:
        """Tell what runs to end, and begin nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            if self._running:
                self._running[1].begin_stop()

    def close(self) -> None:
        """End what runs, and wait for that."""
        self.begin_close()
        self.stop(lambda _: True)
        self._thread.join(5.0)

    def _run(self) -> None:
        while (begun := self._begin()) is not None:
            work, program = begun
            outcome = program.follow(partial(self._tell, work), work.read)
            with self._changed:
                self._running = None
                work.end(outcome)
                self._changed.notify_all()

    def _begin(self) -> tuple[Work, Program] | None:
        with self._changed:
            while not self._closed:
                work = self._choose()
                if work is None:
                    self._changed.wait(self._asks_every_s)
                    continue
                try:
                    self._running = work, Program(work.command)
                    return self._running
                except OSError as error:
                    work.end(Outcome(UNFORESEEN, [f"error: cannot be started ({error})."], ""))
            return None

    def _tell(self, work: Work, progress: Progress) -> None:
        with self._changed:
            work.tell(progress)
