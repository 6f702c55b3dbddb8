"""Small paintings of the current frame, one per style, for the strip and the contact sheet.

Painted on a thread of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from engines import Engine, Models
from engines.errors import EngineError
from engines.opening import open_alike
from realtime.frame import Frame, LiveFrame
from realtime.live.engine_sizes import KEEP, OpenFor
from realtime.look import BRUSH_RANGE, Look
from realtime.picture.resample import Scaler
from realtime.picture.sizes import network_size
from realtime.stylizer import Stylizer


def read_shipped(models: Models) -> dict[str, np.ndarray]:
    """Return the small pictures that lie beside ``models``, (h, w, 3) uint8 RGB by style."""
    found = {name: models.model_of([name]).thumbnail_path(name) for name in models.style_names}
    return {
        name: np.asarray(Image.open(path).convert("RGB")) for name, path in found.items() if path
    }


class Thumbnails:
    """Paints the styles that are wanted, round and round, from the newest frame.

    ``want`` and ``look_at`` may be called from any thread and return at once. Nothing runs while
    nothing is wanted, and the engine of a model is opened when first needed. ``share``: of the
    time, at most, that is spent on thumbnails; the rest belongs to the big picture.
    ``models_now``: gives the models with the styles that there are by now; absent: they stay the
    engine's own.
    """

    def __init__(
        self,
        engine: Engine,
        open_for: OpenFor = open_alike,
        share: float = 0.3,
        shipped: dict[str, np.ndarray] | None = None,
        models_now: Callable[[], Models] | None = None,
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
        self._models_now = models_now or (lambda: Models((engine.model,)))
        self._changed = threading.Condition()
        self._frame: LiveFrame | None = None
        self._first, self._scaler = 0, Scaler()
        self._given_up: set[str] = set()
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
        turn, kept = 0, dict[Path, Stylizer]()
        try:
            while (job := self._take_next(turn)) is not None:
                frame, style = job
                started_s = time.monotonic()
                try:
                    self._paint(frame, style, kept)
                except EngineError as error:  # the big picture and the other styles go on
                    self.failure, self._given_up = str(error), {*self._given_up, style}
                turn += 1
                self._rest((time.monotonic() - started_s) * (1 - self._share) / self._share)
        finally:
            for stylizer in kept.values():
                stylizer.engine.close()

    def _paint(self, frame: LiveFrame, style: str, kept: dict[Path, Stylizer]) -> None:
        """Paint one picture with what is ``kept`` for the model of ``style``, or opened now."""
        size, models = network_size(frame.size, BRUSH_RANGE[1]), self._models_now()
        # Without noise reduction: its frames lie seconds apart.
        model, look = models.model_of([style]), Look(((style, 1.0),), denoise=False)
        stylizer = kept.pop(model.path, None)
        if stylizer is None:
            engine = self._open_for(self._like, size, model)
            stylizer = Stylizer(engine, look, size, models=models)
        kept[model.path] = stylizer
        if len(kept) > KEEP:
            kept.pop(next(iter(kept))).engine.close()
        stylizer.models = models
        stylizer.set_inference_size(size)
        stylizer.set_look(look)
        small = Frame(self._scaler.resize(frame.pixels, size), frame.index)
        self._keep(frame, style, stylizer.stylize(small, 0.0))

    def _keep(self, frame: LiveFrame, style: str, picture: np.ndarray) -> None:
        with self._changed:
            if frame.index >= self._first:
                self.pictures = {**self.pictures, style: picture}
                self.version += 1

    def _take_next(self, turn: int) -> tuple[LiveFrame, str] | None:
        with self._changed:
            while not self._closed:
                styles = [style for style in self._styles if style not in self._given_up]
                # First those that nothing ships for, such as one's own.
                unseen = [style for style in styles if style not in self.pictures]
                if styles and self._frame is not None:
                    return self._frame, unseen[0] if unseen else styles[turn % len(styles)]
                self._changed.wait()
            return None

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)
