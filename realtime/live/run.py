"""The live pipeline: capture -> paint -> show, newest frame wins.

Knows threads and mailboxes, not pixels or runtimes.

Three threads: one reads the source, one paints, and the caller's (the main one, as windows need it)
shows and listens to keys. Between them lie mailboxes with one slot, so that nothing ever queues up
and what is seen is recent. Only the painting thread touches the stylizer; it follows the controls
by reading the current ``State``.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from engines import Models
from engines.errors import EngineRunError, LivebrushError, SinkError, SourceError
from realtime.controls.desk import Desk
from realtime.controls.state import BANK_SIZE, State, StyleGroup
from realtime.exits import end_within, error_line, leave_now
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.figures import LiveFigures
from realtime.live.hang import PATIENCE_S, HangWatch
from realtime.live.latest import Latest
from realtime.live.live_sink import LiveSink
from realtime.live.live_source import LiveSource
from realtime.live.painter import LivePainter
from realtime.live.refinement import RefineOptions
from realtime.live.screen import Screen
from realtime.live.snapshots import Snapshots
from realtime.look import Look
from realtime.picture.sizes import size_text
from realtime.report import Report, latency_figures, peak_rss_mb
from realtime.timing import Clock, Samples

# How long the end waits for threads; a driver or an engine that hangs longer is left behind. After
# a signal it waits less.
STOP_S, _HURRY_S = PATIENCE_S + 0.2, 1.0
_SCREEN_PATIENCE_S = 120.0  # a window stands still while it is dragged on some systems
_LATE_S, _CLOSE_S = 4.0, 6.0
_TICK_S = 0.01  # how often keys are looked at while no frame comes
_READ_S = 0.1


@dataclass(frozen=True)
class Painted:
    """A frame and its painting."""

    frame: LiveFrame
    pixels: np.ndarray
    """(H, W, 3) uint8 RGB."""
    counts: bool = True
    """False for a held frame that is painted once more."""


def _keep_silent(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class LiveOptions:
    """How a live run goes, beside the parts that it is made of."""

    duration_s: float | None = None
    """Counts from the call of ``run``; None runs until quit or the source's end."""
    snapshot_dir: Path = Path(".")
    """The folder in which pictures of the moment are saved."""
    say: Callable[[str], None] = _keep_silent
    """Gets lines for the user."""
    hint: bool = False
    """Whether a line in the window tells a newcomer of the keys."""
    refine: RefineOptions = field(default_factory=RefineOptions)
    """How pictures become styles meanwhile, and better ones."""
    started_s: float | None = None
    """When the program started, on ``clock``; None: when the run is made."""
    clock: Clock = time.monotonic
    """Seconds, monotonic."""


class Live:
    """One live run over an open source and a prepared engine.

    ``run`` returns when it is over and leaves no thread behind. ``outputs`` get every painting
    beside ``sink``.
    """

    def __init__(
        self,
        source: LiveSource,
        painter: LivePainter,
        sink: LiveSink,
        desk: Desk,
        outputs: Sequence[CleanSink] = (),
        options: LiveOptions = LiveOptions(),
    ) -> None:
        clock = self._clock = options.clock
        self.figures = LiveFigures(clock)
        self._source, self._sink, self._say = source, sink, options.say
        self._duration_s = options.duration_s
        self._begin_s = clock() if options.started_s is None else options.started_s
        self._captured: Latest[LiveFrame] = Latest(lambda _: self.figures.drop("inference"))
        self._painted: Latest[Painted] = Latest(
            lambda painted: self.figures.drop("display") if painted.counts else None
        )
        self._painter = painter
        self._outputs = tuple(outputs)
        snapshots = Snapshots(options.snapshot_dir)
        self._screen = Screen(
            *(sink, source, painter, self.figures, desk, snapshots, self._outputs, clock),
            options.refine,
            options.hint,
        )
        self.pictures = self._screen.pictures
        self._infer, self._display = Samples(), Samples()
        self._capturing, self._painting = HangWatch(clock), HangWatch(clock, self._infer)
        self._showing = HangWatch(clock, patience_s=_SCREEN_PATIENCE_S)
        self._hang: LivebrushError | None = None
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._problem: str | None = None
        self._scale, self._note = 1.0, ""
        self._engine = painter.stylizer.engine.name
        self._engine_problem: str | None = None

    def run(self) -> Report:
        """Run until quit, the source's end, ``duration_s``, or an error in any stage.

        The error is raised after everything stopped. KeyboardInterrupt and SystemExit pass through,
        after everything stopped too; ``report`` is valid in every case. A stage that hangs, and
        does so at the end, is left behind and raised as EngineRunError or SourceError; a screen
        that hangs leaves the process.
        """
        threads = [
            self._make_thread("capture", self._capture),
            self._make_thread("inference", self._paint),
        ]
        stop_s = STOP_S
        try:
            for thread in threads:
                thread.start()
            self._show()
        except BaseException:  # a signal
            stop_s = _HURRY_S
            raise
        finally:
            self.figures.end()
            self._end(threads, stop_s)
        if failure := self._failure or self._hang:
            raise failure
        return self.report()

    def report(self) -> Report:
        """Return the figures so far."""
        figures, stylizer = self.figures, self._painter.stylizer
        stages = {"capture": self._source.busy, "infer": self._infer, "display": self._display}
        return Report(
            frames_in=figures.frames_in,
            frames_out=figures.frames_out,
            dropped=figures.dropped,
            wall_s=self._clock() - self._begin_s,
            startup_s=(figures.first_shown_s or self._clock()) - self._begin_s,
            fps=figures.fps,
            latency_ms={**latency_figures(figures.latency), "max": figures.latency.percentile(100)},
            stage_ms={name: samples.percentile(50) for name, samples in stages.items()},
            engine=stylizer.engine.name,
            device=stylizer.engine.device,
            precision=stylizer.engine.precision,
            size=size_text(stylizer.inference_size) if stylizer.inference_size else "",
            style=stylizer.look.label,
            peak_rss_mb=peak_rss_mb(),
            extra={
                "source": self._source.name,
                "dropped_by": figures.drops,
                "longest_gap_ms": round(figures.longest_gap_ms, 3),
                **{k: v for output in self._outputs for k, v in output.results().items()},
            },
        )

    def status(self) -> dict[str, Any]:
        """Return the figures of the last seconds, for a page; JSON-ready, from any thread."""
        figures, stylizer = self.figures, self._painter.stylizer
        film = self._screen.state.film
        return {
            "film": film.time if film else "",
            "fps": figures.painted_rate.per_second,
            "captured_fps": figures.captured_rate.per_second,
            "latency_p50_ms": figures.recent_latency.percentile(50),
            "latency_p95_ms": figures.recent_latency.percentile(95),
            "dropped": figures.dropped,
            "engine": f"{stylizer.engine.name} {stylizer.engine.precision}",
            "size": size_text(stylizer.inference_size) if stylizer.inference_size else "",
            "opening": self._screen.opening,
            "problem": self._screen.problem,
            "warning": self._source.warning,
        }

    def _capture(self) -> None:
        newest = -1
        while not self._stop.is_set() and not self._source.finished:
            with self._capturing.step():
                frame = self._source.read(_READ_S)
            if self._showing.hangs():
                error = SinkError("the screen hangs: nothing can be shown any more.")
                leave_now(error.exit_code, error_line(error))
            if frame is None:
                continue
            if frame.index > newest + 1 and newest >= 0:
                self.figures.drop("capture", frame.index - newest - 1)
            newest = frame.index
            self.figures.captured_rate.tick()
            for output in self._outputs:
                output.see(frame)
            self._captured.put(frame)
        self._captured.close()

    def _paint(self) -> None:
        while not self._stop.is_set() and not self._captured.finished:
            frame = self._captured.get(_READ_S / 2)
            todo = self._painter.choose(frame, self._screen.state)
            if todo is None:
                continue
            started_s = self._clock()
            with self._painting.step():
                shown, pixels = self._painter.paint(todo, self._screen.state)
            self._infer.add((self._clock() - started_s) * 1000)
            self.figures.painted_rate.tick()
            for output in self._outputs:
                output.put(shown, pixels)
            self._painted.put(Painted(shown, pixels, counts=todo is frame))
        self._painted.close()

    def _show(self) -> None:
        end_s = None if self._duration_s is None else self._clock() + self._duration_s
        with contextlib.ExitStack() as at_the_end:
            if self._duration_s is not None:
                late = SinkError("the screen hangs: it was to end.")
                at_the_end.callback(end_within(self._duration_s + _LATE_S, late).cancel)
            self._show_until(end_s)

    def _show_until(self, end_s: float | None) -> None:
        while (
            not self._stop.is_set() and not self._painted.finished and not self._screen.state.quit
        ):
            painted = self._painted.get(_TICK_S)
            if painted is not None:
                started_s = self._clock()
                with self._showing.step():
                    self._screen.show(painted.frame, painted.pixels)
                self._display.add((self._clock() - started_s) * 1000)
                if painted.counts:
                    self.figures.show(painted.frame.captured_s)
            with self._showing.step():
                self._screen.listen()
            self._tell_answers()
            self._notice_hangs()
            self._tell_changes()
            if self._sink.closed or (end_s is not None and self._clock() >= end_s):
                return
            if self._painting.is_hanging and not self._show_original():
                return

    def _show_original(self) -> bool:
        """Show the newest frame unpainted while the engine hangs; False once there are no more."""
        frame = self._captured.get(0)
        if frame is None:
            return not self._captured.finished
        if self._screen.state.mirror:
            frame = replace(frame, pixels=np.ascontiguousarray(frame.pixels[:, ::-1]))
        self.figures.drop("inference")
        self._screen.show(frame, frame.pixels)
        for output in self._outputs:
            output.put(frame, frame.pixels)
        return True

    def _notice_hangs(self) -> None:
        """Tell of a stage that hangs, and of its end."""
        before = self._hang
        if self._painting.hangs():
            self._hang = before or EngineRunError(
                f"{self._engine} hangs: no painting comes any more; the original picture is shown"
            )
        elif self._capturing.hangs():
            self._hang = before or SourceError(
                f"{self._source.name} hangs: it does not answer any more"
            )
        else:
            self._hang = None
        if self._hang is not before:
            self._screen.hang = None if self._hang is None else str(self._hang)
            self._say(self._screen.hang or "it goes on")

    def _tell_answers(self) -> None:
        """Tell what became of snapshots, recordings and other outputs, seen and said."""
        for answers in (
            self._screen.snapshots.answers,
            *(output.answers for output in self._outputs),
        ):
            for _ in range(answers.qsize()):
                line = answers.get()
                self._screen.toast(line)
                self._say(line)

    def _tell_changes(self) -> None:
        """Tell what goes on without the user's doing: the camera, the size, the engine."""
        problem, scale, note = self._source.problem, self._painter.quality_scale, self._source.note
        if note != self._note:
            self._say(f"{self._source.name}: {note}")
        if problem != self._problem:
            self._say(problem or f"{self._source.name} is back")
        if scale != self._scale:
            self._say(
                f"quality {100 * scale:.0f} % of the full size: "
                + ("too slow for more" if scale < self._scale else "there is room")
            )
        self._problem, self._scale, self._note = problem, scale, note
        self._tell_engine()

    def _tell_engine(self) -> None:
        """Tell of the faster engine that was built meanwhile, or why there is none."""
        engine, problem = self._painter.stylizer.engine, self._painter.engine_problem
        if engine.name != self._engine:
            self._say(f"engine: {engine.name}, {engine.precision} on {engine.device} from now on")
        if problem != self._engine_problem:
            self._say(f"{engine.name} goes on: {problem}")
        self._engine, self._engine_problem = engine.name, problem

    def _end(self, threads: list[threading.Thread], stop_s: float) -> None:
        closing = end_within(_CLOSE_S, SinkError("the screen or an output hangs at the end."))
        try:
            self._close_all(threads, stop_s)
        finally:
            closing.cancel()

    def _close_all(self, threads: list[threading.Thread], stop_s: float) -> None:
        deadline_s = time.monotonic() + stop_s
        self._stop.set()
        self._captured.close()
        self._painted.close()
        with self._keep_failure():
            self._source.close()
        for thread in threads:
            while thread.is_alive() and time.monotonic() < deadline_s and not self._hang:
                thread.join(_READ_S)
                self._notice_hangs()
        with self._keep_failure():
            self._screen.close()
        for output in self._outputs:
            with self._keep_failure():
                output.close()
        self._tell_answers()
        # An engine in use must not be taken away from under its thread.
        if not threads[1].is_alive():
            with self._keep_failure():
                self._painter.close()

    def _make_thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            with self._keep_failure():
                work()

        return threading.Thread(target=guarded, name=name, daemon=True)

    @contextlib.contextmanager
    def _keep_failure(self) -> Iterator[None]:
        """An error in a stage ends the run, and the first one is raised by ``run``."""
        try:
            yield
        except BaseException as error:  # noqa: BLE001 (it is raised again by the main thread)
            self._failure = self._failure or error
            self._stop.set()


def initial_state(models: Models, look: Look, mirror: bool) -> State:
    """Return the controls at the start of a run."""
    state = State(
        models.style_names[1:],
        look,
        mirror=mirror,
        painting=look.mix,
        about=models.styles,
        groups=tuple(
            StyleGroup(model.name, model.style_names[1:], models.takes(model))
            for model in models.files
        ),
    )
    return replace(state, bank=max(0, state.number - 1) // BANK_SIZE)
