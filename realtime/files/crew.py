"""Who paints the frames of files: one engine in this process, or a farm (realtime/files/farm)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engines import Engine, ModelFile, Models
from engines.identity import EngineIdentity
from engines.opening import open_alike
from realtime.cli import save_lut
from realtime.files.outputs import open_output
from realtime.files.painter import FilePainter, PaintingPlan, plan_painting
from realtime.files.pipeline import FileRun, Overlapped, run_file
from realtime.files.progress import FileProgress
from realtime.files.replay import replay_on
from realtime.files.stall import StallWatch
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.file_output import FileOutput
from realtime.picture.network_pieces import NetworkPieces
from realtime.stylizer import Stylizer

if TYPE_CHECKING:
    from realtime.files.options import FileOptions

# (height, width) and, where an interrupted run is gone on with, which engine that had.
OpenEngine = Callable[[tuple[int, int], EngineIdentity | None], Engine]


class Painting(Protocol):
    """The painting of one file. ``output`` is open; whoever has this must end it."""

    @property
    def output(self) -> FileOutput:
        """Where it goes."""

    @property
    def made_with(self) -> PaintingPlan:
        """All that decides how its pixels come out."""

    def run(self, progress: FileProgress, watch: StallWatch) -> FileRun:
        """Paint all that ``output`` does not have; ``watch`` ends the process where it hangs.

        The first error of any part of it is raised, after everything has ended.
        """

    def figures(self) -> dict[str, Any]:
        """Return what the report says beside the figures of the run."""


class Crew(Protocol):
    """Paints file after file. Close it at the end."""

    def begin(
        self, video: VideoFile, options: FileOptions, output: Path, before: EngineIdentity | None
    ) -> Painting:
        """Get ready to paint ``video`` into ``output``.

        ``before``: the engine of an interrupted run that is gone on with. Raises any LivebrushError
        of engines and outputs.
        """

    def engine_for(self, size: tuple[int, int], before: EngineIdentity | None, /) -> Engine:
        """Return an engine in this process for what is no video, of (height, width).

        Raises UsageError where there is none.
        """

    def close(self) -> None:
        """End all that paints."""


class OwnEngine:
    """A crew of one: engines in this process, opened for the first file; they serve all.

    open_engine: opens that of the first model. others: models that are painted with, too, by
    engines like that one.
    """

    def __init__(self, open_engine: OpenEngine, others: Sequence[ModelFile] = ()) -> None:
        self._open_engine, self._others = open_engine, others
        self._engines: list[Engine] = []

    def begin(
        self, video: VideoFile, options: FileOptions, output: Path, before: EngineIdentity | None
    ) -> Painting:
        """Get ready, on the engine's GPU where it has one and all that is asked for works there."""
        size = options.engine_size(video.info.size)
        engine = self.engine_for(size, before)
        for model in self._others[len(self._engines) - 1 :]:
            self._engines.append(open_alike(engine, size, model))
        if engine.takes_tensors and options.paints_tensors(output):
            video.decode_on(engine.device)
        timeline, side_by_side, show = options.timeline, options.side_by_side, options.show
        stylizer = prepare_stylizer(self._engines, video.info.size, options)
        replay = replay_on(show, video.info, stylizer) if show else None
        plan = plan_painting(stylizer, video.info.size, timeline, side_by_side, show)
        opened = open_output(output, video, options, plan)
        painter = FilePainter(stylizer, video, timeline, side_by_side, opened.resume, replay)
        under_way = replay.under_way if replay else stylizer.in_flight
        return _PaintingHere(stylizer, video, painter, opened, plan, under_way, options.save_lut)

    def engine_for(self, size: tuple[int, int], before: EngineIdentity | None) -> Engine:
        """Return the first engine that is open, or another one if it is not the one ``before``."""
        if self._engines and before not in (None, EngineIdentity.of(self._engines[0])):
            self.close()
        if not self._engines:
            self._engines.append(self._open_engine(size, before))
        return self._engines[0]

    def close(self) -> None:
        """Close the engines that are open."""
        while self._engines:
            self._engines.pop().close()


@dataclass(frozen=True)
class _PaintingHere:
    stylizer: Stylizer
    video: VideoFile
    painter: FilePainter
    output: FileOutput
    made_with: PaintingPlan
    under_way: int
    lut: Path | None
    """Where the colour table of the grade goes."""

    def run(self, progress: FileProgress, watch: StallWatch) -> FileRun:
        with closing(self.stylizer):
            run = run_file(
                self.video.frames(skip=self.output.resume.has),
                Overlapped(self.painter.begin, self.under_way),
                self.output,
                progress.update,
                self.video.interrupt,
                self.painter.size,
                watch,
            )
        save_lut(self.lut, self.stylizer.table)
        if self.stylizer.note:
            self.output.notes.append(self.stylizer.note)
        return run

    def figures(self) -> dict[str, Any]:
        return {}


def prepare_stylizer(
    engines: Sequence[Engine], size: tuple[int, int], options: FileOptions
) -> Stylizer:
    """Return what paints frames of ``size`` with ``engines``, which are specialised to them.

    Raises EngineLoadError, and UsageError for pieces that this network cannot
    be given.
    """
    pieces = partial(NetworkPieces, tile_px=options.tile_px)
    models = Models(tuple(engine.model for engine in engines)).with_rows(options.rows)
    stylizer = Stylizer(
        engines[0], options.look, pieces=pieces, pictures=options.pictures, models=models
    )
    stylizer.engines = tuple(engines)
    stylizer.prepare(size)
    return stylizer
