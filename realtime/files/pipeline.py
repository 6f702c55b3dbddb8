"""Decodes, paints and encodes files at the same time.

Nothing is dropped; a slow stage makes the others wait. Knows threads, not pixels. Two threads
decode and paint; the calling thread encodes, so that Ctrl-C reaches it between two frames. The live
counterpart, where the newest frame wins, is realtime/live/run.py.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from engines.base import Pending
from realtime.files.stall import NO_WATCH, StallWatch
from realtime.frame import FileFrame
from realtime.timing import Samples, StageTimes

if TYPE_CHECKING:
    from realtime.frame import Pixels

    # A frame, and when it was decoded; the painting between them.
    _Decoded = tuple[FileFrame, float]
    _Painted = tuple[FileFrame, Pixels, float]

_Item = TypeVar("_Item")

# As long as an encoder may need for what it has held back at the end of a segment.
_QUEUE_FRAMES = 8
_QUEUE_BYTES = 128 * 2**20
_POLL_S = 0.1


class FrameSink(Protocol):
    """What the pipeline asks of an output; ``finish`` and ``discard`` are the caller's."""

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Take ``pixels``, the painting of ``frame``: (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class Overlapped:
    """Painting of which several frames are under way at a time."""

    begin: Callable[[FileFrame], Pending]
    """Returns what finishes a frame."""
    under_way: int
    """How many may be begun before the first is finished."""


class FileRun:
    """Figures of one run."""

    def __init__(self) -> None:
        self.frames_in = 0
        self.frames_out = 0
        self.first_out_s: float | None = None
        """When the first frame was encoded, on ``time.perf_counter``."""
        self.stages = StageTimes("decode", "infer", "encode")
        """Busy time of each stage."""
        self.latency = Samples()
        """Milliseconds from decoded to encoded."""
        self.thread_s: dict[str, float] = {}
        """Processor time of the threads that decode and paint, without those of libraries."""

    def add_figures(self, other: FileRun) -> None:
        """Add the times of ``other``, which has run elsewhere."""
        self.latency.extend(other.latency)
        for name, samples in other.stages.stages.items():
            self.stages.stages[name].extend(samples)


def run_file(
    frames: Iterable[FileFrame],
    paint: Callable[[FileFrame], Pixels] | Overlapped,
    sink: FrameSink,
    on_frame: Callable[[FileFrame, FileRun], None] = lambda *_: None,
    interrupt: Callable[[], None] = lambda: None,
    size: tuple[int, int] = (0, 0),
    watch: StallWatch = NO_WATCH,
) -> FileRun:
    """Take every frame through ``paint`` into ``sink``, in order; ``on_frame`` is told after each.

    ``interrupt`` is called at the end, to wake up ``frames`` where they may still be waited for.
    ``size``: (height, width) of the paintings, of which fewer wait between two stages if they are
    large. ``watch`` ends the process where a stage hangs.

    ``frames`` is iterated in one thread, ``paint`` called in another, ``sink`` and ``on_frame`` in
    the caller's. The first error of any of them ends the run and is raised here, after both threads
    have ended; so does KeyboardInterrupt.
    """
    run = FileRun()
    stop = _Stop()
    waiting = max(1, min(_QUEUE_FRAMES, _QUEUE_BYTES // max(1, 3 * math.prod(size))))
    decoded: _Channel[_Decoded] = _Channel(stop, waiting)
    painted: _Channel[_Painted] = _Channel(stop, waiting)
    threads = [
        _start_stage("paint", stop, _paint_all(decoded, paint, run, watch), painted, run),
        _start_stage("decode", stop, _decode_all(frames, run, watch), decoded, run),
    ]
    try:
        for frame, pixels, decoded_s in painted:
            with run.stages.measure("encode"), watch.step("encode"):
                sink.write(frame, pixels)
            now_s = time.perf_counter()
            run.first_out_s = run.first_out_s or now_s
            run.latency.add((now_s - decoded_s) * 1000)
            run.frames_out += 1
            on_frame(frame, run)
    finally:
        stop.event.set()
        interrupt()
        try:
            _join(threads)
        finally:
            _join(threads)  # a signal breaks off the first wait, and comes but once
    if stop.error is not None:
        raise stop.error
    return run


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


class _Stop:
    """Ends all stages together. ``error`` is why; None if everything went well."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self.event.set()


class _Stopped(Exception):
    """Another stage has ended the run."""


class _End:
    """Comes after the last item of a channel."""


class _Channel(Generic[_Item]):
    """A bounded queue between two stages.

    Neither end waits for longer than the run lasts, so that nothing can deadlock.
    """

    def __init__(self, stop: _Stop, length: int) -> None:
        self._queue: queue.Queue[_Item | _End] = queue.Queue(length)
        self._stop = stop

    def put(self, item: _Item | _End) -> None:
        while not self._stop.event.is_set():
            try:
                return self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
        raise _Stopped

    def end(self) -> None:
        self.put(_End())

    def __iter__(self) -> Iterator[_Item]:
        while not self._stop.event.is_set():
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                return
            yield item


def _start_stage(
    name: str, stop: _Stop, items: Iterator[_Item], output: _Channel[_Item], run: FileRun
) -> threading.Thread:
    """Put everything from ``items`` into ``output``, in a thread; an error ends the run."""

    def put_all() -> None:
        try:
            for item in items:
                output.put(item)
            output.end()
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 (raised in the caller's thread)
            stop.fail(error)
        run.thread_s[name] = time.thread_time()

    thread = threading.Thread(target=put_all, name=name)
    thread.start()
    return thread


def _decode_all(frames: Iterable[FileFrame], run: FileRun, watch: StallWatch) -> Iterator[_Decoded]:
    iterator = iter(frames)
    while True:
        started_s = time.perf_counter()
        with watch.step("decode"):
            frame = next(iterator, None)
        now_s = time.perf_counter()
        if frame is None:
            return
        run.stages.stages["decode"].add((now_s - started_s) * 1000)
        run.frames_in += 1
        yield frame, now_s


def _paint_all(
    decoded: _Channel[_Decoded],
    paint: Callable[[FileFrame], Pixels] | Overlapped,
    run: FileRun,
    watch: StallWatch,
) -> Iterator[_Painted]:
    if isinstance(paint, Overlapped):
        yield from _paint_overlapped(decoded, paint, run, watch)
        return
    for frame, decoded_s in decoded:
        with run.stages.measure("infer"), watch.step("infer"):
            pixels = paint(frame)
        yield frame, pixels, decoded_s


def _paint_overlapped(
    decoded: _Channel[_Decoded], paint: Overlapped, run: FileRun, watch: StallWatch
) -> Iterator[_Painted]:
    begun: deque[tuple[FileFrame, Pending, float]] = deque()
    for frame, decoded_s in decoded:
        with run.stages.measure("infer"), watch.step("infer"):
            begun.append((frame, paint.begin(frame), decoded_s))
            finished = _finish_first(begun) if len(begun) == paint.under_way else None
        if finished:
            yield finished
    while begun:
        with watch.step("infer"):
            finished = _finish_first(begun)
        yield finished


def _finish_first(begun: deque[tuple[FileFrame, Pending, float]]) -> _Painted:
    frame, finish, decoded_s = begun.popleft()
    return frame, finish(), decoded_s
