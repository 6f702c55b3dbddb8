"""Each stage fails at every place, with full and with empty queues, and the run always ends, with
that error.
"""

import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from realtime.files.pipeline import Overlapped, run_file
from realtime.frame import FileFrame

PIXELS = np.zeros((4, 4, 3), np.uint8)


class Failing(Exception):
    pass


class List:
    """A sink that remembers, and fails at ``fail_at``."""

    def __init__(self, fail_at: int | None = None, delay_s: float = 0.0) -> None:
        self.indices: list[int] = []
        self.fail_at, self.delay_s = fail_at, delay_s

    def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
        time.sleep(self.delay_s)
        if frame.index == self.fail_at:
            raise Failing
        self.indices.append(frame.index)


def frames(count: int, fail_at: int | None = None):
    for index in range(count):
        if index == fail_at:
            raise Failing
        yield FileFrame(PIXELS, index, index, Fraction(1, 1000))


def painter(fail_at: int | None = None, delay_s: float = 0.0):
    def paint(frame: FileFrame) -> np.ndarray:
        time.sleep(delay_s)
        if frame.index == fail_at:
            raise Failing
        return frame.pixels

    return paint


@pytest.mark.parametrize("count", [0, 1, 50])
def test_every_frame_arrives_in_order(count):
    sink = List()
    run = run_file(frames(count), painter(), sink)
    assert sink.indices == list(range(count))
    assert (run.frames_in, run.frames_out) == (count, count)
    assert {len(samples) for samples in run.stages.stages.values()} == {count}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("slow", ["paint", "sink", "none"])
@pytest.mark.parametrize("fail_at", [0, 1, 7, 19])
@pytest.mark.parametrize("stage", ["decode", "paint", "sink"])
def test_an_error_anywhere_ends_the_run_and_is_raised(stage, fail_at, slow):
    before = threading.active_count()
    at = {name: fail_at if name == stage else None for name in ("decode", "paint", "sink")}
    sink = List(at["sink"], 0.004 if slow == "sink" else 0.0)
    with pytest.raises(Failing):
        run_file(
            frames(20, at["decode"]), painter(at["paint"], 0.004 if slow == "paint" else 0.0), sink
        )
    assert threading.active_count() == before
    assert sink.indices == list(range(len(sink.indices)))


def test_ctrl_c_ends_both_threads():
    def interrupted(frame, run):
        if run.frames_out == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_file(frames(1000), painter(), List(), interrupted)


def test_stages_overlap():
    """While frame 0 is being written, frame 1 is painted and frame 2 decoded."""
    painting_1, decoding_2 = threading.Event(), threading.Event()

    def watched_frames():
        for frame in frames(3):
            if frame.index == 2:
                decoding_2.set()
            yield frame

    def watched_paint(frame: FileFrame) -> np.ndarray:
        if frame.index == 1:
            painting_1.set()
        return frame.pixels

    class Waiting(List):
        def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
            assert painting_1.wait(10) and decoding_2.wait(10)
            super().write(frame, pixels)

    assert run_file(watched_frames(), watched_paint, Waiting()).frames_out == 3


@pytest.mark.parametrize(
    ("size", "most"),
    [((480, 640), 26), ((8192, 8192), 12)],
    ids=["small", "large frames, fewer of them"],
)
def test_the_source_is_not_read_far_ahead(size, most):
    read = []

    def counting():
        for frame in frames(100):
            read.append(frame.index)
            yield frame

    sink = List(fail_at=5, delay_s=0.01)
    with pytest.raises(Failing):
        run_file(counting(), painter(), sink, size=size)
    assert len(read) < most


def test_frames_under_way_come_out_in_order():
    begun, most = [], []

    def begin(frame: FileFrame):
        begun.append(frame.index)
        most.append(len(begun))
        return lambda: begun.remove(frame.index) or frame.pixels

    for under_way in (1, 2, 3):
        sink = List()
        most.clear()
        run = run_file(frames(10), Overlapped(begin, under_way), sink)
        assert sink.indices == list(range(10)) and run.frames_out == 10 and not begun
        assert max(most) == under_way


@pytest.mark.parametrize("fails", ["begin", "finish"])
def test_an_error_of_a_frame_under_way_ends_the_run(fails: str):
    def begin(frame: FileFrame):
        def finish() -> np.ndarray:
            if fails == "finish" and frame.index == 5:
                raise Failing
            return frame.pixels

        if fails == "begin" and frame.index == 5:
            raise Failing
        return finish

    with pytest.raises(Failing):
        run_file(frames(1000), Overlapped(begin, 2), List())
