"""Paints parts of files in a worker process.

It is the same code over the same frames as in a run on one machine.
"""

from __future__ import annotations

import io
import queue
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from engines import Engine, EngineOptions, ModelFile, load_model, open_engine
from engines.atomic_write import atomic_write
from engines.errors import SourceError
from engines.folders import cache_dir, prune
from realtime.files.crew import prepare_stylizer
from realtime.files.farm.parts import Part
from realtime.files.painter import FilePainter, PaintingPlan, plan_painting
from realtime.files.pipeline import FileRun, Overlapped, run_file
from realtime.frame import FileFrame, FrameMemory
from realtime.media.disk import write_errors
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.manifest import Segment
from realtime.media.writing.segments import Resume, SegmentEncoder, SegmentForm
from realtime.media.writing.video_encoder import VideoEncoder
from realtime.stylizer import Stylizer

if TYPE_CHECKING:
    from realtime.files.options import FileOptions
    from realtime.frame import Pixels

_CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Job:
    """What all parts of one file have in common."""

    number: int
    """Tells it from other jobs of the run."""
    source: Path
    fingerprint: str
    """That of the file that is meant."""
    size: tuple[int, int]
    """(height, width) to paint."""
    options: FileOptions
    engine: tuple[str, EngineOptions]
    """As for ``open_engine``."""


@dataclass(frozen=True)
class Opened:
    """What a worker paints with."""

    made_with: PaintingPlan
    note: str
    """Why it took this engine."""


@dataclass(frozen=True)
class Finished:
    """One segment."""

    number: int
    content: bytes
    """Its file."""
    segment: Segment
    memory: FrameMemory
    """What the painter remembered after it."""


@dataclass(frozen=True)
class PartRun:
    """The end of a part."""

    run: FileRun
    read_whole: bool
    """It could not be reached by seeking, so the file was read from its start."""


@dataclass(frozen=True)
class _OpenEngine:
    choice: tuple[str, EngineOptions]
    engine: Engine


@dataclass(frozen=True)
class _OpenVideo:
    job_number: int
    video: VideoFile


class PartPainter:
    """Keeps its engine warm from part to part.

    ``model_files``: as ``pack_model`` gives them; ``node``: what errors shall call the machine. One
    thread.
    """

    def __init__(self, model_files: dict[str, bytes], node: str) -> None:
        self._model = _unpack(model_files)
        self._node = node
        self._engine: _OpenEngine | None = None
        self._video: _OpenVideo | None = None

    def open(self, job: Job) -> Iterator[Opened]:
        """Get ready for ``job``, as far as this is not so already."""
        stylizer = self._prepare(job)
        options = job.options
        plan = plan_painting(stylizer, job.size, options.timeline, options.side_by_side)
        yield Opened(plan, stylizer.engine.note)

    def paint(
        self, job: Job, form: SegmentForm, part: Part, cuts: Sequence[Fraction]
    ) -> Iterator[Opened | Finished | PartRun]:
        """Do as ``open``; yield each segment as soon as it is finished, and the figures at the end.

        ``cuts``: as VideoFile has them. Raises any LivebrushError of reading, painting and
        encoding.
        """
        yield from self.open(job)
        video = self._open_video(job)
        video.cuts = list(cuts)
        told: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        frames = _PartFrames(job, part, video, self._node)
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(self._run, job, form, part, frames, told)
            run.add_done_callback(lambda _: told.put(None))
            while (finished := told.get()) is not None:
                yield finished
            yield PartRun(run.result(), frames.read_whole)

    def _run(
        self,
        job: Job,
        form: SegmentForm,
        part: Part,
        frames: _PartFrames,
        told: queue.SimpleQueue[Finished | None],
    ) -> FileRun:
        stylizer, video, options = self._prepare(job), self._open_video(job), job.options
        resume = Resume(memory_after=lambda _: part.memory or {})
        painter = FilePainter(stylizer, video, options.timeline, options.side_by_side, resume)
        info = options.painted_info(video.info)
        encoder = VideoEncoder(form.path, info, options.encoding, painter.size, form.threads)
        segments = SegmentEncoder(
            encoder,
            form,
            resume,
            io.BytesIO,
            lambda number, written, segment, memory: told.put(
                Finished(number, written.getvalue(), segment, memory)
            ),
        )
        with closing(frames.read()) as read, write_errors(form.path, encoder.codec):
            try:
                run = run_file(
                    read,
                    Overlapped(painter.begin, stylizer.in_flight),
                    _FramesFrom(part.first, segments),
                    size=painter.size,
                )
                segments.end()
            finally:
                segments.discard()
                stylizer.close()
        return run

    def _prepare(self, job: Job) -> Stylizer:
        video, engine = self._open_video(job), self._open_engine(job)
        return prepare_stylizer([engine], video.info.size, job.options)

    def _open_engine(self, job: Job) -> Engine:
        if self._engine is None or self._engine.choice != job.engine:
            if self._engine is not None:
                self._engine.engine.close()
                self._engine = None
            name, options = job.engine
            size = job.options.engine_size(job.size)
            self._engine = _OpenEngine(job.engine, open_engine(name, self._model, options, size))
        return self._engine.engine

    def _open_video(self, job: Job) -> VideoFile:
        if self._video is None or self._video.job_number != job.number:
            if self._video is not None:
                self._video.video.close()
                self._video = None
            video = _read_from(job, job.options.start_s) if job.source.is_file() else None
            if video is None or video.info.fingerprint() != job.fingerprint:
                raise SourceError(
                    f"{job.source}: {self._node} does not see it, or sees another file there. With "
                    "--cluster every machine must see the input under the same path."
                )
            self._video = _OpenVideo(job.number, video)
        return self._video.video


class _PartFrames:
    """The frames of ``part``, each proved to be the one that is meant.

    ``video``: the file as it is opened for the whole job. ``read_whole``: seeking did not lead to
    the same pictures, as in files without whole keyframes, so the file was read from its start, as
    a run on one machine does.
    """

    def __init__(self, job: Job, part: Part, video: VideoFile, node: str) -> None:
        self.read_whole = False
        self._job, self._moments = job, part.moments
        self._time_base = video.info.time_base
        self._node = node

    def read(self) -> Generator[FileFrame, None, None]:
        """Yield them in order. Raises SourceError where the file reads differently here."""
        moments, place = self._moments, 0
        if moments[0].index > 0:
            for frame in self._frames_from(moments[0].pts):
                moment = moments[place]
                if (frame.pts, frame.mark) != (moment.pts, moment.mark):
                    break
                yield replace(frame, index=moment.index, is_cut=moment.is_cut)
                place += 1
                if place == len(moments):
                    return
            self.read_whole = True
        with _read_from(self._job, self._job.options.start_s) as video:
            for frame in video.frames(skip=range(moments[place].index).__contains__):
                moment = moments[place]
                if frame.pts != moment.pts:
                    break
                yield frame
                place += 1
                if place == len(moments):
                    return
        raise SourceError(
            f"{self._job.source}: reads differently on {self._node}, at frame "
            f"{moments[place].index}."
        )

    def _frames_from(self, pts: int) -> Iterator[FileFrame]:
        """Yield them by seeking; none where that fails."""
        try:
            video = _read_from(self._job, pts * self._time_base, seeks=True)
        except SourceError:
            return
        with video:
            yield from video.frames()


def _read_from(job: Job, start_s: Fraction | None, seeks: bool = False) -> VideoFile:
    options = job.options
    return VideoFile(
        job.source,
        start_s,
        options.end_s,
        lambda _: job.size,
        deinterlace=options.deinterlace,
        seeks=seeks,
    )


class _FramesFrom:
    """Lets only frames from ``first`` on through; those before are there to warm up."""

    def __init__(self, first: int, segments: SegmentEncoder[io.BytesIO]) -> None:
        self._first, self._segments = first, segments

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        if frame.index >= self._first:
            self._segments.write(frame, pixels)


def pack_model(model: ModelFile) -> dict[str, bytes]:
    """Return the files of ``model`` by name, to be sent to where they may not be installed."""
    paths = (model.path, model.int8_path, model.weights_path)
    return {path.name: path.read_bytes() for path in paths if path is not None}


def _unpack(files: dict[str, bytes]) -> ModelFile:
    digest = sha256(b"".join(sha256(content).digest() for content in files.values())).hexdigest()[
        :24
    ]
    folder = cache_dir() / "farm"
    prune(folder, _CACHE_BYTES, "*/*")
    folder = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if not (folder / name).exists():
            with atomic_write(folder / name) as written:
                written.write_bytes(content)
    return load_model(folder / next(iter(files)))
