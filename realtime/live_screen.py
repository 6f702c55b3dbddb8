"""The showing stage of a live run: composes what is seen, draws the HUD over it, and turns keys into commands."""

from __future__ import annotations

import contextlib
import queue

import numpy as np

from realtime.controls import State, help_rows, press, spoken
from realtime.frame import Frame
from realtime.hud import Figures, Hud
from realtime.live_figures import LiveFigures
from realtime.live_painter import Painter
from realtime.sinks.live_sink import LiveSink
from realtime.snapshots import Snapshots
from realtime.sources.live_source import LiveSource
from realtime.timing import Clock
from realtime.view import compose

_TOAST_S = 1.6
_FIGURES_S = 0.33  # figures that change faster cannot be read
_REDRAW_S = 0.1  # without new frames: for toasts that end, cards, a window that changes its size
_SLOW_SHARE = 0.5


class Screen:
    """Owns ``state``. Every method is called from the main thread; other threads read ``state``, which is replaced as a whole."""

    def __init__(
        self,
        sink: LiveSink,
        source: LiveSource,
        painter: Painter,
        figures: LiveFigures,
        state: State,
        snapshots: Snapshots,
        clock: Clock,
    ) -> None:
        self.state = state
        self._sink, self._source, self._painter, self._figures = sink, source, painter, figures
        self._snapshots, self._clock = snapshots, clock
        self._hud: Hud | None = None
        self._newest: tuple[Frame, np.ndarray] | None = None
        self._toast, self._toast_s = "", 0.0
        self._told: Figures | None = None
        self._told_s = self._drawn_s = clock()

    def show(self, frame: Frame, painting: np.ndarray) -> None:
        """Show a painting of ``frame``; when this returns it is visible."""
        self._newest = (frame, painting)
        self._draw()

    def listen(self) -> None:
        """Obey the keys that were pressed, and redraw if something is to be seen without a new frame."""
        before = self.state
        for key in self._sink.poll():
            self.state = press(self.state, key)
        if self.state.said_count != before.said_count and self.state.said:
            self._say(self.state.said)
        if self.state.fullscreen != before.fullscreen:
            self._sink.set_fullscreen(self.state.fullscreen)
        if self.state.snapshots != before.snapshots and self._newest:
            self._snapshots.take(self._newest[0].pixels, self._newest[1], self.state.look.label)
        self._hear_snapshots()
        if self.state != before:
            self._told = None
        if self.state != before or self._clock() - self._drawn_s > _REDRAW_S:
            self._draw()

    def close(self) -> None:
        self._sink.close()
        self._snapshots.close()

    def _say(self, text: str) -> None:
        self._toast, self._toast_s = text, self._clock()

    def _hear_snapshots(self) -> None:
        with contextlib.suppress(queue.Empty):
            self._say(self._snapshots.answers.get_nowait())

    def _draw(self) -> None:
        self._drawn_s = self._clock()
        view_size = self._sink.view_size
        if view_size is None:
            return
        self._hud = self._hud or Hud()
        if self._newest is None:
            view = np.full((*view_size, 3), 40, np.uint8)
        else:
            view = compose(self._newest[0].pixels, self._newest[1], self.state.compare, view_size)
        self._draw_over(view, self._hud)
        self._sink.show(view)

    def _draw_over(self, view: np.ndarray, hud: Hud) -> None:
        state, problem = self.state, self._source.problem
        if problem:
            hud.draw_notice(view, *(part.strip() for part in problem.split(":", 1)))
        if state.compare != "off" and not state.help:
            hud.draw_labels(view, "original", painting_name(state))
        if state.help:
            hud.draw_help(view, help_rows())
        elif state.hud:
            hud.draw_figures(view, self._current_figures())
        if self._clock() - self._toast_s < _TOAST_S and self._toast:
            hud.draw_toast(view, self._toast)

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
            latency_p95_ms=figures.recent_latency.percentile(95),
            dropped=figures.dropped,
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
            ("frozen", state.frozen),
            (
                f"brush {state.look.brush:g}" + (" …" if self._painter.waiting else ""),
                state.look.brush != 1 or self._painter.waiting,
            ),
            ("colours kept", state.look.keep_color),
            (f"quality {100 * quality:.0f} %", quality < 1),
        )
        return tuple(text for text, on in flags if on)

    def _warnings(self) -> tuple[str, ...]:
        warnings = [self._source.warning] if self._source.warning else []
        shown, captured = self._figures.shown_rate.per_second, self._figures.captured_rate.per_second
        if not self.state.frozen and not self._source.problem and 0 < shown < _SLOW_SHARE * captured:
            warnings.append("slow here: a broader brush or a smaller --size helps")
        return tuple(warnings)


def painting_name(state: State) -> str:
    """What is being painted, for people."""
    return " + ".join(spoken(name) for name in state.look.style_names)
