"""The contract that every live source keeps. A new file is tested here because it is there."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.tools.breaking_stream import BreakingStream
from realtime.frame import LiveFrame
from realtime.live import registry
from realtime.live.camera_devices import camera_titles
from realtime.live.capture_format import CaptureFormat
from realtime.live.live_source import LiveSource
from realtime.live.registry import live_source, source_classes, source_summary
from realtime.live.sources.browser import BrowserSource
from tests.conftest import write_video

SIZE = (48, 64)
FIRST_FRAME_S = 10.0
NEEDS = {"ScreenSource": pytest.mark.display, "CameraByName": pytest.mark.camera}
KINDS = [
    pytest.param(kind, id=kind.__name__, marks=NEEDS.get(kind.__name__, ()))
    for kind in source_classes()
]
Kind = type[LiveSource]


@pytest.fixture(scope="module")
def stream() -> Iterator[str]:
    """The address of a stream that goes on."""
    with BreakingStream(SIZE, fps=30) as opened:
        yield opened.address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two pictures."""
    from PIL import Image

    path = tmp_path_factory.mktemp("pictures")
    for n in range(2):
        Image.new("RGB", SIZE[::-1], (100 * n, 50, 0)).save(path / f"{n}.png")
    return path


@pytest.fixture
def text(
    request: pytest.FixtureRequest, kind: Kind, stream: str, folder: Path, tmp_path: Path
) -> str:
    """What ``--source`` may say to mean this source; a new one answers to its summary."""
    if kind.__name__ == "CameraByName":
        return next(iter(camera_titles().values()))
    if kind.__name__ == "LiveFile":
        return str(write_video(tmp_path / "clip.mp4", pts=list(range(0, 4000, 40))))
    known = {
        "Camera": stream,
        "ImageFolder": str(folder),
        "ScreenSource": "screen:64x48+1+1",
        "BrowserSource": "browser",
    }
    return known.get(kind.__name__, kind.summary)


@contextlib.contextmanager
def feed(source: LiveSource) -> Iterator[None]:
    """Send a page's pictures to a source that lives on them."""
    if not isinstance(source, BrowserSource):
        yield
        return
    import av

    ended = threading.Event()

    def send() -> None:
        for n in itertools.count():
            pixels = np.full((*SIZE, 3), n % 250, np.uint8)
            source.feed(av.VideoFrame.from_ndarray(pixels, "rgb24"), time.monotonic())
            if ended.wait(0.03):
                return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def source(kind: Kind, text: str) -> Iterator[LiveSource]:
    """The source, open, with pictures on their way."""
    made = live_source(text, CaptureFormat(SIZE, 30), loop=True)
    with feed(made):
        made.open()
        yield made
        made.close()


def next_frame(source: LiveSource) -> LiveFrame:
    end_s = time.monotonic() + FIRST_FRAME_S
    while time.monotonic() < end_s:
        if (frame := source.read(0.1)) is not None:
            return frame
    raise AssertionError(f"{source.name} gives no picture: {source.problem}")


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_its_text_means(kind: Kind, text: str):
    made = live_source(text)
    assert type(made) is kind and kind.claims(text)
    assert made.name and isinstance(made.mirrored, bool) and not made.finished
    made.close()
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_its_size_is_that_of_its_frames(kind: Kind, text: str):
    made = live_source(text, CaptureFormat(SIZE, 30))
    with feed(made):
        size = made.open()
        frame = next_frame(made)
        made.close()
    assert frame.pixels.shape == (*size, 3) and frame.pixels.dtype == np.uint8
    assert frame.size == size and made.expected_size in (None, size)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_go_forward_and_stay_as_they_are(kind: Kind, source: LiveSource):
    began_s = time.monotonic()
    frames = [next_frame(source) for _ in range(3)]
    kept = [frame.pixels.copy() for frame in frames]
    frames += [next_frame(source) for _ in range(3)]
    indices = [frame.index for frame in frames]
    times = [frame.captured_s for frame in frames]
    assert indices == sorted(set(indices)) and indices[0] >= 0
    assert times == sorted(times)
    assert began_s - FIRST_FRAME_S < times[0] and times[-1] <= time.monotonic() + 0.001
    for frame, before in zip(frames, kept, strict=False):
        np.testing.assert_array_equal(frame.pixels, before)
    assert len(source.busy) > 0 and source.problem is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_waits_no_longer_than_it_may(kind: Kind, source: LiveSource):
    next_frame(source)
    source.read(0)
    started_s = time.monotonic()
    source.read(0.05)
    assert time.monotonic() - started_s < 1


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_closed_while_it_is_read(kind: Kind, source: LiveSource):
    next_frame(source)
    failures: list[BaseException] = []

    def read_on() -> None:
        try:
            while not source.finished:
                source.read(0.1)
        except BaseException as error:  # it is looked at below
            failures.append(error)

    reader = threading.Thread(target=read_on)
    reader.start()
    time.sleep(0.1)
    started_s = time.monotonic()
    source.close()
    source.close()
    assert time.monotonic() - started_s < 2
    reader.join(5)
    assert not reader.is_alive() and not failures and source.finished


@pytest.mark.parametrize("kind", KINDS)
def test_its_sound_is_opened_anew_each_time(kind: Kind, source: LiveSource):
    frame = next_frame(source)
    for sound in (source.sound(), source.sound()):
        if sound is not None:
            assert len(sound.until(frame)) == 0
            sound.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_help_names_it(kind: Kind):
    assert kind.summary in source_summary()


@pytest.mark.camera
def test_a_camera_by_number_keeps_the_contract():
    made = live_source(str(next(iter(camera_titles()))))
    size = made.open()
    assert next_frame(made).size == size and made.mirrored
    made.close()


def test_a_file_that_holds_neither_source_nor_sink_is_an_error():
    with pytest.raises(TypeError, match="defines no LiveSource"):
        registry._import_classes("realtime.live.view")


def test_who_is_asked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Words, then numbers, devices and addresses, then what is there, then names of cameras."""
    monkeypatch.chdir(tmp_path)
    for name in ("test", "browser", "screen", "0"):
        Path(name).touch()
    os.mkdir("7")
    Path("HD Webcam").touch()
    kinds = {
        name: type(live_source(name)).__name__
        for name in ("test", "browser", "screen", "0", "7", "/dev/null", "a://b", "HD Webcam", ".")
    }
    assert kinds == {
        "test": "Synthetic",
        "browser": "BrowserSource",
        "screen": "ScreenSource",
        "0": "Camera",
        "7": "Camera",
        "/dev/null": "Camera",
        "a://b": "Camera",
        "HD Webcam": "LiveFile",
        ".": "ImageFolder",
    }
