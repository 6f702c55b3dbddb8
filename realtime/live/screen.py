"""The showing stage of a live run.

It composes what is seen, draws the HUD over it, and does what the controls ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from engines.model_file import ORIGINAL
from realtime.controls.desk import Desk
from realtime.controls.film import Film
from realtime.controls.state import State
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.figures import LiveFigures
from realtime.live.hud import Figures, Hud
from realtime.live.live_sink import LiveSink
from realtime.live.live_source import LiveSource
from realtime.live.painter import LivePainter
from realtime.live.picture_styles import PictureStyles
from realtime.live.refinement import Refinement, RefineOptions
from realtime.live.snapshots import Snapshots
from realtime.live.thumbnail_view import (
    Place,
    draw_thumbnails,
    shares,
    sheet_places,
    strip_places,
)
from realtime.live.thumbnails import Thumbnails, read_shipped
from realtime.live.view import compose
from realtime.look import mix_text
from realtime.media.reading.style_pictures import read_style_picture
from realtime.timing import Clock

_TOAST_S, _LETTER_S = 1.6, 0.05  # at least; to read
_HINT_S = 15.0
_FIGURES_S = 0.33  # figures that change faster cannot be read
# Without new frames: for toasts that end, notices, a window that changes its size.
_REDRAW_S = 0.1
_SLOW_SHARE = 0.5  # of the captured frames; where fewer are shown, a broader brush is advised


@dataclass(frozen=True)
class _Shown:
    """A frame and its painting, (H, W, 3) uint8 RGB of one size."""

    frame: LiveFrame
    painting: np.ndarray


class Screen:
    """What is seen of a run. Every method is called from the main thread."""

    def __init__(
        self,
        sink: LiveSink,
        source: LiveSource,
        painter: LivePainter,
        figures: LiveFigures,
        desk: Desk,
        snapshots: Snapshots,
        outputs: Sequence[CleanSink],
        clock: Clock,
        refine: RefineOptions,
        hint: bool = False,
    ) -> None:
        self._desk = desk
        stylizer = painter.stylizer
        self._thumbnails = Thumbnails(
            stylizer.engine,
            shipped=read_shipped(stylizer.models),
            models_now=lambda: stylizer.models,
        )
        self.pictures = PictureStyles(stylizer, refine.scale)
        self._refinement = Refinement(self.pictures, refine, clock)
        self._places: list[Place] = []
        self._sink, self._source, self._painter, self._figures = sink, source, painter, figures
        self.snapshots, self._outputs, self._clock = snapshots, outputs, clock
        self._hud: Hud | None = None
        # For a newcomer, until the keys have been looked at.
        self._hint = self._compose_hint() if hint else ""
        self._hint_s: float | None = None
        self.hang: str | None = None
        """What hangs, in the words of ``LiveSource.problem``."""
        self._newest: _Shown | None = None
        self._toast, self._toast_s, self._toast_lasts_s = "", 0.0, 0.0
        self._shown_figures: Figures | None = None
        self._shown_figures_s = self._drawn_s = clock()

    def show(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Show a painting of ``frame``; when this returns it is visible."""
        self._newest = _Shown(frame, painting)
        if self.state.strip or self.state.sheet:
            self._thumbnails.look_at(frame)
        if not self.state.black:
            self._refinement.look_at(frame)
        self._draw()

    def listen(self) -> None:
        """Obey keys, mouse, remotes and timers; redraw what changes without a new frame."""
        self._source.follow(self._desk)
        before = self.state
        for key in self._sink.poll():
            self._desk.press(key)
        view_size = self._sink.view_size if self._places else None
        places = shares(self._places, view_size) if view_size else {}
        for pointer in self._sink.pointers():
            self._desk.point(pointer, places)
        self._desk.follow(self._clock())
        self._follow_pictures(before)
        self._follow_refusal()
        self._thumbnails.want(self._choose_thumbnails())
        if self.state.said_count != before.said_count and self.state.said:
            self.toast(self.state.said)
        if self.state.fullscreen != before.fullscreen:
            self._sink.set_fullscreen(self.state.fullscreen)
        if self.state.snapshots != before.snapshots and self._newest:
            frame, painting = self._newest.frame, self._newest.painting
            self.snapshots.take(frame.pixels, painting, self.state.look.label)
        for output in self._outputs:
            output.follow(self._desk)
        if self.state != before:
            self._shown_figures = None
        if self.state != before or self._clock() - self._drawn_s > _REDRAW_S:
            self._draw()

    def _follow_pictures(self, before: State) -> None:
        """Obey what the controls ask of pictures as styles since ``before``."""
        if self.state.grabs != before.grabs and self._newest:
            pixels = self._newest.frame.pixels
            if not self.pictures.bring(lambda: pixels, "camera"):
                self._desk.tell("too many pictures at once")
        if self.state.grade_grabs != before.grade_grabs and self._newest:
            seen = self._newest.frame.pixels
            if not self.pictures.bring(lambda: seen, "the camera", is_grade=True):
                self._desk.tell("too many pictures at once")
        for file in self._sink.dropped():
            if not self.pictures.bring(partial(read_style_picture, file), file.stem):
                self._desk.tell("too many pictures at once")
        if self.state.keeps != before.keeps:
            self.pictures.keep(self.state.look.style_names)
        self.pictures.follow(self._desk)
        self._refinement.follow(self._desk)

    def _follow_refusal(self) -> None:
        """Go back to what is painted where the styles that are asked for cannot be."""
        refused, self._painter.refused = self._painter.refused, None
        if refused is not None:
            look = self._painter.stylizer.look
            self._desk.perform("behind", look.behind)
            self._desk.perform("mix", mix_text(look.mix))
            self._desk.tell(refused)

    @property
    def state(self) -> State:
        """The controls as they are now."""
        return self._desk.state

    @property
    def opening(self) -> str:
        """What is told of a style whose model is being opened; "" while none is."""
        styles = self._painter.opening
        return f"opening {' + '.join(map(self.state.title, styles))}" if styles else ""

    @property
    def problem(self) -> str | None:
        """Why no paintings come now; None if they do."""
        return self.hang or self._source.problem

    def close(self) -> None:
        """Take the picture away, and finish the snapshots."""
        self._thumbnails.close()
        self._refinement.close()
        self.pictures.close()
        self._sink.close()
        self.snapshots.close()

    def toast(self, text: str) -> None:
        """Show a line for a moment, a long one for longer."""
        self._toast, self._toast_s = text, self._clock()
        self._toast_lasts_s = max(_TOAST_S, len(text) * _LETTER_S) if text else 0.0

    def _draw(self) -> None:
        self._drawn_s = self._clock()
        view_size = self._sink.view_size
        if view_size is None:
            return
        self._hud = self._hud or Hud()
        if self._newest is None:
            view = np.full((*view_size, 3), 40, np.uint8)
        else:
            view = compose(
                self._newest.frame.pixels,
                self._newest.painting,
                self.state.compare,
                view_size,
                self.state.divider,
                self.state.fill,
            )
            self._draw_thumbnails(view, self._hud, self._newest.frame.size)
        self._draw_over(view, self._hud)
        self._sink.show(view)

    def _draw_over(self, view: np.ndarray, hud: Hud) -> None:
        state, problem = self.state, self.problem
        if problem:
            hud.draw_notice(view, *(part.strip() for part in problem.split(": ", 1)))
        elif self._source.warning and not state.help:
            hud.draw_warning(view, self._source.warning)
        if state.compare != "off" and not state.help and not state.sheet:
            bottom = min((place.top for place in self._places), default=view.shape[0])
            hud.draw_labels(view[:bottom], "original", painting_name(state))
        if state.help:
            hud.draw_help(view, self._desk.keymap.help_rows(self._sink.printed_keys))
        elif state.hud != "off" and not state.sheet:
            hud.draw_figures(view, self._refresh_figures(), brief=state.hud == "short")
        if self._clock() - self._toast_s < self._toast_lasts_s:
            strip = [place.top for place in self._places if not state.sheet]
            hud.draw_toast(view, self._toast, min(strip, default=None))
        elif self._shows_hint():
            hud.draw_hint(view, self._hint)

    def _compose_hint(self) -> str:
        key = partial(self._desk.keymap.key_of, printed=self._sink.printed_keys)
        keys = {"help": " shows the keys", "slot": "-9 styles", "sheet": " all styles"}
        return "   ·   ".join(f"{key(name)}{text}" for name, text in keys.items())

    def _shows_hint(self) -> bool:
        """Tell whether the line for newcomers is due: for a while, with nothing else there."""
        if not self._hint or self._newest is None:
            return False
        self._hint_s = self._clock() if self._hint_s is None else self._hint_s
        if self.state.help or self._clock() - self._hint_s > _HINT_S:
            self._hint = ""
        return bool(self._hint) and not (self.state.sheet or self.state.strip)

    def _choose_thumbnails(self) -> tuple[str, ...]:
        """Return the styles to be seen small now; none where nobody looks or asks for them."""
        if self._sink.view_size is None:
            return ()
        if self.state.sheet:
            return self.state.styles
        return self.state.bank_styles if self.state.strip else ()

    def _draw_thumbnails(self, view: np.ndarray, hud: Hud, frame_size: tuple[int, int]) -> None:
        styles = self._choose_thumbnails()
        self._places = []
        if not styles:
            return
        place = sheet_places if self.state.sheet else strip_places
        self._places = place(styles, frame_size, view.shape[:2])
        if self.state.sheet:
            view[:] = 0
        draw_thumbnails(view, self._places, self._thumbnails.pictures, self.state.look.style_names)
        for at in self._places:
            number = self.state.styles.index(at.style) + 1
            text = (
                f"{number}  {self.state.title(at.style)}"
                if self.state.sheet
                else str(self.state.bank_styles.index(at.style) + 1)
            )
            hud.draw_name(view, at.top, at.left, at.width, text)

    def _refresh_figures(self) -> Figures:
        now_s = self._clock()
        if self._shown_figures is None or now_s - self._shown_figures_s > _FIGURES_S:
            self._shown_figures, self._shown_figures_s = self._collect_figures(), now_s
        return self._shown_figures

    def _collect_figures(self) -> Figures:
        state, figures, stylizer = self.state, self._figures, self._painter.stylizer
        return Figures(
            style=painting_name(state),
            number=state.number,
            total=len(state.styles),
            strength=state.strength,
            fps=figures.shown_rate.per_second,
            captured_fps=figures.captured_rate.per_second,
            painted_fps=figures.painted_rate.per_second,
            latency_p50_ms=figures.recent_latency.percentile(50),
            latency_p95_ms=figures.recent_latency.percentile(95),
            drops=figures.drops,
            due=figures.frames_in,
            engine=stylizer.engine.name,
            precision=stylizer.engine.precision,
            frame_size=self._newest.frame.size if self._newest else None,
            inference_size=stylizer.inference_size,
            flags=self._collect_flags(),
            more_flags=self._collect_more_flags(),
            recording="  ".join(output.note for output in self._outputs if output.note),
            warnings=self._collect_warnings(),
        )

    def _collect_flags(self) -> tuple[str, ...]:
        state = self.state
        flags = (
            *_film_flags(state.film),
            ("frozen", state.frozen),
            ("blend", state.blending),
            ("black", state.black),
            (f"auto {state.cycle_s:g} s", state.cycling),
            (self.opening, bool(self.opening)),
            (self._refinement.note, bool(self._refinement.note)),
        )
        return tuple(text for text, on in flags if on)

    def _collect_more_flags(self) -> tuple[str, ...]:
        state, quality = self.state, self._painter.quality_scale
        flags = (
            (f"bank {state.bank + 1}/{state.banks}", state.banks > 1),
            (
                f"brush {state.look.brush:g}" + (" …" if self._painter.waiting else ""),
                state.look.brush != 1 or self._painter.waiting,
            ),
            (f"stability {100 * state.look.stability:.0f} %", state.look.stability > 0),
            (f"canvas {100 * state.look.canvas:.0f} %", state.look.canvas != 1),
            (
                f"grade {100 * state.look.grade_strength:.0f} %"
                + (" held" if state.look.grade_hold else ""),
                bool(state.look.grade),
            ),
            (f"fade {state.fade_s:g} s", True),
            ("colours kept", state.look.keep_color),
            (f"quality {100 * quality:.0f} %", quality < 1),
        )
        return tuple(text for text, on in flags if on)

    def _collect_warnings(self) -> tuple[str, ...]:
        warnings = [text for text in (self._thumbnails.failure,) if text]
        shown, captured = (
            self._figures.shown_rate.per_second,
            self._figures.captured_rate.per_second,
        )
        if not self.state.frozen and not self.problem and 0 < shown < _SLOW_SHARE * captured:
            quality = self._painter.quality
            if quality is None or quality.scale == quality.scales[-1]:
                key = self._desk.keymap.key_of("broader", self._sink.printed_keys)
                warnings.append(f"slow here: {key} for broader strokes, which cost less")
        return tuple(warnings)


def _film_flags(film: Film | None) -> tuple[tuple[str, bool], ...]:
    """Return what is told of the film that plays, and whether it is."""
    if film is None:
        return ()
    return (
        (f"film {film.file + 1}/{film.files}", film.files > 1),
        (film.time, True),
        ("paused", film.paused),
        (film.loop_text, bool(film.loop)),
    )


def painting_name(state: State) -> str:
    """Return what is being painted, for people."""
    if not state.look.grade:
        return " + ".join(state.title(name) for name in state.look.style_names)
    painted = [state.title(name) for name in state.look.style_names if name != ORIGINAL]
    return " + ".join([*painted, "graded"])
