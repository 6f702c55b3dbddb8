"""Connections that ask for nothing are closed, so that they keep nobody out."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_S = 5.0
MOST_CONNECTIONS = 64


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that waits ``REQUEST_S`` for each whole request, body included.

    Of more than ``MOST_CONNECTIONS``, that one is closed which has waited longest; the new one if
    none waits.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.since_s = self.loop.time()
        """Since when it waits, on the loop's clock, if it does."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room, and begin to wait."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            others = (c for c in self.connections if isinstance(c, ImpatientProtocol) and c.waits)
            min(others, key=lambda other: other.since_s, default=self).transport.abort()
        self._check()

    def on_response_complete(self) -> None:
        """Wait for the next request from now on."""
        self.since_s = self.loop.time()
        super().on_response_complete()

    @property
    def waits(self) -> bool:
        """Whether it is open, and no whole request is there that would have to be answered."""
        cycle = self.cycle
        is_answering = cycle is not None and not (cycle.more_body or cycle.response_complete)
        return not (is_answering or self.transport.is_closing())

    def _check(self) -> None:
        if self.transport.is_closing():
            return
        left_s = self.since_s + REQUEST_S - self.loop.time()
        if self.waits and left_s <= 0:
            self.transport.abort()
        else:
            self.loop.call_later(max(left_s, 1.0), self._check)


def allow_many_files() -> None:
    """Let this process open as many files as the system lets it: connections are files, too."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
