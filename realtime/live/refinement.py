"""The style of a picture trained on beside a live run, for what that films.

The picture goes on meanwhile: a process of low priority trains, a thread hears of what it finds.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.errors import LivebrushError
from engines.style_row import StyleRow
from realtime.controls.acts import leave_original
from realtime.controls.desk import Desk
from realtime.controls.state import State
from realtime.frame import LiveFrame
from realtime.live.picture_styles import PictureStyles
from realtime.media.refining import Refinable, Refining, nearer, require_training
from realtime.picture.resample import Scaler
from realtime.picture.sizes import scaled
from realtime.timing import Clock

DEFAULT_S = 60.0
_FRAMES, _EVERY_S = 8, 0.4  # of what is filmed; a few seconds of it
_FRAME_PX = 640  # of their short side: training looks at no more
_JOIN_S = 2.0


@dataclass(frozen=True)
class RefineOptions:
    """How live styles are refined."""

    seconds: float = DEFAULT_S
    """--refine: of training, once it has begun."""
    scale: float = 1.0
    """--style-scale."""
    vgg: Path | None = None
    """The weights of VGG16; None: those that were downloaded."""
    may_download: bool = False
    """Whether they may be now: a remote shall not make this machine load anything."""


class Refinement:
    """Refines what the controls ask for. Every method is called from the main thread."""

    def __init__(self, pictures: PictureStyles, options: RefineOptions, clock: Clock) -> None:
        self._pictures, self._options, self._clock = pictures, options, clock
        self._run: _Run | None = None

    @property
    def note(self) -> str:
        """What goes on, for the figures; "" while nothing does."""
        return "" if self._run is None else f"refining, {nearer(self._run.share)}"

    def look_at(self, frame: LiveFrame) -> None:
        """Train on this frame, too, if more are wanted."""
        if self._run is not None:
            self._run.look_at(frame.pixels, self._clock())

    def follow(self, desk: Desk) -> None:
        """Begin and end as the controls say, and hand over the rows that are found."""
        if self._run is None:
            if desk.state.refining:
                self._begin(desk)
        elif not desk.state.refining:
            self._end(desk, f"refining ended, {self._run.told}")
        elif self._run.name not in _painted(desk.state):
            self._end(desk, f"refining ended, another style is painted: {self._run.told}")
        else:
            self._take_found(desk, self._run)

    def close(self) -> None:
        """End it, waiting at most two seconds."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def _begin(self, desk: Desk) -> None:
        state = desk.state
        known = {name: self._pictures.picture_of(name) for name in _painted(state)}
        chosen = next(((name, read) for name, read in known.items() if read), None)
        rows = {row.style.name: row for row in self._pictures.brought}
        if chosen is None:
            kept = next((state.title(name) for name in known if name in rows), "")
            said = f"the picture of {kept} is not here" if kept else "no picture is the style"
            self._end(desk, f"refine: {said}. -s picture.jpg, the page or the camera give one")
            return
        try:
            require_training()
        except LivebrushError as error:
            self._end(desk, str(error))
            return
        name, read = chosen
        self._run = _Run(rows[name], read, self._options)
        desk.tell(
            f"refining {state.title(name)} for {self._options.seconds:g} s, beside the picture"
        )

    def _take_found(self, desk: Desk, run: _Run) -> None:
        for _ in range(run.found.qsize()):
            found = run.found.get()
            if isinstance(found, str):
                self._end(desk, found)
                return
            if found is None:
                key = desk.keymap.key_of("keep")
                self._end(desk, f"refined, {run.told}" + (f": {key} keeps it" * (run.share < 1)))
                return
            row, run.share = found
            self._pictures.improve(row)

    def _end(self, desk: Desk, text: str) -> None:
        self.close()
        if desk.state.refining:
            desk.perform("refine", False)
        desk.tell(text)


class _Run:
    """One refinement of the style of ``start``, made from the picture that ``read`` gives."""

    def __init__(
        self, start: StyleRow, read: Callable[[], np.ndarray], options: RefineOptions
    ) -> None:
        self.name, self.share = start.style.name, 1.0
        self.found: queue.SimpleQueue[tuple[StyleRow, float] | str | None] = queue.SimpleQueue()
        """Rows with their share of the loss at first; at last None, or why it could not be."""
        self._start, self._read, self._options = start, read, options
        self._frames: list[np.ndarray] = []
        self._taken_s = float("-inf")
        self._refining: Refining | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._train, name="refinement", daemon=True)

    @property
    def told(self) -> str:
        """What came of it, for people."""
        return nearer(self.share)

    def look_at(self, pixels: np.ndarray, now_s: float) -> None:
        """Train on ``pixels``, (H, W, 3) uint8 RGB; begin once there are enough."""
        if self._thread.ident is not None or now_s < self._taken_s + _EVERY_S:
            return
        self._frames.append(pixels)
        self._taken_s = now_s
        if len(self._frames) == _FRAMES:
            self._thread.start()

    def close(self) -> None:
        """End it, waiting at most two seconds."""
        self._stopped = True
        if self._refining is not None:
            self._refining.stop()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_S)

    def _train(self) -> None:
        try:
            frames = [_shrunk(pixels) for pixels in self._frames]
            options = self._options
            wanted = Refinable(
                *(self._read(), self._start, frames),
                *(options.scale, options.vgg, options.may_download),
            )
            self._refining = Refining(wanted, options.seconds, is_beside=True)
            if self._stopped:
                return
            for found in self._refining.rows():
                self.found.put(found)
            self.found.put(None)
        except LivebrushError as error:
            self.found.put(str(error))
        except Exception as error:  # noqa: BLE001 (what goes on beside the show ends here)
            self.found.put(f"the style cannot be refined ({error})")


def _painted(state: State) -> list[str]:
    """Return the styles that are painted, the heaviest first; those behind the original, too."""
    mix = leave_original(state).look.mix
    return [name for name, _ in sorted(mix, key=lambda part: -part[1])]


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    size = (pixels.shape[0], pixels.shape[1])
    return Scaler().resize(pixels, scaled(size, min(1.0, _FRAME_PX / min(size))))
