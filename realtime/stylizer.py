"""Turns frames into paintings over time: scaling, cross-fades, colour, stability.

Knows frames and time, not runtimes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

import numpy as np

from engines import Engine, ModelFile
from engines.canvas import STILL, View
from realtime.frame import Frame, FrameMemory
from realtime.look import Look, style_vector
from realtime.picture import steadiness
from realtime.picture.camera_motion import CameraMotion
from realtime.picture.gpu.noise import GpuNoiseReduction
from realtime.picture.gpu.scaler import GpuScaler
from realtime.picture.gpu.tensors import on_host
from realtime.picture.network_pieces import NetworkPieces
from realtime.picture.noise import FRAMES_REMEMBERED, NoiseReduction
from realtime.picture.pixels import FrameDenoiser, FrameScaler, P
from realtime.picture.resample import Scaler
from realtime.picture.sizes import network_size, scaled
from realtime.picture.steadiness import Steadiness

if TYPE_CHECKING:
    from torch import Tensor

    from realtime.frame import Pixels


_CAMERA = "camera_"  # in front of the names of what is remembered of the camera
_SEEN_LINES = 240


def frames_remembered(look: Look) -> int:
    """Return after how many frames of ``look`` paintings that began differently are nearly one."""
    return max(
        steadiness.frames_remembered(look.stability), FRAMES_REMEMBERED if look.denoise else 0
    )


@dataclass(frozen=True)
class _Fade:
    """From one style vector to another."""

    before: np.ndarray
    after: np.ndarray
    start_s: float
    """On the caller's clock."""
    length_s: float

    def at(self, now_s: float) -> np.ndarray:
        if self.length_s <= 0:
            return self.after
        t = min(1.0, max(0.0, (now_s - self.start_s) / self.length_s))
        smooth = np.float32(t * t * (3 - 2 * t))  # smoothstep: no jump in speed at either end
        between: np.ndarray = self.before + smooth * (self.after - self.before)
        return between


@dataclass(frozen=True)
class _Tools(Generic[P]):
    """What frames of one kind of pixels are worked on with."""

    scaler: FrameScaler[P]
    noise: FrameDenoiser[P]


class Stylizer:
    """Paints frames with one engine and a look that may change.

    Call ``stylize`` and ``prepare`` from one thread; ``set_look``, ``set_inference_size`` and
    ``reset`` may come from any.

    inference_size: (height, width) at which the network runs; None lets the brush decide it.

    pieces: runs the engine where frames may be cut into pieces; None: they are not, as live, where
    each piece would cost time.
    """

    def __init__(
        self,
        engine: Engine,
        look: Look,
        inference_size: tuple[int, int] | None = None,
        pieces: NetworkPieces | None = None,
    ) -> None:
        vector = style_vector(look, engine.model)
        self.network = pieces or NetworkPieces(engine, by_itself=False)
        self._look = look
        self._fade = _Fade(vector, vector, 0.0, 0.0)
        self._fixed_size = inference_size
        self._size: tuple[int, int] | None = None
        self._for_arrays: _Tools[np.ndarray] = _Tools(Scaler(), NoiseReduction())
        self._for_tensors: _Tools[Tensor] = _Tools(GpuScaler(), GpuNoiseReduction())
        self._steadiness = Steadiness()
        self._camera = CameraMotion()

    @property
    def engine(self) -> Engine:
        """What runs the network.

        Another one of the same model may take its place between two frames.
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
        """(height, width) at which the network ran last, or was prepared for; None before that."""
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
        """Run the network at (height, width) ``size`` from the next frame on.

        None lets the brush decide again.
        """
        self._fixed_size = size

    def reset(self) -> None:
        """Forget the previous frames, at a cut or when the source changes."""
        self._for_arrays.noise.reset()
        self._for_tensors.noise.reset()
        self._steadiness.reset()
        self._camera.reset()

    def begun_state(self) -> FrameMemory:
        """Return what is carried from the frame begun last to the next one.

        With it and ``steadiness_state``, ``begin`` goes on as if nothing had been.
        """
        noise = self._for_arrays.noise.state() or self._for_tensors.noise.state()
        return noise | as_camera_part(self._camera.state())

    def steadiness_state(self) -> FrameMemory:
        """Return what is carried from the frame finished last to the next one."""
        return self._steadiness.state()

    def plan_size(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) at which the network runs for a frame of ``frame_size``."""
        return self._fixed_size or network_size(frame_size, self._look.brush)

    def prepare(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Specialise the engine to frames of ``frame_size``, so that the first one does not wait.

        Returns the (height, width) at which the network runs for them. Raises EngineLoadError, and
        UsageError for pieces that this network cannot be given.
        """
        size = self.plan_size(frame_size)
        if size != self._size:
            self.network.prepare(size)
            self._size = size
        return size

    def stylize(self, frame: Frame, now_s: float) -> np.ndarray:
        """Return the painting of ``frame``: (H, W, 3) uint8 RGB of its size, owned by the caller.

        ``now_s`` is any clock that runs forward, the one used in ``set_look``. At strength 0 the
        engine is not asked and the frame comes back bit for bit. Raises EngineRunError.
        """
        return on_host(self.begin(frame, now_s)())

    def begin(
        self, frame: Frame, now_s: float, state: FrameMemory | None = None
    ) -> Callable[[], Pixels]:
        """Begin ``stylize`` and return what finishes it, with pixels of the frame's kind.

        ``engine.in_flight`` frames may be under way; finish them in order. ``state``: what to go on
        from in place of the frame before; {} is a new beginning.
        """
        pixels, style = frame.pixels, self._fade.at(now_s)
        size = self.prepare(frame.size)
        # Frames may come to lie on a GPU, or no longer: only one kind remembers the frame before.
        if isinstance(pixels, np.ndarray):
            self._for_tensors.noise.reset()
            return self._begin(self._for_arrays, pixels, size, style, state)
        self._for_arrays.noise.reset()
        return self._begin(self._for_tensors, pixels, size, style, state)

    def _begin(
        self,
        tools: _Tools[P],
        frame: P,
        size: tuple[int, int],
        style: np.ndarray,
        state: FrameMemory | None,
    ) -> Callable[[], P]:
        """Begin to paint ``frame``. size: of the network."""
        look = self._look
        share = float(style[0])  # of the frame itself; the network would mix in what it is given
        if share >= 1:
            tools.noise.reset()
            if follows_camera(look, self.engine.model):
                self._follow_camera(tools.scaler, tools.scaler.resize(frame, size), state)
            return lambda: self._copy_untouched(frame)
        if not look.denoise:
            tools.noise.reset()
        elif state is not None:
            tools.noise.restore(state)
        small = tools.scaler.resize(frame, size)
        view = self._follow_camera(tools.scaler, small, state)
        paintings = np.concatenate([[0.0], style[1:] / style[1:].sum()]).astype(np.float32)
        quiet = tools.noise.reduce(small) if look.denoise else small
        painted = self.network.start(quiet, paintings, self._draw_canvas(size, view, paintings))

        def finish() -> P:
            painting = painted()
            if look.stability > 0:
                painting = self._apply_stability(tools, quiet, painting, look.stability, state)
            else:
                self._steadiness.reset()
            return _bring_up(tools.scaler, frame, small, painting, look.keep_color, share)

        return finish

    def _follow_camera(self, scaler: FrameScaler[P], small: P, state: FrameMemory | None) -> View:
        """Return where the camera has gone with the frame ``small``, at the network's size.

        It is followed while the original is shown, too.
        """
        if not follows_camera(self._look, self.engine.model):
            return STILL
        if state is not None:
            self._camera.restore(camera_part(state))
        size = (small.shape[0], small.shape[1])
        # A frame on a GPU is made small there: this is about all that comes down of it.
        seen = small if isinstance(small, np.ndarray) else scaler.resize(small, _seen_size(size))
        (a, b, c), (d, e, f) = self._camera.follow(on_host(seen)).tolist()
        return (a, b, c), (d, e, f)

    def _draw_canvas(
        self, size: tuple[int, int], view: View, style: np.ndarray
    ) -> np.ndarray | None:
        """Return the canvas of a frame of (height, width) ``size``, (C, h, w) fp32.

        None for models that take none.
        """
        canvas, look = self.engine.model.canvas, self._look
        if canvas is None:
            return None
        drawn: np.ndarray = canvas.draw(size, style[None], look.canvas_seed, view, look.canvas)[0]
        return drawn

    def _copy_untouched(self, frame: P) -> P:
        self._steadiness.reset()
        return copy.deepcopy(frame)

    def _apply_stability(
        self,
        tools: _Tools[P],
        frame: P,
        painting: P,
        stability: float,
        state: FrameMemory | None,
    ) -> P:
        if state is not None:
            self._steadiness.restore(state)
        held = self._steadiness.hold(on_host(frame), on_host(painting), stability)
        return tools.scaler.from_array(held, painting)


def follows_camera(look: Look, model: ModelFile) -> bool:
    """Return whether there is a canvas that is carried along with the camera."""
    return model.canvas is not None and look.canvas > 0


def camera_part(state: FrameMemory) -> FrameMemory:
    """Return what of ``Stylizer.begun_state`` is the camera's."""
    named = {name: array for name, array in state.items() if name.startswith(_CAMERA)}
    return {name.removeprefix(_CAMERA): array for name, array in named.items()}


def as_camera_part(state: FrameMemory) -> FrameMemory:
    """Return the state of a ``CameraMotion`` as ``Stylizer.begin`` takes it."""
    return {f"{_CAMERA}{name}": array for name, array in state.items()}


def _seen_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return a (height, width) that is enough to follow the camera in."""
    return scaled(size, min(1.0, _SEEN_LINES / min(size)))


def _bring_up(
    scaler: FrameScaler[P], frame: P, small: P, painting: P, keep_color: bool, share: float
) -> P:
    """Bring the network's painting of ``small`` to ``frame``. share: of the frame itself."""
    size = (frame.shape[0], frame.shape[1])
    if small.shape[0] < size[0] or small.shape[1] < size[1]:
        painting = scaler.guided_upsample(painting, frame, small)
    else:
        painting = scaler.resize(painting, size)
    if share > 0:
        painting = scaler.mix(frame, painting, share)
    return scaler.with_colors_of(frame, painting) if keep_color else painting
