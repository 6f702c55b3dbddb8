"""Words that stand for something, for a short while: for what cannot send a header."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Generic, TypeVar

from realtime.timing import Clock

_MOST = 256

T = TypeVar("T")


class Tickets(Generic[T]):
    """Issues words that are good for ``lasts_s``, from any thread."""

    def __init__(self, lasts_s: float, clock: Clock = time.monotonic) -> None:
        self._lasts_s, self._clock = lasts_s, clock
        self._issued: dict[str, tuple[float, T]] = {}
        self._changing = threading.Lock()

    def issue(self, value: T) -> str:
        """Return a new word for ``value``; the oldest go where there are too many."""
        with self._changing:
            ticket = secrets.token_urlsafe(18)
            self._issued[ticket] = self._clock() + self._lasts_s, value
            while len(self._issued) > _MOST:
                del self._issued[next(iter(self._issued))]
            return ticket

    def look(self, ticket: str) -> T | None:
        """Return what the word stands for; None for one that is none, or has run out."""
        with self._changing:
            until_s, value = self._issued.get(ticket, (float("-inf"), None))
            return value if self._clock() < until_s else None

    def take(self, ticket: str) -> T | None:
        """Do as ``look``, once."""
        value = self.look(ticket)
        with self._changing:
            self._issued.pop(ticket, None)
        return value
