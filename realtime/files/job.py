"""Paints one file into another, or says what it would do; and the same for many, where one failing
stops no other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import Engine
from engines.errors import LivebrushError, PartialResult, SinkError, SourceError, UsageError
from realtime.cli import say
from realtime.exits import error_line
from realtime.files.crew import Crew, Painting, Sink
from realtime.files.large_picture import LargePicture, is_large_picture
from realtime.files.options import FileOptions
from realtime.files.outputs import check_output, identified, make_folder, partial_path
from realtime.files.pipeline import FileRun
from realtime.files.progress import FileProgress
from realtime.media.format_registry import PICTURE_FORMATS, VIDEO_FORMATS
from realtime.media.names import output_exists
from realtime.media.pipes import STDIO
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.picture_file import PictureOutput
from realtime.media.writing.pipe import PipeOutput
from realtime.media.writing.video_file import VideoOutput
from realtime.media.writing.work_folder import recorded_plan
from realtime.picture.sizes import network_size, size_text
from realtime.report import Report, latency_figures, peak_rss_mb, stage_figures


@dataclass
class Result:
    """How one file went.

    ``error`` is None if all went well; with a PartialResult there is a file all the same.
    """

    source: Path
    output: Path
    report: Report = field(default_factory=Report)
    error: LivebrushError | None = None

    @property
    def skipped(self) -> bool:
        """Whether its output was there already and ``-n`` or ``--resume`` was given."""
        return bool(self.report.extra.get("skipped"))

    @property
    def damaged(self) -> bool:
        """Whether damage in the input was concealed."""
        return self.report.extra.get("damaged", 0) > 0

    def as_dict(self) -> dict[str, Any]:
        failed = {"error": str(self.error), "exit_code": self.error.exit_code} if self.error else {}
        return {
            "input": str(self.source),
            "output": str(self.output),
            **self.report.as_dict(),
            **failed,
        }


def run_jobs(
    jobs: Sequence[tuple[Path, Path]],
    options: FileOptions,
    crew: Crew,
    started_s: float | None = None,
) -> Iterator[Result]:
    """Have ``crew`` paint every (input, output) and tell how each went; it is closed at the end.

    ``started_s``: when the program began, on ``time.perf_counter``; it counts for the first file.

    An input or output that fails is reported and left; an engine that fails would fail for all: its
    result comes, and then the error is raised.
    """
    sources = identified([source for source, _ in jobs])
    try:
        check_encoding(jobs, options)
        for source, output in jobs:
            result = Result(source, output)
            started_s = started_s or time.perf_counter()
            try:
                # A run that was killed had finished some of its files.
                flag = (
                    "-n"
                    if options.skip_existing
                    else "--resume"
                    if options.resume and not options.overwrite
                    else None
                )
                if flag and output_exists(output):
                    say(f"{output}: exists, skipped ({flag})")
                    result.report.extra = {"skipped": True}
                else:
                    if options.make_folders:
                        make_folder(output)
                    check_output(output, sources, options.overwrite)
                    before = recorded_plan(output).get("engine") if options.resume else None
                    with _open_input(source, options) as video:
                        if isinstance(video, LargePicture):
                            engine = crew.engine_for(video.size, options, before)
                            _paint_large(video, engine, options, result, started_s)
                        else:
                            painting = crew.painting_of(video, options, output, before)
                            _paint(video, painting, options, result, started_s)
            except LivebrushError as error:
                result.error = error
            yield result
            if result.error and not isinstance(
                result.error, (SourceError, SinkError, UsageError, PartialResult)
            ):
                raise result.error
            if result.error and len(jobs) > 1:
                say(error_line(result.error))
            started_s = None
    finally:
        crew.close()


def check_encoding(jobs: Sequence[tuple[Path, Path]], options: FileOptions) -> None:
    """Raise UsageError for an encoder or a setting that cannot be, before any work is done."""
    for suffix in {output.suffix.lower() for _, output in jobs} & set(VIDEO_FORMATS):
        options.encoding.options_for(Path(f"output{suffix}"))


def plan_jobs(jobs: Sequence[tuple[Path, Path]], options: FileOptions) -> list[dict[str, Any]]:
    """What ``run_jobs`` would do, without an engine and without writing.

    Raises the first error that a run would meet.
    """
    check_encoding(jobs, options)
    plans, sources = [], identified([source for source, _ in jobs])
    for source, output in jobs:
        skips = options.skip_existing and output_exists(output)
        if not skips and (output.parent.is_dir() or not options.make_folders):
            check_output(output, sources, options.overwrite)
        with _open_input(source, options) as video:
            network = network_size(video.info.size, options.look.brush)
            plan = {
                "input": str(source),
                "output": str(output),
                "skip": skips,
                "duration_s": video.info.duration_s,
            }
            plans.append(
                {
                    **plan,
                    "size": size_text(video.info.size),
                    "network_size": size_text(network),
                    "style": options.label,
                }
            )
    return plans


def _paint(
    video: VideoFile, painting: Painting, options: FileOptions, result: Result, started_s: float
) -> None:
    sink = _open_output(result.output, video, options, painting)
    kept = 0
    try:
        with FileProgress(result.source.name, video.info.duration_s) as progress:
            run = painting.into(sink, progress)
        result.output = sink.finish(
            video.last_duration,
            partial_path(result.output, options.overwrite) if video.truncated else None,
        )
    finally:
        kept = sink.discard()
        if kept:
            say(
                f"note: {result.output}: {kept} frames of it are kept; the same command with --resume goes on from there."
            )
    for note in (*video.notes, *sink.notes):
        say(f"note: {note}")
    result.report = _report(run, painting.made_with, options.label, started_s)
    result.report.extra = {
        "damaged": video.damaged,
        "cuts": len(video.cuts),
        "resumed_frames": sink.resumed,
        "thread_s": {
            **run.thread_s,
            "encode": time.thread_time(),
        },  # the last since the program began: it waits for no other
        "notes": [*video.notes, *sink.notes],
        **painting.figures(),
    }
    damaged = f", {video.damaged} damaged packets in the input" if video.damaged else ""
    if video.truncated:
        raise PartialResult(
            f"{video.info.path}: {video.truncated}; the {sink.frames} frames before that are in {result.output}"
        )
    resumed = f", {sink.resumed} of them from before" if sink.resumed else ""
    say(
        f"{result.output}: {sink.frames} frames{resumed} in {result.report.wall_s:.1f} s, {result.report.fps:.1f} fps{damaged}"
    )


def _paint_large(
    picture: LargePicture, engine: Engine, options: FileOptions, result: Result, started_s: float
) -> None:
    if (
        options.resize(picture.size) != picture.size
        or options.side_by_side
        or result.output.suffix.lower() not in PICTURE_FORMATS
    ):
        raise UsageError(
            f"{picture.path}: so large a picture becomes one of its own size, as {' or '.join(PICTURE_FORMATS)}, without --size, "
            "--scale and --side-by-side."
        )
    picture.paint(result.output, engine, options.look, options.tile_px)
    wall_s = time.perf_counter() - started_s
    size = size_text(network_size(picture.size, options.look.brush))
    result.report = Report(
        1, 1, wall_s=wall_s, startup_s=wall_s, fps=1 / wall_s, size=size, style=options.label
    )
    result.report.engine, result.report.device, result.report.precision = (
        engine.name,
        engine.device,
        engine.precision,
    )
    result.report.peak_rss_mb = peak_rss_mb()
    say(f"{result.output}: {size_text(picture.size)} in {wall_s:.1f} s")


def _open_input(source: Path, options: FileOptions) -> VideoFile | LargePicture:
    if options.tile_px is not None and is_large_picture(source):
        return LargePicture(source)
    return VideoFile(
        source,
        options.start_s,
        options.end_s,
        options.resize,
        options.raw_input,
        options.deinterlace,
    )


def _open_output(output: Path, video: VideoFile, options: FileOptions, painting: Painting) -> Sink:
    if output == STDIO:
        return PipeOutput(options.pipe, video.info, painting.size, options.raw_output)
    if output.suffix.lower() in PICTURE_FORMATS:
        return PictureOutput(output, video.info.profile)
    return VideoOutput(
        output,
        video.info,
        options.encoding,
        painting.size,
        painting.made_with,
        painting.remember,
        options.resume,
        overwrite=options.overwrite and not options.resume,
    )


def _report(run: FileRun, made_with: dict[str, Any], style: str, started_s: float) -> Report:
    engine = made_with["engine"]
    wall_s = time.perf_counter() - started_s
    return Report(
        frames_in=run.frames_in,
        frames_out=run.frames_out,
        wall_s=wall_s,
        startup_s=(run.first_out_s or started_s) - started_s,
        fps=run.frames_out / wall_s,
        latency_ms=latency_figures(run.latency),
        stage_ms=stage_figures(run.stages),
        engine=engine["name"],
        device=engine["device"],
        precision=engine["precision"],
        size=size_text(made_with["size_of_the_network"]),
        style=style,
        peak_rss_mb=peak_rss_mb(),
    )
