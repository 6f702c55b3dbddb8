"""Paints parts of files in a worker process: the same code over the same frames as in a run on one
machine.
"""

from __future__ import annotations

import io
import os
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines import Engine, EngineOptions, ModelFile, load_model, open_engine
from engines.cache import cache_dir, prune
from engines.errors import SourceError
from realtime.files.crew import painter_of
from realtime.files.farm.parts import Part
from realtime.files.pipeline import FileRun, Overlapped, run_file
from realtime.frame import FileFrame
from realtime.media.disk import write_errors
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.segments import FrameMemory, SegmentEncoder
from realtime.media.writing.video_encoder import VideoEncoder
from realtime.media.writing.work_folder import Segment
from realtime.picture.network_pieces import largest_piece
from realtime.picture.sizes import network_size

if TYPE_CHECKING:
    from realtime.files.options import FileOptions

_CACHE_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Job:
    """What all parts of one file have in common.

    ``number`` tells it from other jobs of the run; ``fingerprint`` is that of the file that is
    meant, ``size`` the (height, width) to paint; ``engine`` as for ``open_engine``.
    ``encoder_threads``, ``suffix`` and ``shift`` are those of the VideoOutput.
    """

    number: int
    source: Path
    fingerprint: str
    output: Path
    size: tuple[int, int]
    options: FileOptions
    engine: tuple[str, EngineOptions]
    encoder_threads: int = 0
    suffix: str = ""
    shift: int = 0


@dataclass(frozen=True)
class Opened:
    """What a worker paints with: ``size`` and ``made_with`` as FilePainter has them, and why it
    took this engine.
    """

    size: tuple[int, int]
    made_with: dict[str, Any]
    note: str


@dataclass(frozen=True)
class Finished:
    """One segment. ``content``: its file. ``state``: what the painter remembered after it."""

    number: int
    content: bytes
    segment: Segment
    state: FrameMemory


@dataclass(frozen=True)
class PartRun:
    """The end of a part.

    ``read_whole``: it could not be reached by seeking, so the file was read from its start.
    """

    run: FileRun
    read_whole: bool


class PartPainter:
    """Keeps its engine warm from part to part.

    ``model_files``: as ``packed`` gives them; ``node``: what errors shall call the machine. One
    thread.
    """

    def __init__(self, model_files: dict[str, bytes], node: str) -> None:
        self._model = _unpacked(model_files)
        self._node = node
        self._engine: Engine | None = None
        self._choice: tuple[str, EngineOptions] | None = None
        self._video: VideoFile | None = None
        self._job_number: int | None = None
        self._read_whole = False

    def open(self, job: Job) -> Iterator[Opened]:
        """Get ready for ``job``, as far as this is not so already."""
        if self._job_number != job.number:
            self._open_video(job)
        if self._choice != job.engine:
            if self._engine is not None:
                self._engine.close()
            name, options = job.engine
            size = largest_piece(
                network_size(job.size, job.options.look.brush), job.options.tile_px
            )
            self._engine = open_engine(name, self._model, options, size)
            self._choice = job.engine
        painter = painter_of(self._engine, self._video, job.options)
        yield Opened(painter.size, painter.made_with(), self._engine.note)

    def paint(
        self, job: Job, part: Part, cuts: Sequence[Fraction]
    ) -> Iterator[Opened | Finished | PartRun]:
        """``open``; then each segment as soon as it is finished, and the figures at the end.

        ``cuts``: as VideoFile has them. Raises any LivebrushError of reading, painting and
        encoding.
        """
        yield from self.open(job)
        self._video.cuts = list(cuts)
        told: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(self._run, job, part, told)
            run.add_done_callback(lambda _: told.put(None))
            while (finished := told.get()) is not None:
                yield finished
            yield PartRun(run.result(), self._read_whole)

    def _run(self, job: Job, part: Part, told: queue.SimpleQueue[Finished | None]) -> FileRun:
        painter = painter_of(self._engine, self._video, job.options)
        painter.recall = lambda index: part.state or {}
        encoder = VideoEncoder(
            job.output, self._video.info, job.options.encoding, painter.size, job.encoder_threads
        )
        segments = SegmentEncoder(
            encoder,
            job.suffix,
            job.shift,
            io.BytesIO,
            painter.remember,
            lambda number, written, segment, state: told.put(
                Finished(number, written.getvalue(), segment, state)
            ),
        )
        with closing(self._frames(job, part)) as frames, write_errors(job.output, encoder.codec):
            try:
                run = run_file(
                    frames,
                    Overlapped(painter.begin, self._engine.in_flight),
                    _From(part.first, segments),
                    size=painter.size,
                )
                segments.end()
            finally:
                segments.discard()
        return run

    def _frames(self, job: Job, part: Part) -> Iterator[FileFrame]:
        """The frames of ``part``, each proved to be the one that is meant: by seeking; where that
        does not lead to the same pictures, as in files without whole keyframes, by reading from
        the start, as a run on one machine does.
        """
        moments = part.moments
        place = 0
        self._read_whole = False
        if moments[0].index > 0:
            for frame in self._frames_from(job, moments[0].pts):
                moment = moments[place]
                if (frame.pts, frame.mark) != (moment.pts, moment.mark):
                    break
                yield replace(frame, index=moment.index, is_cut=moment.is_cut)
                place += 1
                if place == len(moments):
                    return
            self._read_whole = True
        with self._opened(job) as video:
            for frame in video.frames(skip=range(moments[place].index).__contains__):
                moment = moments[place]
                if frame.pts != moment.pts:
                    break
                yield frame
                place += 1
                if place == len(moments):
                    return
        raise SourceError(
            f"{job.source}: reads differently on {self._node}, at frame {moments[place].index}."
        )

    def _frames_from(self, job: Job, pts: int) -> Iterator[FileFrame]:
        """By seeking; none where that fails."""
        start_s = pts * self._video.info.time_base - self._video.info.origin_s
        try:
            video = self._opened(job, start_s)
        except SourceError:
            return
        with video:
            yield from video.frames()

    def _open_video(self, job: Job) -> None:
        self._job_number = None
        if self._video is not None:
            self._video.close()
        self._video = self._opened(job) if job.source.is_file() else None
        if self._video is None or self._video.info.fingerprint() != job.fingerprint:
            raise SourceError(
                f"{job.source}: {self._node} does not see it, or sees another file there. With --cluster every machine must "
                "see the input under the same path."
            )
        self._job_number = job.number

    @staticmethod
    def _opened(job: Job, start_s: Fraction | None = None) -> VideoFile:
        options = job.options
        start_s = options.start_s if start_s is None else start_s
        return VideoFile(
            job.source, start_s, options.end_s, lambda _: job.size, deinterlace=options.deinterlace
        )


class _From:
    """Lets only frames from ``first`` on through; those before are there to warm up."""

    def __init__(self, first: int, segments: SegmentEncoder) -> None:
        self._first, self._segments = first, segments

    def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
        if frame.index >= self._first:
            self._segments.write(frame, pixels)


def packed(model: ModelFile) -> dict[str, bytes]:
    """The files of ``model`` by name, to be sent to where they may not be installed."""
    paths = (model.path, model.int8_path, model.weights_path)
    return {path.name: path.read_bytes() for path in paths if path is not None}


def _unpacked(files: dict[str, bytes]) -> ModelFile:
    digest = sha256(b"".join(sha256(content).digest() for content in files.values())).hexdigest()[
        :24
    ]
    folder = cache_dir() / "farm"
    prune(folder, _CACHE_BYTES, "*/*")
    folder = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if not (folder / name).exists():
            written = folder / f"{name}.{os.getpid()}"
            written.write_bytes(content)
            os.replace(written, folder / name)
    return load_model(folder / next(iter(files)))
