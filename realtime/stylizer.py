"""Turns frames into paintings over time: scaling, cross-fades, colour, stability.

Knows frames and time, not runtimes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic

import numpy as np

from engines import Engine, ModelFile, Models
from engines.canvas import STILL, View
from realtime.frame import Frame, FrameMemory, memory_part, named_memory
from realtime.look import (
    ALPHA,
    BLUR,
    Fade,
    Layers,
    Look,
    by_model,
    layers_of,
    paint_alone,
)
from realtime.picture import noise, people, rest, steadiness
from realtime.picture.camera_motion import CameraMotion
from realtime.picture.gpu.noise import GpuNoiseReduction, GpuRecursiveMean
from realtime.picture.gpu.scaler import GpuScaler
from realtime.picture.gpu.tensors import on_host
from realtime.picture.grade import FRAMES_REMEMBERED as GRADED_FRAMES
from realtime.picture.grade import Grade
from realtime.picture.grading import Grading
from realtime.picture.layers import (
    NO_PICTURES,
    Backdrops,
    LookPictures,
    chequers,
    cut_out,
    lay_over,
    shares,
)
from realtime.picture.network_pieces import NetworkPieces
from realtime.picture.noise import NoiseReduction, RecursiveMean
from realtime.picture.people import Masks, PeopleMasks
from realtime.picture.pixels import FrameDenoiser, FrameScaler, P
from realtime.picture.resample import Scaler
from realtime.picture.rest import PaintingAtRest
from realtime.picture.sizes import network_size, scaled
from realtime.picture.steadiness import Steadiness

if TYPE_CHECKING:
    from torch import Tensor

    from realtime.frame import Pixels


# In front of the names of what is remembered of the camera, of people, and of what is graded.
_CAMERA, _PEOPLE, _GRADE = "camera_", "people_", "grade_"
_SEEN_LINES = 240
# What jumps unless it is given seconds of its own: both were set at once before they could fade.
_AT_ONCE_S = {"canvas": 0.0, "stability": 0.0}


def frames_remembered(look: Look) -> int:
    """Return after how many frames of ``look`` paintings that began differently are nearly one."""
    of_paintings = steadiness.frames_remembered(look.stability)
    if look.denoise:
        of_paintings = max(of_paintings, noise.FRAMES_REMEMBERED) + rest.FRAMES_REMEMBERED
    return max(
        of_paintings,
        people.FRAMES_REMEMBERED if look.sees_people else 0,
        GRADED_FRAMES if look.grade else 0,
    )


def run_whole(engine: Engine) -> NetworkPieces:
    """Return what runs ``engine`` and cuts no frames into pieces."""
    return NetworkPieces(engine, by_itself=False)


@dataclass(frozen=True)
class _Tools(Generic[P]):
    """What frames of one kind of pixels are worked on with."""

    scaler: FrameScaler[P]
    noise: FrameDenoiser[P]
    rest: PaintingAtRest[P]

    def forget(self) -> None:
        """Begin anew with the next frame."""
        self.noise.reset()
        self.rest.reset()


class Stylizer:
    """Paints frames with a look that may change, and an engine for each model that paints it.

    A fade from one model to another mixes what both paint; else one engine runs.

    Call ``stylize`` and ``prepare`` from one thread; ``set_look``, ``set_inference_size`` and
    ``reset`` may come from any.

    inference_size: (height, width) at which the network runs; None lets the brush decide it.

    pieces: what runs an engine, and may cut frames for it; live none are, where each piece would
    cost time.

    pictures: those that the look may name. models: with the styles that looks may name; None: the
    engine's own.
    """

    models: Models
    """With the styles that looks may name; more may come between two looks."""
    grades: dict[str, Grade]
    """By their names, those that looks may name; more may come between two looks."""

    def __init__(
        self,
        engine: Engine,
        look: Look,
        inference_size: tuple[int, int] | None = None,
        pieces: Callable[[Engine], NetworkPieces] = run_whole,
        pictures: LookPictures = NO_PICTURES,
        models: Models | None = None,
    ) -> None:
        self.models = models or Models((engine.model,))
        layers = layers_of(look, self.models)
        self._pieces, self._networks = pieces, dict[Path, NetworkPieces]()
        self.engines = (engine,)
        self._look = look
        self._fades = {part: Fade(value, value, 0.0, 0.0) for part, value in vars(layers).items()}
        self._fixed_size = inference_size
        self._size: tuple[int, int] | None = None
        self._for_arrays: _Tools[np.ndarray] = _Tools(
            Scaler(), NoiseReduction(), PaintingAtRest(RecursiveMean())
        )
        self._for_tensors: _Tools[Tensor] = _Tools(
            GpuScaler(), GpuNoiseReduction(), PaintingAtRest(GpuRecursiveMean())
        )
        self._steadiness = Steadiness()
        self._camera = CameraMotion()
        self.pictures, self._people = pictures, PeopleMasks(pictures.mask)
        self._backdrops, self._grading = Backdrops(pictures.backdrop), Grading()
        self.cutout: np.ndarray | None = None
        """The newest painting, (H, W, 4) uint8 RGB and alpha, where nothing is behind people."""
        self.grades = {} if pictures.grade is None else {pictures.grade.name: pictures.grade}

    @property
    def engines(self) -> tuple[Engine, ...]:
        """What runs the networks, one for each model that is painted with.

        Others may take their place between two frames.
        """
        return tuple(network.engine for network in self._networks.values())

    @engines.setter
    def engines(self, engines: Iterable[Engine]) -> None:
        self._networks = {engine.model.path: self._pieces(engine) for engine in engines}

    @property
    def network(self) -> NetworkPieces:
        """What runs the network of the look; of one that no network paints, the first."""
        paths = [model.path for model in self._layers_at(math.inf).painted_by(self.models)]
        return self._networks.get(paths[0] if paths else Path()) or next(
            iter(self._networks.values())
        )

    @property
    def engine(self) -> Engine:
        """The engine of ``network``."""
        return self.network.engine

    @property
    def look(self) -> Look:
        """The look that is set; during a fade, the one that it fades to."""
        return self._look

    @property
    def inference_size(self) -> tuple[int, int] | None:
        """(height, width) at which the network ran last, or was prepared for; None before that."""
        return self._size

    @property
    def in_flight(self) -> int:
        """How many frames may be begun before the first is finished."""
        paintings = 1 if self._look.behind_mix is None else 2
        return max(1, self.engine.in_flight // paintings)

    @property
    def note(self) -> str | None:
        """What to tell the user of the frames so far; None: nothing."""
        return self._people.note

    @property
    def table(self) -> np.ndarray | None:
        """The colour table of the newest frame, as ``Grade`` has it; None: it was not graded."""
        return self._grading.table

    def close(self) -> None:
        """End the thread that looks for people, if there is one."""
        self._people.close()

    def paints_tensors(self, now_s: float) -> bool:
        """Return whether frames may lie on a GPU for all that is painted at ``now_s``.

        During a fade the look that it comes from counts, too.
        """
        layers = self._layers_at(now_s)
        return layers.is_one and not layers.grade and not layers.stability

    def set_look(
        self,
        look: Look,
        fade_s: float = 0.0,
        now_s: float = 0.0,
        own_fades_s: Mapping[str, float] | None = None,
    ) -> None:
        """Change the look.

        What changes of styles, strength, faces and grade fades over ``fade_s`` seconds from
        ``now_s`` (the clock that ``stylize`` is given), from wherever a running fade has come to;
        what does not change goes on fading. Canvas, stability, brush and colour change with the
        next frame. ``own_fades_s``: other seconds, by fields of ``Layers``.

        Raises UnknownStyle or UsageError, and changes nothing, for styles that the models lack, and
        for a mix of styles of two models.
        """
        after = vars(layers_of(look, self.models))
        lengths_s = {**dict.fromkeys(after, fade_s), **_AT_ONCE_S, **(own_fades_s or {})}
        self._fades = {
            part: fade.towards(after[part], lengths_s[part], now_s)
            for part, fade in self._fades.items()
        }
        self._look = look

    def is_fading(self, now_s: float) -> bool:
        """Return whether the look has not come to its end at ``now_s``."""
        return any(now_s < fade.end_s for fade in self._fades.values())

    def painting_models(self, now_s: float) -> list[ModelFile]:
        """Return the models that paint from ``now_s`` on: those of a fade's beginning, too."""
        painting = {
            model.path: model
            for layers in (self._layers_at(now_s), self._layers_at(math.inf))
            for model in layers.painted_by(self.models)
        }
        return list(painting.values())

    def _layers_at(self, now_s: float) -> Layers:
        return Layers(**{part: fade.at(now_s) for part, fade in self._fades.items()})

    def set_inference_size(self, size: tuple[int, int] | None) -> None:
        """Run the network at (height, width) ``size`` from the next frame on.

        None lets the brush decide again.
        """
        self._fixed_size = size

    def reset(self) -> None:
        """Forget the previous frames, at a cut or when the source changes."""
        for tools in (self._for_arrays, self._for_tensors):
            tools.forget()
        self._steadiness.reset()
        self._camera.reset()
        self._people.reset()
        if not self._look.grade_hold:
            self._grading.reset()

    def begun_state(self) -> FrameMemory:
        """Return what is carried from the frame begun last to the next one.

        With it and ``steadiness_state``, ``begin`` goes on as if nothing had been.
        """
        noise = self._for_arrays.noise.state() or self._for_tensors.noise.state()
        people = named_memory(_PEOPLE, self._people.state())
        graded = named_memory(_GRADE, self._grading.state())
        return noise | people | graded | as_camera_part(self._camera.state())

    def steadiness_state(self) -> FrameMemory:
        """Return what is carried from the frame finished last to the next one."""
        return self._steadiness.state() | (
            self._for_arrays.rest.state() or self._for_tensors.rest.state()
        )

    def plan_size(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) at which the network runs for a frame of ``frame_size``."""
        return self._fixed_size or network_size(frame_size, self._look.brush)

    def prepare(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """Specialise the engines to frames of ``frame_size``, so that the first one does not wait.

        Returns the (height, width) at which the network runs for them. Raises EngineLoadError, and
        UsageError for pieces that this network cannot be given.
        """
        size = self.plan_size(frame_size)
        if size != self._size:
            for network in self._networks.values():
                network.prepare(size)
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

        ``in_flight`` frames may be under way; finish them in order. ``state``: what to go on
        from in place of the frame before; {} is a new beginning.
        """
        layers = self._layers_at(now_s)
        masks = self._look_for_people(frame.pixels, layers, state)
        pixels = self._graded(frame.pixels, layers, masks, state)
        size = self.prepare(frame.size)
        # Frames may come to lie on a GPU, or no longer: only one kind remembers the frame before.
        if isinstance(pixels, np.ndarray):
            self._for_tensors.forget()
            return self._begin(self._for_arrays, pixels, size, layers, masks, state)
        self._for_arrays.forget()
        return self._begin(self._for_tensors, pixels, size, layers, masks, state)

    def _look_for_people(
        self, pixels: Pixels, layers: Layers, state: FrameMemory | None
    ) -> Callable[[], Masks] | None:
        """Begin to look for people in a frame, if that is asked for."""
        if layers.is_one and not (layers.grade and self._look.grades_parts):
            if self._people.state():
                self._people.reset()
            return None
        if not isinstance(pixels, np.ndarray):
            raise ValueError("people are found in arrays only")
        memory = None if state is None else memory_part(_PEOPLE, state)
        return self._people.begin(pixels, layers.face < 1, memory)

    def _graded(
        self,
        pixels: Pixels,
        layers: Layers,
        masks: Callable[[], Masks] | None,
        state: FrameMemory | None,
    ) -> Pixels:
        """Return a frame as it is painted: that is what all else takes for the original."""
        known, shares_of = self.grades, layers.grade.items()
        # In a show that is replayed, some were held up to its camera.
        grades = {known[name]: share for name, share in shares_of if share > 0 and name in known}
        if not grades:
            self._grading.leave()
            return pixels
        if not isinstance(pixels, np.ndarray):
            raise ValueError("arrays only are graded")
        look, memory = self._look, None if state is None else memory_part(_GRADE, state)
        person = masks().person if masks and look.grades_parts else None
        return self._grading.apply(pixels, grades, look.grade_hold, memory, person)

    def _begin(
        self,
        tools: _Tools[P],
        frame: P,
        size: tuple[int, int],
        layers: Layers,
        masks: Callable[[], Masks] | None,
        state: FrameMemory | None,
    ) -> Callable[[], P]:
        """Begin to paint ``frame``. size: of the network."""
        if masks is None or layers.is_one or not isinstance(frame, np.ndarray):
            return self._begin_painting(tools, frame, size, layers, state, None)
        painted = self._begin_painting(tools, frame, size, layers, state, masks)
        return lambda: self._compose(frame, painted(), masks(), layers)

    def _begin_painting(
        self,
        tools: _Tools[P],
        frame: P,
        size: tuple[int, int],
        layers: Layers,
        state: FrameMemory | None,
        masks: Callable[[], Masks] | None,
    ) -> Callable[[], P]:
        """Begin what the network paints of ``frame``.

        masks: where people are. With them it is painted at full strength, for ``_compose``.
        """
        look = self._look
        styles: list[np.ndarray] = _paintings_of(layers, self.models)
        # Of the frame itself; the network would mix in what it is given.
        share = float(layers.person[0]) if masks is None else 0.0
        if not styles:
            tools.noise.reset()
            if self._follows_camera(layers.canvas):
                small = tools.scaler.resize(frame, size)
                self._follow_camera(tools.scaler, small, layers.canvas, state)
            return lambda: self._copy_untouched(tools, frame)
        if not look.denoise:
            tools.noise.reset()
        elif state is not None:
            tools.noise.restore(state)
        small = tools.scaler.resize(frame, size)
        view = self._follow_camera(tools.scaler, small, layers.canvas, state)
        quiet = tools.noise.reduce(small) if look.denoise else small
        gains = tools.noise.gains
        made_with = np.array([*np.concatenate(styles), layers.canvas, look.canvas_seed])
        begin = partial(self._start_one, quiet, view, layers.canvas, len(styles))
        painted = [self._start(tools.scaler, style, begin) for style in styles]

        def finish() -> P:
            self.cutout = None
            painting = painted[0]()
            if len(painted) > 1 and masks is not None:
                painting = self._join(painting, painted[1](), masks(), layers)
            if layers.stability > 0:
                painting = self._apply_stability(tools, quiet, painting, layers.stability, state)
            else:
                self._steadiness.reset()
            if look.denoise:
                if state is not None:
                    tools.rest.restore(state)
                painting = tools.rest.hold(painting, gains, made_with)
            else:
                tools.rest.reset()
            shown = _bring_up(tools.scaler, frame, small, painting, look.keep_color, share)
            # What is remembered is not given away.
            return copy.deepcopy(shown) if shown is painting else shown

        return finish

    def _start(
        self,
        scaler: FrameScaler[P],
        style: np.ndarray,
        begin: Callable[[ModelFile, np.ndarray], Callable[[], P]],
    ) -> Callable[[], P]:
        """Begin to paint a frame in ``style``: with each model that has a share of it."""
        started = [(share, begin(model, own)) for model, share, own in by_model(style, self.models)]

        def finish() -> P:
            whole, first = started[0]
            painting = first()
            for share, other in started[1:]:
                whole += share
                painting = scaler.mix(other(), painting, share / whole)
            return painting

        return finish

    def _start_one(
        self, quiet: P, view: View, canvas: float, count: int, model: ModelFile, style: np.ndarray
    ) -> Callable[[], P]:
        """Begin one model's painting of a frame, of ``count`` at most. canvas: how rough it is."""
        network, size = self._networks[model.path], (quiet.shape[0], quiet.shape[1])
        drawn = self._draw_canvas(network.engine.model, size, view, style, canvas)
        started = network.start(quiet, style, drawn)
        if network.engine.in_flight >= count:
            return started
        painting = started()  # the engine takes no second one before
        return lambda: painting

    def _join(self, person: P, behind: P, masks: Masks, layers: Layers) -> P:
        """Return ``person`` over ``behind``, paintings of one frame at the network's size.

        The share of each is what ``_compose`` will take of it.
        """
        if not isinstance(person, np.ndarray) or not isinstance(behind, np.ndarray):
            raise ValueError("people are found in arrays only")
        mask = self._for_arrays.scaler.resize(masks.person, (person.shape[0], person.shape[1]))
        of_person, of_behind = layers.painted
        return lay_over(behind, person, shares(mask, 0, 1, of_behind, of_person))

    def _compose(
        self, frame: np.ndarray, painting: np.ndarray, masks: Masks, layers: Layers
    ) -> np.ndarray:
        """Return ``painting`` over ``frame`` where the layers say so, and what is behind people."""
        of_person, of_behind = layers.painted
        share = shares(masks.person, of_behind, of_person)
        if masks.face is not None:
            share -= np.minimum(share, shares(masks.face, 0, of_person * (1 - layers.face)))
        result = lay_over(frame, painting, share)
        if layers.backdrop == 0:
            return result
        behind, color = self._look.behind, self._look.behind_color
        share = shares(masks.person, layers.backdrop, 0)
        if behind == ALPHA:
            self.cutout = cut_out(result, share)
            return lay_over(result, chequers(frame.shape[:2]), share)
        backdrop = self._backdrops.behind(frame, masks.person, behind == BLUR, color)
        return lay_over(result, backdrop, share)

    def _follow_camera(
        self, scaler: FrameScaler[P], small: P, canvas: float, state: FrameMemory | None
    ) -> View:
        """Return where the camera has gone with the frame ``small``, at the network's size.

        It is followed while the original is shown, too.
        """
        if not self._follows_camera(canvas):
            return STILL
        if state is not None:
            self._camera.restore(camera_part(state))
        size = (small.shape[0], small.shape[1])
        # A frame on a GPU is made small there: this is about all that comes down of it.
        seen = small if isinstance(small, np.ndarray) else scaler.resize(small, _seen_size(size))
        (a, b, c), (d, e, f) = self._camera.follow(on_host(seen)).tolist()
        return (a, b, c), (d, e, f)

    def _follows_camera(self, canvas: float) -> bool:
        return any(follows_camera(canvas, engine.model) for engine in self.engines)

    def _draw_canvas(
        self,
        model: ModelFile,
        size: tuple[int, int],
        view: View,
        style: np.ndarray,
        strength: float,
    ) -> np.ndarray | None:
        """Return the canvas of a frame of (height, width) ``size``, (C, h, w) fp32.

        None for a model that takes none. strength: how rough it is.
        """
        canvas, seed = model.canvas, self._look.canvas_seed
        if canvas is None:
            return None
        drawn: np.ndarray = canvas.draw(size, style[None], seed, view, strength)[0]
        return drawn

    def _copy_untouched(self, tools: _Tools[P], frame: P) -> P:
        self.cutout = None
        self._steadiness.reset()
        tools.rest.reset()
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


def follows_camera(canvas: float, model: ModelFile) -> bool:
    """Return whether there is a canvas that is carried along with the camera. canvas: how rough."""
    return model.canvas is not None and canvas > 0


def camera_part(state: FrameMemory) -> FrameMemory:
    """Return what of ``Stylizer.begun_state`` is the camera's."""
    return memory_part(_CAMERA, state)


def as_camera_part(state: FrameMemory) -> FrameMemory:
    """Return the state of a ``CameraMotion`` as ``Stylizer.begin`` takes it."""
    return named_memory(_CAMERA, state)


def _paintings_of(layers: Layers, models: Models) -> list[np.ndarray]:
    """Return the style vectors to paint a frame in, without the frame's own share.

    None where the frame alone is seen; two where people are painted otherwise than what is behind.
    """
    # Of full strength: a strength that fades changes nothing of what the network is given.
    seen = [(layers.person_style, layers.person)]
    if not np.array_equal(layers.person, layers.behind):
        seen.append((layers.behind_style, layers.behind))
    return [paint_alone(style, models) for style, shown in seen if shown[0] < 1]


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
