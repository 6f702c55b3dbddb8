"""One engine per model and inference size, opened on a background thread.

So the picture never waits for a new size, nor for a style of another model.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engines import Engine, ModelFile
from engines.opening import open_alike

Size = tuple[int, int]  # (height, width)
OpenFor = Callable[[Engine, Size, ModelFile], Engine]
"""Opens an engine like another one."""
KEEP = 4
_Key = tuple[Path, Size]


class EngineSizes:
    """Hands out engines by model and (height, width).

    ``get`` and ``close`` are called from the thread that runs the engines. Those given at the
    start are closed by ``close`` like the others; beyond ``KEEP`` the one unused longest is closed.
    All are like the first of them.

    Where that one offers a ``better`` one, it is opened on the background thread first of all.
    From then on ``get`` hands out engines of the better kind; the others are closed when the first
    of these is taken.
    """

    def __init__(
        self, engines: Sequence[Engine], size: Size, open_for: OpenFor = open_alike
    ) -> None:
        self.first_size = size
        self._first, self._open_for = engines[0], open_for
        self._ready = {_key(engine.model, size): engine for engine in engines}  # in order of use
        self._changed = threading.Condition()
        self._wanted: dict[_Key, ModelFile] = {}  # the most urgent last
        self._failures: dict[_Key, Exception] = {}
        self._closed = False
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        """Why the better engine could not be opened, None if it could."""
        self.replaces = False
        """Whether engines of the better kind wait to be taken."""
        self._better, self._replaced = self._first.better, list[Engine]()
        if self._better is not None:
            with self._changed:
                self._wake()

    def get(self, size: Size, models: Sequence[ModelFile]) -> list[Engine] | None:
        """Return the engines for ``models`` at ``size``, or None while one is being opened.

        What is asked for the first time is opened from now on. Raises the EngineError with which
        opening failed, once; when it is asked for again, so it is opened.
        """
        keys = [_key(model, size) for model in models]
        with self._changed:
            if failed := [key for key in keys if key in self._failures]:
                raise self._failures.pop(failed[0])
            missing = {
                key: model
                for key, model in zip(keys, models, strict=True)
                if key not in self._ready
            }
            if missing:
                self._want(missing)
                return None
            engines = [self._ready.pop(key) for key in keys]
            self._ready |= dict(zip(keys, engines, strict=True))
            surplus = [self._ready.pop(old) for old in list(self._ready)[: -max(KEEP, len(keys))]]
            surplus += self._replaced
            self._replaced, self.replaces = [], False
        for old in surplus:
            old.close()
        return engines

    @property
    def opening(self) -> bool:
        """Whether an engine for another size is being opened, which slows the one that runs."""
        with self._changed:
            return bool(self._wanted)

    def prefetch(self, sizes: Iterable[Size], models: Iterable[ModelFile]) -> None:
        """Open engines for ``sizes`` when there is nothing more urgent to open."""
        asked = {_key(model, size): model for size in sizes for model in models}
        with self._changed:
            missing = {
                key: model
                for key, model in reversed(asked.items())
                if key not in self._ready and key not in self._wanted
            }
            if missing:
                self._wanted = missing | self._wanted
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

    def _want(self, missing: dict[_Key, ModelFile]) -> None:
        if not missing.items() <= dict(list(self._wanted.items())[-len(missing) :]).items():
            # The newest wish is the last.
            older = {key: model for key, model in self._wanted.items() if key not in missing}
            self._wanted = dict([*older.items(), *missing.items()][-KEEP:])
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
                self._replaced = list(self._ready.values())
                self._ready = {_key(engine.model, self.first_size): engine}
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
                key, model = next(reversed(self._wanted.items()))
            try:
                engine = self._open_for(self._first, key[1], model)
            except Exception as error:  # noqa: BLE001 (raised by ``get``, in the thread that asks)
                with self._changed:
                    self._failures[key] = error
                    self._wanted.pop(key, None)
                continue
            with self._changed:
                self._wanted.pop(key, None)
                if not self._closed:
                    self._ready[key] = engine
                    continue
            engine.close()
            return


def _key(model: ModelFile, size: Size) -> _Key:
    return model.path, size
