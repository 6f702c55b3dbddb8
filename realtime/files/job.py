"""Paints one file into another, or says what it would do.

The same for many files, where one that fails stops no other.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import Engine
from engines.errors import LivebrushError, PartialResult, SinkError, SourceError, UsageError
from realtime.cli import say
from realtime.exits import error_line, last_words
from realtime.files.crew import Crew, Painting
from realtime.files.large_picture import LargePicture, is_large_picture
from realtime.files.options import FileOptions
from realtime.files.outputs import check_output, identify, make_folder, partial_path
from realtime.files.painter import PaintingPlan
from realtime.files.pipeline import FileRun
from realtime.files.progress import FileProgress
from realtime.files.replay import steps_on
from realtime.files.stall import StallWatch
from realtime.media.format_registry import ANIMATION_ENDINGS, PICTURE_FORMATS, VIDEO_FORMATS
from realtime.media.names import output_exists
from realtime.media.pipes import STDIO
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.video_encoder import alpha_format
from realtime.media.writing.work_folder import recorded_engine
from realtime.picture.sizes import network_size, size_text
from realtime.report import Report, latency_figures, peak_rss_mb, stage_figures

# (input, output) of each file.
Jobs = Sequence[tuple[Path, Path]]

# What of an input is missing in its painting that one would hear or read.
_LEFT_OUT = ("sound: a track", "subtitles: a track")

# What concerns one file alone, so that the others are painted all the same.
_OF_ONE_FILE = (SourceError, SinkError, UsageError, PartialResult)


@dataclass(frozen=True)
class Result:
    """How one file went."""

    source: Path
    output: Path
    """Where it is; where it was to be, if there is none."""
    report: Report = field(default_factory=Report)
    error: LivebrushError | None = None
    """None if all went well; with a PartialResult there is a file all the same."""

    @property
    def skipped(self) -> bool:
        """Whether its output was there already and ``-n`` or ``--resume`` was given."""
        return bool(self.report.extra.get("skipped"))

    @property
    def left_out(self) -> bool:
        """Whether a track of sound or subtitles had to be left out."""
        return bool(self.report.extra.get("left_out"))

    @property
    def damaged(self) -> bool:
        """Whether damage in the input was concealed."""
        return bool(self.report.extra.get("damaged"))

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready, with the fields of its report beside its own."""
        failed = {"error": str(self.error), "exit_code": self.error.exit_code} if self.error else {}
        return {
            "input": str(self.source),
            "output": str(self.output),
            **self.report.as_dict(),
            **failed,
        }


def run_jobs(
    jobs: Jobs,
    options: FileOptions,
    crew: Crew,
    started_s: float | None = None,
    is_all: bool = True,
) -> Iterator[Result]:
    """Have ``crew`` paint every (input, output) and tell how each went.

    ``started_s``: when the program began, on ``time.perf_counter``; it counts for the first file.
    ``is_all``: whether the call paints nothing else; the error of its only file is the caller's to
    tell.

    An input or output that fails is reported and left; an engine that fails would fail for all: its
    result comes, and then the error is raised.
    """
    sources = identify([source for source, _ in jobs])
    check_encoding(options.encoding, [output for _, output in jobs])
    for source, output in jobs:
        started_s = started_s or time.perf_counter()
        try:
            result = _run_job(source, output, sources, options, crew, started_s)
        except LivebrushError as error:
            result = Result(source, output, error=error)
        yield result
        if result.error and not isinstance(result.error, _OF_ONE_FILE):
            raise result.error
        if result.error and (len(jobs) > 1 or not is_all):
            say(error_line(result.error))
        started_s = None


def check_encoding(encoding: Encoding, outputs: Sequence[Path]) -> None:
    """Raise UsageError for an encoder or a setting that cannot be, before any work is done."""
    for output in outputs if encoding.keeps_alpha else ():
        if not _keeps_alpha(encoding, output):
            what = "a pipe" if output == STDIO else output.suffix or f"{output}"
            raise UsageError(
                f"--behind alpha: {what} keeps no transparency so. Name the output NAME.webm, "
                "NAME.mov (ProRes 4444) or NAME.mkv (FFV1), without --vcodec; a picture NAME.png."
            )
    asked = any(value is not None for value in (encoding.codec, encoding.crf, encoding.preset))
    if asked and any(output.suffix.lower() in ANIMATION_ENDINGS for output in outputs):
        raise UsageError("--vcodec, --crf and --preset: a GIF has no such settings.")
    for suffix in {output.suffix.lower() for output in outputs} & set(VIDEO_FORMATS):
        encoding.options_for(Path(f"output{suffix}"))


def _keeps_alpha(encoding: Encoding, output: Path) -> bool:
    suffix = output.suffix.lower()
    if suffix in VIDEO_FORMATS:
        return alpha_format(encoding.codec_for(output), output, 8) is not None
    return suffix in PICTURE_FORMATS and PICTURE_FORMATS[suffix].keeps_alpha


@dataclass(frozen=True)
class JobPlan:
    """What would be done with one file. Its fields stand in --json."""

    input: str
    output: str
    skip: bool
    """Whether its output is there already and ``-n`` was given."""
    duration_s: float | None
    """How long that lasts which is read; None if unknown."""
    size: str
    network_size: str
    style: str


def plan_jobs(jobs: Jobs, options: FileOptions) -> list[JobPlan]:
    """Return what ``run_jobs`` would do, without an engine and without writing.

    Raises the first error that a run would meet.
    """
    check_encoding(options.encoding, [output for _, output in jobs])
    plans, sources = [], identify([source for source, _ in jobs])
    for source, output in jobs:
        skips = options.skip_existing and output_exists(output)
        if not skips and (output.parent.is_dir() or not options.make_folders):
            check_output(output, sources, options.overwrite)
        with _open_input(source, options) as video:
            known = video if isinstance(video, LargePicture) else video.info
            plans.append(
                JobPlan(
                    input=str(source),
                    output=str(output),
                    skip=skips,
                    duration_s=known.duration_s,
                    size=size_text(known.size),
                    network_size=size_text(network_size(known.size, options.look.brush)),
                    style=options.label,
                )
            )
    return plans


def _run_job(
    source: Path,
    output: Path,
    sources: Mapping[object, Path],
    options: FileOptions,
    crew: Crew,
    started_s: float,
) -> Result:
    flag = _flag_that_skips(options)
    if flag and output_exists(output):
        say(f"{output}: exists, skipped ({flag})")
        return Result(source, output, Report(extra={"skipped": True}))
    if options.make_folders:
        make_folder(output)
    check_output(output, sources, options.overwrite)
    before = recorded_engine(output) if options.resume else None
    with contextlib.ExitStack() as opened:
        watch = opened.enter_context(_watch(source, output, options))
        with watch.step("open"):
            video = _open_input(source, options)
        opened.enter_context(video)
        with watch.step("engine"):
            if isinstance(video, LargePicture):
                engine = crew.engine_for(options.engine_size(video.size), before)
            else:
                painting = crew.begin(video, options, output, before)
        if isinstance(video, LargePicture):
            with watch.step("finish"):
                return _paint_large(video, output, engine, options, started_s)
        return _paint(video, output, painting, options, started_s, watch)


def _watch(source: Path, output: Path, options: FileOptions) -> StallWatch:
    """Return what ends the process where painting hangs; at a pipe, others may take their time."""
    at_pipes = {"open": source, "decode": source, "encode": output, "finish": output}
    unwatched = [step for step, path in at_pipes.items() if path == STDIO]
    return StallWatch(str(source), options.stall_s, unwatched)


def _flag_that_skips(options: FileOptions) -> str | None:
    """Return the flag by which a file is skipped whose output is there."""
    if options.skip_existing:
        return "-n"
    # A run that was killed had finished some of its files.
    return "--resume" if options.resume and not options.overwrite else None


def _paint(
    video: VideoFile,
    output: Path,
    painting: Painting,
    options: FileOptions,
    started_s: float,
    watch: StallWatch,
) -> Result:
    sink = painting.output
    said = list(sink.notes)  # before hours of painting: what becomes of the tracks
    for note in said:
        say(f"note: {note}")
    words = f"note: {output}: finished segments are kept; the same command with --resume goes on."
    try:
        with (
            FileProgress(
                video.info.path.name, video.info.duration_s, every_s=options.progress_s
            ) as progress,
            last_words(words if output != STDIO else ""),
        ):
            run = painting.run(progress, watch)
        name = partial_path(output, options.overwrite) if video.truncated else None
        with watch.step("finish"):
            written = sink.finish(video.last_duration, name)
    finally:
        kept = sink.discard()
        if kept:
            say(
                f"note: {output}: {kept} frames of it are kept; the same command with --resume "
                "goes on from there."
            )
    notes = [*video.notes, *sink.notes]
    for note in notes:
        if note not in said:
            say(f"note: {note}")
    report = _make_report(run, painting.made_with, options.label, started_s)
    report.extra = {
        "damaged": video.damaged,
        "cuts": len(video.cuts),
        "resumed_frames": sink.resume.frames,
        # That of this thread since the program began: it waits for no other.
        "thread_s": {**run.thread_s, "encode": time.thread_time()},
        "notes": notes,
        "left_out": [note for note in sink.notes if note.startswith(_LEFT_OUT)],
        **painting.figures(),
    }
    if video.truncated:
        error = PartialResult(
            f"{video.info.path}: {video.truncated}; the {sink.frames} frames that could be read "
            f"are in {written}"
        )
        return Result(video.info.path, written, report, error)
    damaged = f", {video.damaged} damaged packets in the input" if video.damaged else ""
    resumed = f", {sink.resume.frames} of them from before" if sink.resume.frames else ""
    say(
        f"{written}: {sink.frames} frames{resumed} in {report.wall_s:.1f} s, "
        f"{report.fps:.1f} fps{damaged}"
    )
    return Result(video.info.path, written, report)


def _paint_large(
    picture: LargePicture, output: Path, engine: Engine, options: FileOptions, started_s: float
) -> Result:
    if (
        options.resize(picture.size) != picture.size
        or options.look.sees_people
        or options.look.grade
        or options.side_by_side
        or output.suffix.lower() not in PICTURE_FORMATS
    ):
        raise UsageError(
            f"{picture.path}: so large a picture becomes one of its own size, as "
            f"{' or '.join(PICTURE_FORMATS)}, without --size, --scale, --side-by-side, --paint, "
            "--behind, --face and a grade."
        )
    say(f"note: {picture.path}: {size_text(picture.size)}, painted in strips; this takes a while.")
    with FileProgress(picture.path.name, 1.0, every_s=options.progress_s) as progress:
        picture.paint(
            output,
            engine,
            options.look,
            options.tile_px,
            lambda done: progress.show(done, 0, 0.0),
            options.rows,
        )
        progress.show(1.0, 0, 0.0)  # libvips does not always say so of its last strip
    wall_s = time.perf_counter() - started_s
    report = Report(
        frames_in=1,
        frames_out=1,
        wall_s=wall_s,
        startup_s=wall_s,
        fps=1 / wall_s,
        engine=engine.name,
        device=engine.device,
        precision=engine.precision,
        size=size_text(network_size(picture.size, options.look.brush)),
        style=options.label,
        peak_rss_mb=peak_rss_mb(),
    )
    say(f"{output}: {size_text(picture.size)} in {wall_s:.1f} s")
    return Result(picture.path, output, report)


def _open_input(source: Path, options: FileOptions) -> VideoFile | LargePicture:
    """Open ``source``. Raises SourceError, and UsageError for one that is not the show's."""
    if options.show is None and options.tile_px is not None and is_large_picture(source):
        picture = LargePicture(source)
        pixels = math.prod(picture.size)
        if options.max_pixels is not None and pixels > options.max_pixels:
            raise SourceError(
                f"{source}: {size_text(picture.size)} is {pixels} pixels, more than --max-pixels "
                f"{options.max_pixels}."
            )
        return picture
    video = VideoFile(
        source,
        options.start_s,
        options.end_s,
        options.resize,
        options.raw_input,
        options.deinterlace,
    )
    if options.show:
        try:
            steps_on(options.show, video.info)
        except UsageError:
            video.close()
            raise
    return video


def _make_report(run: FileRun, made_with: PaintingPlan, style: str, started_s: float) -> Report:
    wall_s = time.perf_counter() - started_s
    return Report(
        frames_in=run.frames_in,
        frames_out=run.frames_out,
        wall_s=wall_s,
        startup_s=(run.first_out_s or started_s) - started_s,
        fps=run.frames_out / wall_s,
        latency_ms=latency_figures(run.latency),
        stage_ms=stage_figures(run.stages),
        engine=made_with.engine.name,
        device=made_with.engine.device,
        precision=made_with.engine.precision,
        size=size_text(made_with.size_of_the_network),
        style=style,
        peak_rss_mb=peak_rss_mb(),
    )
