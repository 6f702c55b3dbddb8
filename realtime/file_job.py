"""Paints one file into another, or says what it would do; and the same for many, where one failing stops no other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from engines import Engine
from engines.errors import LivebrushError, PartialResult, SinkError, SourceError, UsageError
from engines.exits import error_line
from realtime.cli import say
from realtime.look import Look
from realtime.outputs import check_output, output_exists, partial_path
from realtime.pipeline import FileRun, Overlapped, run_file
from realtime.progress import FileProgress
from realtime.report import Report, latency_figures, peak_rss_mb, size_text, stage_figures
from realtime.resample import network_size
from realtime.sinks.encoding import CONTAINERS, Encoding
from realtime.sinks.picture_file import PICTURES, PictureOutput
from realtime.sinks.video_file import VideoOutput
from realtime.sources.video_file import VideoFile
from realtime.stylizer import Stylizer

Resize = Callable[[tuple[int, int]], tuple[int, int]]


@dataclass(frozen=True)
class FileOptions:
    """What holds for every file of a call. ``start_s`` and ``end_s``: --ss and --to; ``resize``: --size or --scale."""

    look: Look
    encoding: Encoding
    start_s: Fraction | None = None
    end_s: Fraction | None = None
    resize: Resize = field(default=lambda size: size)
    overwrite: bool = False
    skip_existing: bool = False


@dataclass
class Result:
    """How one file went. ``error`` is None if all went well; with a PartialResult there is a file all the same."""

    source: Path
    output: Path
    report: Report = field(default_factory=Report)
    error: LivebrushError | None = None

    @property
    def damaged(self) -> bool:
        """Whether damage in the input was concealed."""
        return self.report.extra.get("damaged", 0) > 0

    def as_dict(self) -> dict[str, Any]:
        failed = {"error": str(self.error), "exit_code": self.error.exit_code} if self.error else {}
        return {"input": str(self.source), "output": str(self.output), **self.report.as_dict(), **failed}


def run_jobs(
    jobs: Sequence[tuple[Path, Path]],
    options: FileOptions,
    open_engine: Callable[[tuple[int, int]], Engine],
    started_s: float | None = None,
) -> Iterator[Result]:
    """Paint every (input, output) and tell how each went. The engine is opened when the first input has told its size, and
    serves them all. ``started_s``: when the program began, on ``time.perf_counter``; it counts for the first file.

    An input or output that fails is reported and left; an engine that fails would fail for all: its result comes, and then
    the error is raised.
    """
    check_encoding(jobs, options)
    engine: Engine | None = None
    sources = [source for source, _ in jobs]
    try:
        for source, output in jobs:
            result = Result(source, output)
            started_s = started_s or time.perf_counter()
            try:
                if options.skip_existing and output_exists(output):
                    say(f"{output}: exists, skipped (-n)")
                    result.report.extra = {"skipped": True}
                else:
                    check_output(output, sources, options.overwrite)
                    with VideoFile(source, options.start_s, options.end_s, options.resize) as video:
                        engine = engine or open_engine(network_size(video.size, options.look.brush))
                        _paint(video, engine, options, result, started_s)
            except LivebrushError as error:
                result.error = error
            yield result
            if result.error and not isinstance(result.error, (SourceError, SinkError, UsageError, PartialResult)):
                raise result.error
            if result.error and len(jobs) > 1:
                say(error_line(result.error))
            started_s = None
    finally:
        if engine is not None:
            engine.close()


def check_encoding(jobs: Sequence[tuple[Path, Path]], options: FileOptions) -> None:
    """Raise UsageError for an encoder or a setting that cannot be, before any work is done."""
    for suffix in {output.suffix.lower() for _, output in jobs} & set(CONTAINERS):
        options.encoding.options_for(Path(f"output{suffix}"))


def plan_jobs(jobs: Sequence[tuple[Path, Path]], options: FileOptions) -> list[dict[str, Any]]:
    """What ``run_jobs`` would do, without an engine and without writing. Raises the first error that a run would meet."""
    check_encoding(jobs, options)
    plans = []
    for source, output in jobs:
        skips = options.skip_existing and output_exists(output)
        if not skips:
            check_output(output, [source for source, _ in jobs], options.overwrite)
        with VideoFile(source, options.start_s, options.end_s, options.resize) as video:
            network = network_size(video.size, options.look.brush)
            plan = {"input": str(source), "output": str(output), "skip": skips, "duration_s": video.duration_s}
            plans.append({**plan, "size": size_text(video.size), "network_size": size_text(network), "style": options.look.label})
    return plans


def _paint(video: VideoFile, engine: Engine, options: FileOptions, result: Result, started_s: float) -> None:
    stylizer = Stylizer(engine, options.look)
    stylizer.prepare(video.size)
    picture = result.output.suffix.lower() in PICTURES
    sink = PictureOutput(result.output) if picture else VideoOutput(result.output, video, options.encoding)
    try:
        with FileProgress(result.source.name, video.duration_s) as progress:
            paint = Overlapped(lambda frame: stylizer.begin(frame, float(frame.pts * frame.time_base)), engine.in_flight)
            run = run_file(video.frames(), paint, sink, progress.update)
        result.output = sink.finish(partial_path(result.output, options.overwrite) if video.truncated else None)
    finally:
        sink.discard()
    for note in (*video.notes, *sink.notes):
        say(f"note: {note}")
    result.report = _report(run, stylizer, options.look, started_s)
    result.report.extra = {"damaged": video.damaged, "notes": [*video.notes, *sink.notes]}
    damaged = f", {video.damaged} damaged packets in the input" if video.damaged else ""
    if video.truncated:
        raise PartialResult(f"{video.path}: {video.truncated}; the {run.frames_out} frames before that are in {result.output}")
    say(f"{result.output}: {run.frames_out} frames in {result.report.wall_s:.1f} s, {result.report.fps:.1f} fps{damaged}")


def _report(run: FileRun, stylizer: Stylizer, look: Look, started_s: float) -> Report:
    wall_s = time.perf_counter() - started_s
    return Report(
        frames_in=run.frames_in,
        frames_out=run.frames_out,
        wall_s=wall_s,
        startup_s=(run.first_out_s or started_s) - started_s,
        fps=run.frames_out / wall_s,
        latency_ms=latency_figures(run.latency),
        stage_ms=stage_figures(run.stages),
        engine=stylizer.engine.name,
        device=stylizer.engine.device,
        precision=stylizer.engine.precision,
        size=size_text(stylizer.inference_size),
        style=look.label,
        peak_rss_mb=peak_rss_mb(),
    )
