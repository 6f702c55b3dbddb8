"""What every output of a painted file keeps to: a picture, a video, a GIF and a pipe."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import av
import pytest

from engines.errors import SinkError
from realtime.files.options import FileOptions
from realtime.files.outputs import open_output, partial_path
from realtime.look import Look
from realtime.media.pipes import STDIO
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.file_output import FileOutput

OPTIONS = FileOptions(Look((("negative", 1.0),)), Encoding())


class Kind(Protocol):
    """One kind of output: where it goes, and what stands there."""

    path: Path
    pipe: BinaryIO | None
    length: int
    """How many frames of the clip it takes."""

    def content(self, path: Path) -> bytes:
        """What has been written under this name; nothing where there is none."""

    def count(self, path: Path) -> int:
        """How many frames that holds."""

    def break_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From here on the system cannot write."""


class InFile:
    pipe = None

    def __init__(self, path: Path, length: int) -> None:
        self.path, self.length = path, length

    def content(self, path: Path) -> bytes:
        return path.read_bytes() if path.exists() else b""

    def count(self, path: Path) -> int:
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))

    def break_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", fail)
        monkeypatch.setattr(Path, "write_bytes", fail)


class InPipe:
    path = STDIO

    def __init__(self, length: int) -> None:
        self.pipe, self.length = Pipe(), length

    def content(self, path: Path) -> bytes:
        return self.pipe.getvalue() if path == STDIO else b""

    def count(self, path: Path) -> int:
        with av.open(io.BytesIO(self.content(path)), format="yuv4mpegpipe") as container:
            return sum(1 for _ in container.decode(video=0))

    def break_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pipe.is_broken = True


class Pipe(io.BytesIO):
    is_broken = False

    def write(self, data) -> int:
        if self.is_broken:
            raise OSError(28, "No space left on device")
        return super().write(data)


@pytest.fixture(params=["picture", "video", "gif", "pipe"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    (tmp_path / "out").mkdir()
    if request.param == "pipe":
        return InPipe(10)
    kinds = {"picture": ("png", 1), "video": ("mp4", 10), "gif": ("gif", 10)}
    ending, length = kinds[request.param]
    return InFile(tmp_path / "out" / f"film.{ending}", length)


of_files = pytest.mark.parametrize("kind", ["picture", "video", "gif"], indirect=True)


@pytest.fixture
def opened(kind: Kind, make_video: Callable[..., Path]) -> Iterator[tuple[FileOutput, VideoFile]]:
    with VideoFile(make_video()) as video, opened_output(kind, video) as output:
        yield output, video


@contextmanager
def opened_output(kind: Kind, video: VideoFile) -> Iterator[FileOutput]:
    options = FileOptions(OPTIONS.look, OPTIONS.encoding, pipe=kind.pipe)
    output = open_output(kind.path, video, options, None)
    try:
        yield output
    finally:
        output.discard()


def write(output: FileOutput, video: VideoFile, count: int) -> None:
    for frame in list(video.frames())[:count]:
        output.write(frame, frame.pixels)


def names(kind: Kind) -> set[str]:
    """What lies beside the output."""
    return set() if kind.path == STDIO else {path.name for path in kind.path.parent.iterdir()}


def test_what_is_written_is_there_when_it_is_finished(opened, kind: Kind):
    output, video = opened
    assert isinstance(output.notes, list)
    write(output, video, kind.length)
    assert output.finish(video.last_duration) == kind.path
    assert output.frames == kind.length
    assert kind.count(kind.path) == kind.length
    assert output.discard() == 0
    assert names(kind) == ({kind.path.name} - {"-"})


def test_a_file_has_its_name_only_when_it_is_whole(opened, kind: Kind):
    output, video = opened
    write(output, video, kind.length)
    assert kind.path == STDIO or not kind.content(kind.path)


def test_what_is_discarded_leaves_nothing_under_its_name(opened, kind: Kind):
    output, video = opened
    write(output, video, kind.length)
    assert output.discard() == 0  # there is no whole segment
    assert output.discard() == 0
    assert names(kind) == set()


@of_files
def test_an_earlier_file_stays_until_another_one_is_whole(opened, kind: Kind):
    kind.path.write_bytes(b"earlier")
    output, video = opened
    write(output, video, kind.length)
    assert kind.content(kind.path) == b"earlier"
    output.discard()
    assert kind.content(kind.path) == b"earlier"


def test_a_part_gets_its_own_name(opened, kind: Kind):
    output, video = opened
    write(output, video, kind.length)
    part = partial_path(kind.path, overwrite=False)
    written = output.finish(video.last_duration, part)
    assert written == (STDIO if kind.path == STDIO else part)
    assert kind.count(written) == kind.length
    assert names(kind) == (set() if kind.path == STDIO else {part.name})


def test_what_the_system_cannot_write_is_a_sink_error(opened, kind: Kind, monkeypatch):
    output, video = opened
    kind.break_it(monkeypatch)
    with pytest.raises(SinkError, match="cannot be written"):
        write(output, video, kind.length)
        output.finish(video.last_duration)
    monkeypatch.undo()
    output.discard()
    assert names(kind) == set()


@of_files
def test_without_a_frame_there_is_no_file(opened, kind: Kind):
    output, _ = opened
    with pytest.raises(SinkError):
        output.finish(40)
    output.discard()
    assert names(kind) == set()


def test_a_new_output_has_nothing_to_go_on_from(opened):
    output, _ = opened
    assert output.resume.frames == 0
    assert not any(output.resume.has(index) for index in range(100))
    assert output.resume.memory_before(48) == {}
