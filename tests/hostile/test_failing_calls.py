"""Whichever write, fsync, rename, open or lock fails: no lost input, no liar, and one can go on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.conftest import write_video
from tests.hostile.failing import KINDS, Ended, Programs, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=str(missing()))

# Usage (an unfinished folder that cannot be read), input, engine, output, partial.
FAILED = (2, 3, 4, 5, 6)
PLAIN = ("--engine", "passthrough", "--canvas", "0", "--no-denoise")
Counts = dict[str, int]


class Work:
    """A folder with a clip, and programs that work in it."""

    def __init__(self, folder: Path, ending: str = ".mp4") -> None:
        folder.mkdir()
        self.folder, self.programs = folder, Programs(folder)
        self.clip, self.output = folder / "clip.mp4", folder / f"out{ending}"
        self.unfinished = folder / f".out{ending}.unfinished"
        self.show, self.part = folder / "show.mp4", folder / "show.partial.mp4"
        write_video(self.clip, [40 * n for n in range(52)])  # two segments
        self.input = self.clip.read_bytes()
        for _ in range(2):  # the first one fills the cache
            self.clear()
            self.counts = self.paint().counts
        self.whole = content(self.output)
        self.clear()

    def paint(self, *flags: str, kind: str | None = None, at: int = 0) -> Ended:
        command = ("stylize_video.py", self.clip, "-o", self.output, *PLAIN, *flags)
        return self.programs.run(*command, kind=kind, at=at)

    def record(self, kind: str | None = None, at: int = 0) -> Ended:
        flags = ("--source", "test", "--capture", "64x48@30", "--headless", "--fresh", *PLAIN)
        flags += ("--duration", "2", "--record", str(self.show))
        return self.programs.run("run_cam.py", *flags, kind=kind, at=at)

    def clear(self) -> None:
        for path in (self.output, self.show, self.part):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.unfinished, ignore_errors=True)

    def check_painting(self, ended: Ended, what: object) -> None:
        """It failed as promised or not at all; --resume then makes all of it."""
        assert self.clip.read_bytes() == self.input, what
        assert "Traceback" not in ended.told, (what, ended)
        if ended.code == 0:
            assert content(self.output) == self.whole, (what, "a liar", ended)
        else:
            assert ended.code in FAILED, (what, ended)
            assert not self.output.exists(), (what, ended)
        again = self.paint("--resume")
        assert again.code == 0, (what, ended, again)
        assert content(self.output) == self.whole, (what, ended, again)
        self.clear()

    def check_recording(self, ended: Ended, what: object) -> None:
        """The recording is as long as is said, or there is none and that is said."""
        assert "Traceback" not in ended.told, (what, ended)
        if ended.code == 0:
            told = re.search(r"saved show\.mp4, ([\d.]+) s", ended.told)
            with av.open(str(self.show)) as file:
                times_s = [frame.time for frame in file.decode(video=0)]
            assert told and abs(times_s[-1] - float(told[1])) < 0.1, (what, "a liar", ended)
        else:
            assert ended.code == (6 if self.part.exists() else 5), (what, ended)
            assert not self.show.exists(), (what, ended)
        self.clear()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    work = Work(tmp_path_factory.mktemp("failing") / "work")
    yield work
    work.programs.close()


def content(path: Path) -> tuple[object, ...]:
    """Every packet of a file, and how long it says to be."""
    with av.open(str(path)) as file:
        packets = [(packet.stream.index, packet.pts, bytes(packet)) for packet in file.demux()]
        return file.duration, len(file.streams), packets


def cases(counts: Counts, most: int | None = None) -> list[tuple[str, int]]:
    """Return (kind, number of the call) of every call; of ``most`` of each kind, spread evenly."""
    chosen = {kind: min(count, most or count) for kind, count in counts.items()}
    return [
        (kind, 1 + n * (counts[kind] - 1) // max(1, share - 1))
        for kind, share in chosen.items()
        for n in range(share)
    ]


def test_a_call_that_fails_while_painting(work: Work):
    assert all(work.counts[kind] for kind in KINDS), work.counts
    failed = 0
    for kind, at in cases(work.counts, 3):
        ended = work.paint(kind=kind, at=at)
        failed += ended.code != 0
        work.check_painting(ended, (kind, at))
    assert failed > 9


def test_a_call_that_fails_while_recording(work: Work):
    for kind, at in [("write", 2), ("fsync", 1), ("open", 1)]:
        ended = work.record(kind, at)
        assert ended.code in (5, 6), (kind, ended)
        work.check_recording(ended, kind)


@pytest.fixture(params=[".mp4", ".mkv"])
def each_work(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Work]:
    work = Work(tmp_path / "work", request.param)
    yield work
    work.programs.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_call_that_can_fail_while_painting(each_work: Work, record_property):
    work, failed = each_work, 0
    for kind, at in cases(work.counts):
        ended = work.paint(kind=kind, at=at)
        failed += ended.code != 0
        work.check_painting(ended, (kind, at))
    record_property("seen", f"{len(cases(work.counts))} runs, {failed} of them failed")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_call_that_can_fail_while_going_on(each_work: Work, tmp_path, record_property):
    work = each_work
    # The last name that is given is the output's, the one before that of the last segment.
    assert work.paint(kind="rename", at=work.counts["rename"] - 1).code == 5
    begun = Path(shutil.copytree(work.unfinished, tmp_path / "begun"))
    assert len(list(begun.glob("0*"))) == 1
    counts, failed = work.paint("--resume").counts, 0
    for kind, at in cases(counts):
        work.clear()
        shutil.copytree(begun, work.unfinished)
        ended = work.paint("--resume", kind=kind, at=at)
        failed += ended.code != 0
        work.check_painting(ended, (kind, at, "going on"))
    record_property("seen", f"{len(cases(counts))} runs, {failed} of them failed")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_call_that_can_fail_while_recording(work: Work, record_property):
    counts, failed = work.record().counts, 0
    work.clear()
    for kind, at in cases(counts):
        ended = work.record(kind, at)
        failed += ended.code != 0
        work.check_recording(ended, (kind, at))
    record_property("seen", f"{len(cases(counts))} runs, {failed} of them failed")
