"""The painting stage of a live run.

It follows the controls, mirrors, holds a frozen frame, and changes sizes and models without a
stall.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from engines import ModelFile
from engines.errors import EngineError, ModelError
from realtime.controls.caption import words_of
from realtime.controls.curtain import Curtain
from realtime.controls.state import Fades, State
from realtime.frame import Frame, LiveFrame
from realtime.live.engine_sizes import EngineSizes
from realtime.live.quality import Quality
from realtime.look import Look, Mix, layers_of
from realtime.picture.caption import Caption
from realtime.picture.gpu.decoding import tensors_problem
from realtime.picture.gpu.tensors import on_device
from realtime.picture.sizes import network_size, scaled
from realtime.picture.veil import Veil
from realtime.stylizer import Stylizer, frames_remembered
from realtime.timing import Clock

REFINED_FADE_S = 1.0
"""To another row of the same style: it is no new picture, and shall not look like one."""


class LivePainter:
    """Paints the frames of a live run.

    Call ``choose`` and ``paint`` from one thread; the attributes may be looked at from others.
    ``fixed_size``: (height, width) of the inference at brush 1, None for 480 lines. ``sizes``
    provides the engines. ``quality`` may shrink the size.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        sizes: EngineSizes,
        fixed_size: tuple[int, int] | None = None,
        quality: Quality | None = None,
        clock: Clock = time.monotonic,
        time_of_day: Callable[[], datetime] = datetime.now,
    ) -> None:
        self.stylizer = stylizer
        self.quality = quality
        self.waiting = False
        """Whether the old size goes on while an engine for a new one is being opened."""
        self.opening: tuple[str, ...] = ()
        """The styles that are waited for while the old ones go on: of a model being opened."""
        self.refused: str | None = None
        """Why they cannot be painted; who has told it, and gone back, sets it to None."""
        self._sizes, self._clock, self._fixed_size = sizes, clock, fixed_size
        self._curtain, self._veil = Curtain(), Veil(stylizer.pictures.still)
        self._caption, self._words, self._time_of_day = Caption(), "", time_of_day
        self._held: LiveFrame | None = None
        self._followed: tuple[Look, Fades] = (stylizer.look, ())
        self._models = stylizer.models
        self._size = sizes.first_size
        self._open = _paths(engine.model for engine in stylizer.engines)
        self._refused: tuple[Mix, str] | None = None
        self._crosses = False  # whether a fade leads from one model to another
        self._mirrored = False
        # Frames since the last fade. Of a frozen picture enough are painted for what is remembered
        # to settle.
        self._settled = 0

    def choose(self, frame: LiveFrame | None, state: State) -> LiveFrame | None:
        """Return what to paint now.

        That is the new frame; or the held one while the picture is frozen and its look still moves;
        or nothing. Time goes on for the held one, and with it fades and the sound of a file.
        """
        if not state.frozen or self._held is None:
            self._held = frame or self._held
            return frame
        if frame is not None:
            self._held = replace(frame, pixels=self._held.pixels, index=self._held.index)
        moves = (state.look, state.own_fades) != self._followed
        moves = moves or state.mirror != self._mirrored or self.waiting
        moves = moves or self.stylizer.models is not self._models
        moves = moves or self._curtain.moves(state)
        moves = moves or self._words != words_of(state, self._time_of_day())
        moves = moves or self._settled <= frames_remembered(state.look)
        if not moves or frame is not None:
            return self._held if moves else None
        return replace(self._held, captured_s=self._clock())

    def paint(self, frame: LiveFrame, state: State) -> tuple[LiveFrame, np.ndarray]:
        """Return the frame as it was seen (mirrored, if asked for) and its painting.

        The controls' text lies over the painting, and both are dark as far as they say. Fades go by
        the times of the frames, so that they come out the same when the show is painted again from
        its source.
        """
        begun_s, now_s = self._clock(), frame.captured_s
        self._get_engines(frame.size, state.look, now_s)
        self._follow(state, now_s)
        frame = replace(frame, performed=state.performed)
        if state.mirror:
            frame = replace(frame, pixels=np.ascontiguousarray(frame.pixels[:, ::-1]))
        painting = self.stylizer.stylize(self._where_it_is_painted(frame, now_s), now_s)
        cutout = self.stylizer.cutout
        self._settled = 0 if self.stylizer.is_fading(now_s) else self._settled + 1
        if self.quality and not self._sizes.opening and not self._crosses:
            self.quality.note(frame, self._clock() - begun_s, self._clock())
        self._words = words_of(state, self._time_of_day())
        painting = self._caption.over(painting, self._words)
        level = self._curtain.level(state, now_s)
        if level < 1:
            frame = replace(frame, pixels=self._veil.over(frame.pixels, level))
        if cutout is not None:
            cutout = self._caption.over(cutout, self._words)
            frame = replace(frame, cutout=self._veil.over(cutout, level))
        return frame, self._veil.over(painting, level)

    @property
    def quality_scale(self) -> float:
        """Share of the full inference size that automatic quality allows now, 1 without it."""
        return self.quality.scale if self.quality else 1.0

    @property
    def engine_problem(self) -> str | None:
        """Why a better engine that was promised does not come."""
        return self._sizes.problem

    def close(self) -> None:
        """Close every engine."""
        self.stylizer.close()
        self._sizes.close()

    def _follow(self, state: State, now_s: float) -> None:
        look, before = state.look, self._followed[0]
        if self.opening or _styles(look) == self._refused:
            look = replace(look, mix=before.mix, behind=before.behind)
        models, wanted = self.stylizer.models, (look, state.own_fades)
        if wanted != self._followed or models is not self._models:
            fade_s = state.fade_s if wanted != self._followed else REFINED_FADE_S
            self.stylizer.set_look(look, fade_s, now_s, dict(state.own_fades))
            self._followed, self._models, self._settled = wanted, models, 0
        if state.mirror != self._mirrored:
            # Steadiness would hold on to the picture that was the other way round.
            self.stylizer.reset()
            self._mirrored, self._settled = state.mirror, 0

    def _where_it_is_painted(self, frame: LiveFrame, now_s: float) -> Frame:
        """Return ``frame`` on the engine's GPU, once, if all that is done with it is done there.

        Then scaling, noise reduction and bringing up cost the CPU nothing.
        """
        engine = self.stylizer.engine
        if not engine.takes_tensors or not self.stylizer.paints_tensors(now_s):
            return frame
        if tensors_problem(engine.device):
            return frame  # TensorRT runs without PyTorch, too
        return Frame(on_device(frame.pixels, engine.device), frame.index)

    def _get_engines(self, frame_size: tuple[int, int], look: Look, now_s: float) -> None:
        """Run at the size that brush and quality ask for, with the models that ``look`` asks for.

        As soon as there are engines for it; a fade has those of its beginning to its end.
        """
        full = inference_size(self._fixed_size, frame_size, look.brush)
        size = scaled(full, self.quality_scale)
        painting, needed = self.stylizer.painting_models(now_s), self._needed_for(look)
        models = list({model.path: model for model in (*painting, *needed)}.values())
        models = models or [engine.model for engine in self.stylizer.engines]
        if size != self._size or _paths(models) != self._open or self._sizes.replaces:
            self._take_engines(size, models, look)
        elif self.quality and self.quality.is_tight and not self.waiting:
            self._sizes.prefetch([scaled(full, scale) for scale in self.quality.scales], models)
        self.waiting = size != self._size
        is_open = _paths(needed) <= self._open or _styles(look) == self._refused
        self.opening = () if is_open else self._waited_for(look)
        self._crosses = not _paths(painting) <= _paths(needed)

    def _needed_for(self, look: Look) -> list[ModelFile]:
        """Return the models that ``look`` asks for, of those that could be opened."""
        if _styles(look) == self._refused:
            return []
        self._refused = None
        return layers_of(look, self.stylizer.models).painted_by(self.stylizer.models)

    def _take_engines(self, size: tuple[int, int], models: list[ModelFile], look: Look) -> None:
        """Paint with ``models`` at ``size`` from now on, if there are engines for all of that."""
        try:
            engines = self._sizes.get(size, models)
        except (EngineError, ModelError) as error:
            if _paths(models) <= self._open:
                raise
            self._refused, self.refused = _styles(look), str(error)
            return
        if engines is None:
            return
        self.stylizer.engines = engines
        if size != self._size:
            self.stylizer.set_inference_size(size)
        self._size, self._open, self._settled = size, _paths(models), 0

    def _waited_for(self, look: Look) -> tuple[str, ...]:
        """Return the styles of ``look`` that are not painted yet."""
        mix = look.mix if look.mix != self._followed[0].mix else look.behind_mix or ()
        return tuple(name for name, _ in mix)


def _styles(look: Look) -> tuple[Mix, str]:
    return look.mix, look.behind


def _paths(models: Iterable[ModelFile]) -> frozenset[Path]:
    return frozenset(model.path for model in models)


def inference_size(
    fixed: tuple[int, int] | None, frame_size: tuple[int, int], brush: float
) -> tuple[int, int]:
    """Return the (height, width) at which the network runs.

    That is ``fixed``, or 480 lines of the frame, divided by the brush.
    """
    return scaled(fixed, 1 / brush) if fixed else network_size(frame_size, brush)
