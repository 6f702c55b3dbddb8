"""Who paints the frames of files: here, one engine in this process; elsewhere, a farm of them
(realtime/files/farm).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engines import Engine
from realtime.files.painter import FilePainter, engine_identity
from realtime.files.pipeline import FileRun, Overlapped, run_file
from realtime.files.progress import FileProgress
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.picture_file import PictureOutput
from realtime.media.writing.pipe import PipeOutput
from realtime.media.writing.segments import FrameMemory
from realtime.media.writing.video_file import VideoOutput
from realtime.picture.network_pieces import NetworkPieces, largest_piece
from realtime.picture.sizes import network_size
from realtime.stylizer import Stylizer

if TYPE_CHECKING:
    from realtime.files.options import FileOptions

# (height, width) and, where an interrupted run is gone on with, what ``Engine`` that had: as
# ``engine_identity`` gives it.
OpenEngine = Callable[[tuple[int, int], dict[str, Any] | None], Engine]
Sink = PictureOutput | VideoOutput | PipeOutput


class Painting(Protocol):
    """The painting of one file.

    ``size``: (height, width) of what comes out; ``made_with``: as FilePainter has it.
    """

    size: tuple[int, int]
    made_with: dict[str, Any]

    def remember(self, index: int) -> FrameMemory:
        """What is remembered after frame ``index``, where ``into`` writes frame by frame."""

    def into(self, sink: Sink, progress: FileProgress) -> FileRun:
        """Paint all that ``sink`` does not have.

        The first error of any part of it is raised, after everything has ended.
        """

    def figures(self) -> dict[str, Any]:
        """For the report, beside those of the run."""


class Crew(Protocol):
    """Paints file after file. Close it at the end."""

    def painting_of(
        self, video: VideoFile, options: FileOptions, output: Path, before: dict[str, Any] | None
    ) -> Painting:
        """Get ready for ``video``, to be painted into ``output``.

        ``before``: the engine of an interrupted run that is gone on with.
        """

    def engine_for(
        self, size: tuple[int, int], options: FileOptions, before: dict[str, Any] | None
    ) -> Engine:
        """An engine in this process for what is no video, of (height, width).

        Raises UsageError where there is none.
        """

    def close(self) -> None: ...


class OwnEngine:
    """The crew of one: an engine in this process, opened by ``open_engine`` for the first file; it
    serves all.
    """

    def __init__(self, open_engine: OpenEngine) -> None:
        self._open_engine = open_engine
        self._engine: Engine | None = None

    def painting_of(
        self, video: VideoFile, options: FileOptions, output: Path, before: dict[str, Any] | None
    ) -> Painting:
        engine = self.engine_for(video.info.size, options, before)
        if engine.takes_tensors and options.paints_tensors(output):
            video.decode_on(engine.device)
        return _PaintingHere(engine, video, options)

    def engine_for(
        self, size: tuple[int, int], options: FileOptions, before: dict[str, Any] | None
    ) -> Engine:
        if self._engine is not None and before not in (None, engine_identity(self._engine)):
            self.close()
        size = largest_piece(network_size(size, options.look.brush), options.tile_px)
        self._engine = self._engine or self._open_engine(size, before)
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


class _PaintingHere:
    def __init__(self, engine: Engine, video: VideoFile, options: FileOptions) -> None:
        self._engine, self._video = engine, video
        self._painter = painter_of(engine, video, options)
        self.size = self._painter.size
        self.made_with = self._painter.made_with()
        self.remember = self._painter.remember

    def into(self, sink: Sink, progress: FileProgress) -> FileRun:
        has = lambda index: False  # noqa: E731
        if sink.resumed:  # so it is a VideoOutput
            has, self._painter.recall = sink.has, sink.state_before
        overlapped = Overlapped(self._painter.begin, self._engine.in_flight)
        return run_file(
            self._video.frames(skip=has),
            overlapped,
            sink,
            progress.update,
            self._video.interrupt,
            self.size,
        )

    def figures(self) -> dict[str, Any]:
        return {}


def painter_of(engine: Engine, video: VideoFile, options: FileOptions) -> FilePainter:
    """What paints ``video`` as ``options`` say, with ``engine`` specialised to its size.

    Raises EngineLoadError.
    """
    stylizer = Stylizer(engine, options.look, tiles=NetworkPieces(engine, options.tile_px))
    stylizer.prepare(video.info.size)
    return FilePainter(stylizer, video, options.timeline, options.side_by_side)
