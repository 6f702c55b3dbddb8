"""Who paints the frames of files: here, one engine in this process; elsewhere, a farm of them
(realtime/files/farm).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engines import Engine
from realtime.files.painter import FilePainter, engine_identity, made_with, painted_size
from realtime.files.pipeline import FileRun, Overlapped, run_file
from realtime.files.progress import FileProgress
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.picture_file import PictureOutput
from realtime.media.writing.pipe import PipeOutput
from realtime.media.writing.video_file import VideoOutput
from realtime.picture.network_pieces import NetworkPieces
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
        engine = self.engine_for(video.size, options, before)
        if engine.takes_tensors and options.paints_tensors(output):
            video.decode_on(engine.device)
        return _PaintingHere(engine, video, options)

    def engine_for(
        self, size: tuple[int, int], options: FileOptions, before: dict[str, Any] | None
    ) -> Engine:
        if self._engine is not None and before not in (None, engine_identity(self._engine)):
            self.close()
        self._engine = self._engine or self._open_engine(options.engine_size(size), before)
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


class _PaintingHere:
    def __init__(self, engine: Engine, video: VideoFile, options: FileOptions) -> None:
        self._engine, self._video = engine, video
        self._timeline, self._side_by_side = options.timeline, options.side_by_side
        self._stylizer = prepare_stylizer(engine, video.size, options.look, options.tile_px)
        self.size = painted_size(video.size, options.side_by_side)
        self.made_with = made_with(
            self._stylizer, video.size, options.timeline, options.side_by_side
        )

    def into(self, sink: Sink, progress: FileProgress) -> FileRun:
        painter = FilePainter(
            self._stylizer, self._video, self._timeline, self._side_by_side, sink.resume
        )
        return run_file(
            self._video.frames(skip=sink.resume.has),
            Overlapped(painter.begin, self._engine.in_flight),
            sink,
            progress.update,
            self._video.interrupt,
            self.size,
        )

    def figures(self) -> dict[str, Any]:
        return {}


def prepare_stylizer(
    engine: Engine, size: tuple[int, int], look: Look, tile_px: int | None
) -> Stylizer:
    """Return what paints frames of ``size`` with ``engine``, which is specialised to them.

    ``tile_px``: --tile. Raises EngineLoadError, and UsageError for pieces that this network cannot
    be given.
    """
    stylizer = Stylizer(engine, look, tiles=NetworkPieces(engine, tile_px))
    stylizer.prepare(size)
    return stylizer
