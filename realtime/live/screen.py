"""The showing stage of a live run: composes what is seen, draws the HUD over it, and does what the
controls ask for.
"""

from __future__ import annotations

import numpy as np

from realtime.controls.desk import Desk
from realtime.controls.state import State, spoken
from realtime.frame import LiveFrame
from realtime.live.figures import LiveFigures
from realtime.live.hud import Figures, Hud
from realtime.live.painter import LivePainter
from realtime.live.sinks.live_sink import LiveSink
from realtime.live.sinks.recording import Recorder
from realtime.live.snapshots import Snapshots
from realtime.live.sources.live_source import LiveSource
from realtime.live.thumbnail_view import Place, draw_tiles, shares, sheet_places, strip_places
from realtime.live.thumbnails import Tiles
from realtime.live.view import compose
from realtime.timing import Clock

_TOAST_S = 1.6
_FIGURES_S = 0.33  # figures that change faster cannot be read
_REDRAW_S = 0.1  # without new frames: for toasts that end, cards, a window that changes its size
_SLOW_SHARE = 0.5


class Screen:
    """Every method is called from the main thread."""

    def __init__(
        self,
        sink: LiveSink,
        source: LiveSource,
        painter: LivePainter,
        figures: LiveFigures,
        desk: Desk,
        snapshots: Snapshots,
        recorder: Recorder,
        clock: Clock,
    ) -> None:
        self._desk = desk
        self._tiles = Tiles(painter.stylizer.engine)
        self._places: list[Place] = []
        self._sink, self._source, self._painter, self._figures = sink, source, painter, figures
        self.snapshots, self._recorder, self._clock = snapshots, recorder, clock
        self._hud: Hud | None = None
        self._newest: tuple[LiveFrame, np.ndarray] | None = None
        self._toast, self._toast_s = "", 0.0
        self._told: Figures | None = None
        self._told_s = self._drawn_s = clock()

    def show(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Show a painting of ``frame``; when this returns it is visible."""
        self._newest = (frame, painting)
        if self.state.strip or self.state.sheet:
            self._tiles.look_at(frame)
        self._draw()

    def listen(self) -> None:
        """Obey keys, mouse, remotes and timers, and redraw if something is to be seen without a new
        frame.
        """
        before = self.state
        for key in self._sink.poll():
            self._desk.press(key)
        places = shares(self._places, self._sink.view_size) if self._places else {}
        for pointer in self._sink.pointers():
            self._desk.point(pointer, places)
        self._desk.follow(self._clock())
        self._tiles.want(self._tile_styles())
        if self.state.said_count != before.said_count and self.state.said:
            self.toast(self.state.said)
        if self.state.fullscreen != before.fullscreen:
            self._sink.set_fullscreen(self.state.fullscreen)
        if self.state.snapshots != before.snapshots and self._newest:
            self.snapshots.take(self._newest[0].pixels, self._newest[1], self.state.look.label)
        self._recorder.follow(self.state.recording, self.state.look.label)
        if self._recorder.failed:
            self._desk.perform("record", False)
        if self.state != before:
            self._told = None
        if self.state != before or self._clock() - self._drawn_s > _REDRAW_S:
            self._draw()

    @property
    def state(self) -> State:
        return self._desk.state

    def close(self) -> None:
        self._tiles.close()
        self._sink.close()
        self.snapshots.close()

    def toast(self, text: str) -> None:
        """Show a line for a moment."""
        self._toast, self._toast_s = text, self._clock()

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
                self._newest[0].pixels,
                self._newest[1],
                self.state.compare,
                view_size,
                self.state.divider,
            )
            self._draw_tiles(view, self._hud)
        self._draw_over(view, self._hud)
        self._sink.show(view)

    def _draw_over(self, view: np.ndarray, hud: Hud) -> None:
        state, problem = self.state, self._source.problem
        if problem:
            hud.draw_notice(view, *(part.strip() for part in problem.split(": ", 1)))
        elif self._source.warning and not state.help:
            hud.draw_warning(view, self._source.warning)
        if state.compare != "off" and not state.help and not state.sheet:
            bottom = min((place.top for place in self._places), default=view.shape[0])
            hud.draw_labels(view[:bottom], "original", painting_name(state))
        if state.help:
            hud.draw_help(view, self._desk.keymap.help_rows())
        elif state.hud and not state.sheet:
            hud.draw_figures(view, self._current_figures())
        if self._clock() - self._toast_s < _TOAST_S and self._toast:
            hud.draw_toast(view, self._toast)

    def _tile_styles(self) -> tuple[str, ...]:
        """The styles to be seen small now; none without a view, and none while they are not asked
        for.
        """
        if self._sink.view_size is None:
            return ()
        return (
            self.state.styles
            if self.state.sheet
            else self.state.bank_styles
            if self.state.strip
            else ()
        )

    def _draw_tiles(self, view: np.ndarray, hud: Hud) -> None:
        styles, frame = self._tile_styles(), self._newest[0]
        self._places = []
        if not styles:
            return
        place = sheet_places if self.state.sheet else strip_places
        self._places = place(styles, frame.size, view.shape[:2])
        if self.state.sheet:
            view[:] = 0
        draw_tiles(view, self._places, self._tiles.tiles, self.state.look.style_names)
        for at in self._places:
            number = self.state.styles.index(at.style) + 1
            text = (
                f"{number}  {spoken(at.style)}"
                if self.state.sheet
                else str(self.state.bank_styles.index(at.style) + 1)
            )
            hud.draw_name(view, at.top, at.left, at.width, text)

    def _current_figures(self) -> Figures:
        now_s = self._clock()
        if self._told is None or now_s - self._told_s > _FIGURES_S:
            self._told, self._told_s = self._new_figures(), now_s
        return self._told

    def _new_figures(self) -> Figures:
        state, figures, stylizer = self.state, self._figures, self._painter.stylizer
        return Figures(
            style=painting_name(state),
            number=state.number,
            total=len(state.styles),
            strength=state.look.strength,
            fps=figures.shown_rate.per_second,
            captured_fps=figures.captured_rate.per_second,
            painted_fps=figures.painted_rate.per_second,
            latency_p50_ms=figures.recent_latency.percentile(50),
            latency_p95_ms=figures.recent_latency.percentile(95),
            drops=figures.drops,
            due=figures.frames_in,
            engine=stylizer.engine.name,
            precision=stylizer.engine.precision,
            frame_size=self._newest[0].size if self._newest else None,
            inference_size=stylizer.inference_size,
            flags=self._flags(),
            warnings=self._warnings(),
        )

    def _flags(self) -> tuple[str, ...]:
        state, quality = self.state, self._painter.quality_scale
        flags = (
            (
                f"● REC {_minutes(self._recorder.seconds or 0.0)}",
                self._recorder.seconds is not None,
            ),
            ("frozen", state.frozen),
            ("blend", state.blending),
            (f"bank {state.bank + 1}/{state.banks}", state.banks > 1),
            (f"auto {state.cycle_s:g} s", state.cycling),
            (
                f"brush {state.look.brush:g}" + (" …" if self._painter.waiting else ""),
                state.look.brush != 1 or self._painter.waiting,
            ),
            ("colours kept", state.look.keep_color),
            (f"quality {100 * quality:.0f} %", quality < 1),
        )
        return tuple(text for text, on in flags if on)

    def _warnings(self) -> tuple[str, ...]:
        warnings = [text for text in (self._tiles.failure,) if text]
        shown, captured = (
            self._figures.shown_rate.per_second,
            self._figures.captured_rate.per_second,
        )
        if (
            not self.state.frozen
            and not self._source.problem
            and 0 < shown < _SLOW_SHARE * captured
        ):
            warnings.append("slow here: a broader brush or a smaller --size helps")
        return tuple(warnings)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def painting_name(state: State) -> str:
    """What is being painted, for people."""
    return " + ".join(spoken(name) for name in state.look.style_names)
