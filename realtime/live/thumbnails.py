"""Small paintings of the current frame, one per style, for the strip and the contact sheet.

Painted on a thread of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from engines import Engine, ModelFile
from engines.errors import EngineError
from engines.opening import open_alike
from realtime.frame import Frame, LiveFrame
from realtime.live.engine_sizes import Size
from realtime.look import BRUSH_RANGE, Look
from realtime.picture.resample import Scaler
from realtime.picture.sizes import network_size
from realtime.stylizer import Stylizer


def read_shipped(model: ModelFile) -> dict[str, np.ndarray]:
    """Return the small pictures that lie beside ``model``, (h, w, 3) uint8 RGB by style."""
    found = {name: model.thumbnail_path(name) for name in model.style_names}
    return {
        name: np.asarray(Image.open(path).convert("RGB")) for name, path in found.items() if path
    }


class Thumbnails:
    """Paints the styles that are wanted, round and round, from the newest frame.

    ``want`` and ``look_at`` may be called from any thread and return at once. Nothing runs while
    nothing is wanted, and the engine is opened when first needed. ``share``: of the time, at most,
    that is spent on thumbnails; the rest belongs to the big picture. ``model_now``: gives the
    engine's model with the styles that there are by now; absent: they stay the engine's own.
    """

    def __init__(
        self,
        engine: Engine,
        open_for: Callable[[Engine, Size], Engine] = open_alike,
        share: float = 0.3,
        shipped: dict[str, np.ndarray] | None = None,
        model_now: Callable[[], ModelFile] | None = None,
    ) -> None:
        self.pictures = shipped or {}
        """Style -> (h, w, 3) uint8 RGB, in the broadest brush: small, it still shows strokes.

        Until a style has been painted, what is ``shipped`` with it.
        """
        self.version = 0
        """Counts the changes of ``pictures``."""
        self.failure: str | None = None
        """Why there are none."""
        self._like, self._open_for, self._share = engine, open_for, share
        self._model_now = model_now or (lambda: engine.model)
        self._changed = threading.Condition()
        self._frame: LiveFrame | None = None
        self._first = 0
        self._styles: tuple[str, ...] = ()
        self._closed = False
        self._thread: threading.Thread | None = None

    def want(self, styles: tuple[str, ...]) -> None:
        """Paint these styles from now on; none to rest."""
        with self._changed:
            if styles != self._styles:
                self._styles = styles
                self._changed.notify()
            if styles and self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="thumbnails", daemon=True)
                self._thread.start()

    def look_at(self, frame: LiveFrame) -> None:
        """Paint from this frame from now on."""
        with self._changed:
            if frame.index >= self._first:
                self._frame = frame
                self._changed.notify()

    def forget(self, before: int) -> None:
        """Drop all pictures of frames numbered below ``before``, also one that is being painted."""
        with self._changed:
            self._frame, self._first, self.pictures = None, before, {}
            self.version += 1

    def close(self) -> None:
        """Stop, waiting at most two seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join(2.0)

    def _run(self) -> None:
        try:
            self._paint_all()
        except EngineError as error:  # the big picture goes on without them
            self.failure = str(error)

    def _paint_all(self) -> None:
        scaler, turn = Scaler(), 0
        stylizer: Stylizer | None = None
        try:
            while (job := self._take_next(turn)) is not None:
                started_s = time.monotonic()
                frame, style = job
                size = network_size(frame.size, BRUSH_RANGE[1])
                if stylizer is None:
                    engine = self._open_for(self._like, size)
                    stylizer = Stylizer(
                        engine, Look(((style, 1.0),)), size, model=self._model_now()
                    )
                stylizer.model = self._model_now()
                stylizer.set_inference_size(size)
                # Without noise reduction: its frames lie seconds apart.
                stylizer.set_look(Look(((style, 1.0),), denoise=False))
                small = Frame(scaler.resize(frame.pixels, size), frame.index)
                self._keep(frame, style, stylizer.stylize(small, 0.0))
                turn += 1
                self._rest((time.monotonic() - started_s) * (1 - self._share) / self._share)
        finally:
            if stylizer:
                stylizer.engine.close()

    def _keep(self, frame: LiveFrame, style: str, picture: np.ndarray) -> None:
        with self._changed:
            if frame.index >= self._first:
                self.pictures = {**self.pictures, style: picture}
                self.version += 1

    def _take_next(self, turn: int) -> tuple[LiveFrame, str] | None:
        with self._changed:
            while not self._closed:
                if self._styles and self._frame is not None:
                    return self._frame, self._styles[turn % len(self._styles)]
                self._changed.wait()
            return None

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)
