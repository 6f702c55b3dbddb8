"""One engine per inference size, opened on a background thread.

So the picture never waits for a new size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from engines import Engine
from engines.opening import open_alike

Size = tuple[int, int]  # (height, width)
KEEP = 4


class EngineSizes:
    """Hands out engines by (height, width).

    ``get`` and ``close`` are called from the thread that runs the engines. The engine given at the
    start is closed by ``close`` like the others; beyond ``KEEP`` the one unused longest is closed.

    Where that engine offers a ``better`` one, it is opened on the background thread first of all.
    From then on ``get`` hands out engines of the better kind; the others are closed when the first
    of these is taken.
    """

    def __init__(
        self, engine: Engine, size: Size, open_for: Callable[[Engine, Size], Engine] = open_alike
    ) -> None:
        self.first_size = size
        self._first, self._open_for = engine, open_for
        self._ready: dict[Size, Engine] = {size: engine}  # in the order of use
        self._changed = threading.Condition()
        self._wanted: list[Size] = []
        self._failure: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        """Why the better engine could not be opened, None if it could."""
        self.replaces = False
        """Whether engines of the better kind wait to be taken."""
        self._better, self._replaced = engine.better, list[Engine]()
        if self._better is not None:
            with self._changed:
                self._wake()

    def get(self, size: Size) -> Engine | None:
        """Return the engine for ``size``, or None while it is being opened.

        A size that is asked for the first time is opened from now on. Raises the EngineError with
        which opening it failed.
        """
        with self._changed:
            if self._failure:
                raise self._failure
            engine = self._ready.pop(size, None)
            if engine is None:
                self._want(size)
                return None
            self._ready[size] = engine
            surplus = [self._ready.pop(old) for old in list(self._ready)[:-KEEP]] + self._replaced
            self._replaced, self.replaces = [], False
        for old in surplus:
            old.close()
        return engine

    @property
    def opening(self) -> bool:
        """Whether an engine for another size is being opened, which slows the one that runs."""
        with self._changed:
            return bool(self._wanted)

    def prefetch(self, sizes: list[Size]) -> None:
        """Open engines for ``sizes`` when there is nothing more urgent to open."""
        with self._changed:
            missing = [
                size for size in sizes if size not in self._ready and size not in self._wanted
            ]
            if missing:
                self._wanted = [*missing[::-1], *self._wanted]
                self._wake()

    def close(self) -> None:
        """Close every engine; one that is still being opened is closed by its thread.

        A build is stopped and waited for: it calls Python from threads of its own, which at the end
        of the program would abort it.
        """
        self._first.options.cancel.ask()
        with self._changed:
            self._closed = True
            self._changed.notify()
            engines, self._ready = [*self._ready.values(), *self._replaced], {}
            self._replaced = []
        for engine in engines:
            engine.close()
        if self._thread:
            self._thread.join()

    def _want(self, size: Size) -> None:
        if self._wanted[-1:] != [size]:
            # The newest wish is the last.
            self._wanted = [*(other for other in self._wanted if other != size), size][-KEEP:]
            self._wake()

    def _wake(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._open_wanted, name="engine sizes", daemon=True
            )
            self._thread.start()
        self._changed.notify()

    def _open_better(self, better: Callable[[Size], Engine]) -> None:
        """Open the better engine at the first size; it takes the place of all that are open."""
        try:
            engine = better(self.first_size)
        except Exception as error:  # noqa: BLE001 (a runtime may raise anything: the old one goes on)
            self.problem = str(error)
            return
        with self._changed:
            if not self._closed:
                self._replaced, self._ready = list(self._ready.values()), {self.first_size: engine}
                self._first, self.replaces = engine, True
                return
        engine.close()

    def _open_wanted(self) -> None:
        if self._better is not None:
            self._open_better(self._better)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    return
                size = self._wanted[-1]
            try:
                engine = self._open_for(self._first, size)
            except Exception as error:  # noqa: BLE001 (raised by ``get``, in the thread that asks)
                with self._changed:
                    self._failure = error
                return
            with self._changed:
                if size in self._wanted:
                    self._wanted.remove(size)
                if not self._closed:
                    self._ready[size] = engine
                    continue
            engine.close()
            return
