"""The first seconds: a window at once, and the engine opened while the camera wakes up."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from engines import Engine
from realtime.live.engine_sizes import Size
from realtime.live.live_sink import LiveSink

_GREY = 40
_DRAWN = 3  # times: the first may come before the window is laid out


def show_start(sink: LiveSink, text: str) -> None:
    """Show what is waited for, where somebody looks."""
    for _ in range(_DRAWN):
        if (size := sink.view_size) is None:
            return
        from realtime.live.hud import Hud

        view = np.full((*size, 3), _GREY, np.uint8)
        Hud().draw_start(view, text)
        sink.show(view)


class EngineAhead:
    """Begins to open an engine at once, for frames of ``expected`` (height, width).

    With None it waits until it is asked. ``get`` hands the engine out, and from then on it belongs
    to the caller.
    """

    def __init__(self, open_for: Callable[[Size], Engine], expected: Size | None) -> None:
        self._open_for = open_for
        self._pool = ThreadPoolExecutor(1, "engine ahead")
        self._opening: Future[Engine] | None = (
            self._pool.submit(open_for, expected) if expected else None
        )

    def get(self, size: Size) -> Engine:
        """Return the engine, ready for frames of ``size`` (height, width).

        Raises the EngineError or UsageError of opening it.
        """
        if self._opening is None:
            return self._open_for(size)
        opening, self._opening = self._opening, None
        engine = opening.result()
        engine.prepare(size)
        return engine

    def close(self) -> None:
        """Close an engine that nobody asked for."""
        if self._opening is not None and self._opening.exception() is None:
            self._opening.result().close()
        self._pool.shutdown()
