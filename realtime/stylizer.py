"""Turns frames into paintings over time: scaling, cross-fades, colour, steadiness.

Knows frames and time, not runtimes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from engines import Engine
from engines.base import Pending
from realtime.frame import Frame, FrameMemory
from realtime.look import Look, style_vector
from realtime.picture import steadiness
from realtime.picture.gpu.noise import GpuNoiseReduction
from realtime.picture.gpu.scaler import GpuScaler
from realtime.picture.network_pieces import NetworkPieces
from realtime.picture.noise import FRAMES_REMEMBERED, NoiseReduction
from realtime.picture.resample import Scaler
from realtime.picture.sizes import network_size
from realtime.picture.steadiness import Steadiness


def frames_remembered(look: Look) -> int:
    """After so many frames of ``look`` two paintings that began differently are nearly one."""
    return max(
        steadiness.frames_remembered(look.stability), FRAMES_REMEMBERED if look.denoise else 0
    )


@dataclass(frozen=True)
class _Fade:
    """From one style vector to another, beginning at ``start_s`` on the caller's clock."""

    before: np.ndarray
    after: np.ndarray
    start_s: float
    length_s: float

    def at(self, now_s: float) -> np.ndarray:
        if self.length_s <= 0:
            return self.after
        t = min(1.0, max(0.0, (now_s - self.start_s) / self.length_s))
        smooth = np.float32(t * t * (3 - 2 * t))  # smoothstep: no jump in speed at either end
        return self.before + smooth * (self.after - self.before)


class Stylizer:
    """Paints frames with one engine and a look that may change.

    Call ``stylize`` and ``prepare`` from one thread; ``set_look``, ``set_inference_size`` and
    ``reset`` may come from any.

    ``inference_size`` (height, width) fixes the size at which the network runs; None lets the brush
    decide it. ``tiles``: runs the engine where frames may be cut into pieces; None: they are not,
    as live, where each piece would cost time.
    """

    def __init__(
        self,
        engine: Engine,
        look: Look,
        inference_size: tuple[int, int] | None = None,
        tiles: NetworkPieces | None = None,
    ) -> None:
        vector = style_vector(look, engine.model)
        self.network = tiles or NetworkPieces(engine, by_itself=False)
        self._look = look
        self._fade = _Fade(vector, vector, 0.0, 0.0)
        self._fixed_size = inference_size
        self._scaler: Scaler | GpuScaler = Scaler()
        self._noise: NoiseReduction | GpuNoiseReduction = NoiseReduction()
        self._steadiness: Steadiness | None = (
            None  # made when it is first asked for: it needs OpenCV
        )
        self._size: tuple[int, int] | None = None

    @property
    def engine(self) -> Engine:
        """What runs the network; another one of the same model may take its place between two
        frames.
        """
        return self.network.engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self.network.engine = engine

    @property
    def look(self) -> Look:
        """The look that is set; during a fade, the one that it fades to."""
        return self._look

    @property
    def inference_size(self) -> tuple[int, int] | None:
        """(height, width) at which the network ran last, or was prepared for; None before either."""
        return self._size

    def set_look(self, look: Look, fade_s: float = 0.0, now_s: float = 0.0) -> None:
        """Change the look.

        Styles and strength fade over ``fade_s`` seconds from ``now_s`` (the clock that ``stylize``
        is given), from wherever a running fade has come to; brush, colour and stability change with
        the next frame.

        Raises UnknownStyle, and changes nothing, if the engine's model lacks a style.
        """
        after = style_vector(look, self.engine.model)
        self._fade = _Fade(self._fade.at(now_s), after, now_s, fade_s)
        self._look = look

    def set_inference_size(self, size: tuple[int, int] | None) -> None:
        """Run the network at (height, width) from the next frame on; None lets the brush decide
        again.
        """
        self._fixed_size = size

    def reset(self) -> None:
        """Forget the previous frames, at a cut or when the source changes."""
        self._noise.reset()
        if self._steadiness:
            self._steadiness.reset()

    def noise_state(self) -> FrameMemory:
        """What is carried from the frame begun last to the next one.

        With it and ``steadiness_state``, ``begin`` goes on as if nothing had been.
        """
        return self._noise.state()

    def steadiness_state(self) -> FrameMemory:
        """What is carried from the frame finished last to the next one."""
        return self._steadiness.state() if self._steadiness else {}

    def plan_size(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) at which the network runs for a frame of ``frame_size``."""
        return self._fixed_size or network_size(frame_size, self._look.brush)

    def prepare(self, frame_size: tuple[int, int]) -> None:
        """Specialise the engine to frames of ``frame_size``, so that the first one does not wait.

        Raises EngineLoadError, and UsageError for pieces that this network cannot be given.
        """
        size = self.plan_size(frame_size)
        if size != self._size:
            self.network.prepare(size)
            self._size = size

    def stylize(self, frame: Frame, now_s: float) -> np.ndarray:
        """The painting of ``frame``: (H, W, 3) uint8 RGB of the frame's size, owned by the caller.

        ``now_s`` is any clock that runs forward, the one used in ``set_look``. At strength 0 the
        engine is not asked and the frame comes back bit for bit. Raises EngineRunError.
        """
        return self.begin(frame, now_s)()

    def begin(self, frame: Frame, now_s: float, state: FrameMemory | None = None) -> Pending:
        """Begin ``stylize`` and return what finishes it.

        ``engine.in_flight`` frames may be under way; finish them in order. ``state``: what to go on
        from in place of the frame before; {} is a new beginning.
        """
        look, style = self._look, self._fade.at(now_s)
        self.prepare(frame.size)
        self._fit_to(frame)
        untouched = style[0] >= 1.0
        if untouched or not look.denoise:
            self._noise.reset()
        elif state is not None:
            self._noise.restore(state)
        if untouched:
            return lambda: self._untouched(frame)
        share = float(
            style[0]
        )  # of the original: the network would mix in what it is given, which is not the frame itself
        style = np.concatenate([[0.0], style[1:] / style[1:].sum()]).astype(np.float32)
        small = self._scaler.resize(frame.pixels, self._size)
        quiet = self._noise.reduce(small) if look.denoise else small
        painted, scaler = self.network.start(quiet, style), self._scaler
        return lambda: _finish(
            scaler, frame, small, self._held(quiet, painted(), look, state), look, share
        )

    def _fit_to(self, frame: Frame) -> None:
        """Frames may come to live on a card."""
        on_host = isinstance(frame.pixels, np.ndarray)
        if isinstance(self._scaler, Scaler) != on_host:
            self._scaler = Scaler() if on_host else GpuScaler()
            self._noise = NoiseReduction() if on_host else GpuNoiseReduction()

    def _untouched(self, frame: Frame) -> np.ndarray:
        if self._steadiness:
            self._steadiness.reset()
        return copy.deepcopy(frame.pixels)

    def _held(
        self, frame: np.ndarray, painting: np.ndarray, look: Look, state: FrameMemory | None
    ) -> np.ndarray:
        """``painting`` as steady as ``look`` wants it."""
        if look.stability == 0:
            if self._steadiness:
                self._steadiness.reset()
            return painting
        self._steadiness = self._steadiness or Steadiness()
        if state is not None:
            self._steadiness.restore(state)
        return self._steadiness.hold(frame, painting, look.stability)


def _finish(
    scaler: Scaler | GpuScaler,
    frame: Frame,
    small: np.ndarray,
    painting: np.ndarray,
    look: Look,
    share: float,
) -> np.ndarray:
    """From the network's painting of ``small`` to that of ``frame``. share: of the original."""
    if small.shape[0] < frame.size[0] or small.shape[1] < frame.size[1]:
        painting = scaler.guided_upsample(painting, frame.pixels, small)
    else:
        painting = scaler.resize(painting, frame.size)
    if share > 0:
        painting = scaler.mix(frame.pixels, painting, share)
    return scaler.with_colors_of(frame.pixels, painting) if look.keep_color else painting
