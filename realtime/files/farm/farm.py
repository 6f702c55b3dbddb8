"""Paints files on a cluster.

A file is divided, its parts are handed out, and what comes back is put into the same folder of
segments that a run on one machine fills.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines import Engine, EngineOptions, ModelFile
from engines.base import PRECISIONS
from engines.errors import EngineRunError, UsageError
from engines.identity import EngineIdentity
from realtime.cli import say
from realtime.files.farm.camera_track import CameraTrack
from realtime.files.farm.cluster import Cluster, Ended, Lost, Made, Worker
from realtime.files.farm.part_painter import Finished, Job, Opened, PartRun
from realtime.files.farm.parts import Part, divide, segments_per_part
from realtime.files.farm.scan import Scan
from realtime.files.outputs import open_video_output
from realtime.files.painter import PaintingPlan
from realtime.files.pipeline import FileRun
from realtime.files.progress import FileProgress
from realtime.files.stall import StallWatch
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.segments import SEGMENT_FRAMES
from realtime.media.writing.video_file import VideoOutput
from realtime.stylizer import follows_camera, frames_remembered
from realtime.timing import Samples

if TYPE_CHECKING:
    from realtime.files.options import FileOptions

_POLL_S = 0.2
# What has ended that many workers would end all of them.
_MAX_LOSSES = 4
# How long a file is taken to be that does not tell.
_UNKNOWN_S = 600.0

# What an interrupted run had, or None -> as for ``open_engine``.
ChooseEngine = Callable[[EngineIdentity | None], tuple[str, EngineOptions]]


class Farm:
    """A crew (realtime/files/crew.py) of workers on a cluster, which stay from file to file.

    ``address``: as ``Cluster`` takes it.
    """

    def __init__(self, address: str, model: ModelFile, choose_engine: ChooseEngine) -> None:
        self._choose_engine = choose_engine
        self._numbers = itertools.count()
        self._model = model
        self._cluster = Cluster(address, model)

    def begin(
        self, video: VideoFile, options: FileOptions, output: Path, before: EngineIdentity | None
    ) -> FarmPainting:
        """Have one worker open the engine; the others will be told to take the same."""
        name, engine = self._choose_engine(before)
        engine = replace(engine, device="cpu", threads=engine.threads or self._cluster.cpus)
        job = Job(
            next(self._numbers),
            video.info.path.absolute(),
            video.info.fingerprint(),
            video.info.size,
            replace(options, resize=_keep_size),
            (name, engine),
        )
        opened = self._open_engine(job)
        taken = opened.made_with.engine
        if name == "auto":
            note = f" ({opened.note})" if opened.note else ""
            say(f"engine: {taken.name}, {taken.precision} on {taken.device}{note}")
        precision = taken.precision if taken.precision in PRECISIONS else engine.precision
        job = replace(job, engine=(taken.name, replace(engine, precision=precision)))
        sink = open_video_output(output, video, options, opened.made_with)
        return FarmPainting(self._cluster, video, job, sink, opened.made_with, self._model)

    def engine_for(self, _size: tuple[int, int], _before: EngineIdentity | None, /) -> Engine:
        """Raise UsageError: there is no engine in this process."""
        raise UsageError("--cluster paints videos. Leave it out for pictures.")

    def close(self) -> None:
        """End all workers."""
        self._cluster.close()

    def _open_engine(self, job: Job) -> Opened:
        opened: Opened | None = None
        asked: Worker | None = None
        losses = 0
        while True:
            self._cluster.grow(1)
            if asked is None and self._cluster.free:
                asked = self._cluster.free[0]
                self._cluster.begin(asked, "open", job)
            event = self._cluster.next_event(_POLL_S)
            if isinstance(event, Made) and isinstance(event.item, Opened):
                opened = event.item
            elif isinstance(event, Ended) and opened is not None:
                return opened
            elif isinstance(event, Lost) and event.worker is asked:
                asked, losses = None, losses + 1
                if losses == _MAX_LOSSES:
                    raise EngineRunError(
                        f"--cluster: {losses} workers ended one after the other while they opened "
                        "the engine."
                    )


class FarmPainting:
    """The painting (realtime/files/crew.py) of one file.

    ``made_with`` is what all workers must paint with; ``job`` and ``output`` are made from it.
    """

    def __init__(
        self,
        cluster: Cluster,
        video: VideoFile,
        job: Job,
        output: VideoOutput,
        made_with: PaintingPlan,
        model: ModelFile,
    ) -> None:
        self.output = output
        self._model = model
        self.made_with = made_with
        self._cluster, self._video, self._job = cluster, video, job
        self._waiting: deque[Part] = deque()
        self._under_way: dict[Worker, Part] = {}
        self._silence = _Silence(job.options.stall_s)
        self._losses: Counter[int] = Counter()
        self._machines: set[str] = set()
        self._workers: set[Worker] = set()
        self._segments = 0
        self._read_whole = 0
        self._run = FileRun()

    def run(self, progress: FileProgress, watch: StallWatch) -> FileRun:
        """Have the workers paint all that the output does not have."""
        video, cluster, output = self._video, self._cluster, self.output
        frames = float((video.info.duration_s or _UNKNOWN_S) * video.info.rate)
        warm_up = frames_remembered(self._job.options.look)
        segments = segments_per_part(frames, cluster.room, warm_up)
        scan = self._make_scan(segments, warm_up)
        started_s = time.perf_counter()
        with scan:
            try:
                while not scan.ended or self._waiting or self._under_way:
                    self._waiting.extend(scan.take_parts())
                    self._hand_out()
                    event = cluster.next_event(_POLL_S)
                    with watch.step("encode"):
                        self._handle(event)
                    self._drop_silent()
                    fps = self._run.frames_out / (time.perf_counter() - started_s)
                    done = min(1.0, output.frames / (scan.frames or frames))
                    progress.show(done, output.frames, fps)
            finally:
                for worker in self._under_way:
                    cluster.drop(worker)
        self._run.frames_in = scan.frames or 0
        if self._read_whole:
            video.notes.append(
                f"{video.info.path.name}: seeking in it does not lead to the same pictures; "
                f"{self._read_whole} parts were read from its start."
            )
        return self._run

    def _make_scan(self, segments: int, warm_up: int) -> Scan:
        """Return what divides the file, looking at the camera's way where a canvas follows it."""
        has = self.output.resume.has
        if not follows_camera(self._job.options.look.canvas, self._model):
            return Scan(self._video, lambda moments: divide(moments, has, segments, warm_up))
        held = warm_up + (segments + 2) * SEGMENT_FRAMES  # one part, its warm-up, what comes next
        track = CameraTrack(self.made_with.size_of_the_network, held)
        return Scan(
            self._video,
            lambda moments: divide(moments, has, segments, warm_up, track.memory_before),
            track.look_at,
        )

    def figures(self) -> dict[str, Any]:
        """Return how many workers and machines have painted, and how many were lost."""
        counts = {
            "workers": len(self._workers),
            "machines": len(self._machines),
            "segments": self._segments,
        }
        return {"cluster": {**counts, "lost_workers": sum(self._losses.values())}}

    def _hand_out(self) -> None:
        self._cluster.grow(len(self._waiting) + len(self._under_way))
        for worker in self._cluster.free:
            if not self._waiting:
                return
            part = self._waiting.popleft()
            part = part.beginning_at(part.first, self.output.resume.memory_before(part.first))
            self._under_way[worker] = part
            self._silence.begin(worker)
            cuts = tuple(self._video.cuts)
            self._cluster.begin(worker, "paint", self._job, self.output.form, part, cuts)

    def _drop_silent(self) -> None:
        """Drop workers that hang without dying, as lost ones."""
        for worker in self._silence.hanging(self._under_way):
            self._cluster.drop(worker)
            self._take_back(worker)

    def _handle(self, event: Made | Ended | Lost | None) -> None:
        if event is not None:
            made_segment = isinstance(event, Made) and isinstance(event.item, Finished)
            self._silence.heard(event.worker, made_segment)
        if isinstance(event, Made) and isinstance(event.item, Opened):
            self._check_way(event.worker, event.item)
            self._workers.add(event.worker)
            self._machines.add(event.worker.node_id)
        elif isinstance(event, Made) and isinstance(event.item, Finished):
            made = event.item
            self.output.take(made.number, made.content, made.segment, made.memory)
            self._run.first_out_s = self._run.first_out_s or time.perf_counter()
            self._run.frames_out += made.segment.frames
            self._segments += 1
        elif isinstance(event, Made) and isinstance(event.item, PartRun):
            self._run.add_figures(event.item.run)
            self._read_whole += event.item.read_whole
        elif isinstance(event, Ended):
            self._under_way.pop(event.worker)
        elif isinstance(event, Lost):
            self._take_back(event.worker)

    def _check_way(self, worker: Worker, opened: Opened) -> None:
        """Raise UsageError: frames made in two ways must not stand in one video."""
        others = self.made_with.as_dict()
        for name, value in opened.made_with.as_dict().items():
            if value != others[name]:
                raise UsageError(
                    f"--cluster: {worker.node} paints with {name.replace('_', ' ')} {value}, "
                    f"others with {others[name]}. Use machines of one kind with the same packages."
                )

    def _take_back(self, worker: Worker) -> None:
        """Keep what a lost ``worker`` had delivered; give the rest of its part to another one."""
        part = self._under_way.pop(worker, None)
        if part is None:
            return
        first = part.first
        while first <= part.last and self.output.resume.has(first):
            first += SEGMENT_FRAMES
        if first > part.last:
            return
        self._losses[part.last] += 1
        if self._losses[part.last] == _MAX_LOSSES:
            raise EngineRunError(
                f"--cluster: {_MAX_LOSSES} workers ended one after the other while they painted "
                f"frames {first} to {part.last}, the last one on {worker.node}."
            )
        say(
            f"note: a worker on {worker.node} was lost; frames {first} to {part.last} are painted "
            "by another one."
        )
        self._waiting.appendleft(part.beginning_at(first, self.output.resume.memory_before(first)))


class _Silence:
    """For how long workers have made nothing.

    They hang after ``stall_s`` (--stall, 0 for never) and 10 times the median of a segment; before
    anybody knows that, after 10 times ``stall_s``.
    """

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self._heard_s: dict[Worker, float] = {}
        self._usual = Samples(keep=100)

    def begin(self, worker: Worker) -> None:
        """Count from now on."""
        self._heard_s[worker] = time.monotonic()

    def heard(self, worker: Worker, made_segment: bool) -> None:
        """Count from now on, after ``worker`` has made something."""
        now_s = time.monotonic()
        if made_segment:
            self._usual.add((now_s - self._heard_s[worker]) * 1000)
        self._heard_s[worker] = now_s

    def hanging(self, busy: Iterable[Worker]) -> list[Worker]:
        """Return those of the ``busy`` that hang."""
        usual_ms = self._usual.percentile(50)
        usual_s = self._stall_s if usual_ms is None else usual_ms / 1000
        limit_s = max(self._stall_s, 10 * usual_s) if self._stall_s else math.inf
        return [one for one in busy if time.monotonic() - self._heard_s[one] > limit_s]


def _keep_size(size: tuple[int, int]) -> tuple[int, int]:
    return size
