"""The contracts of live sinks and of clean sinks. A new file is tested here because it is there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import run_cam
from engines import ModelFile, Models, Style
from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.live_sink import LiveSink
from realtime.live.registry import clean_sink_classes, live_sink_classes
from realtime.live.run import initial_state
from realtime.live.sinks.ndi import NdiOutput
from realtime.live.sinks.speakers import Speakers
from realtime.live.sinks.virtual_camera import VirtualCamera
from realtime.live.sources.synthetic import Synthetic
from realtime.look import Look

ROOT = Path(__file__).parents[4]
SIZE = (48, 64)
WATCHDOG_S = 60
LIVE = [
    pytest.param(kind, id=kind.__name__, marks=[pytest.mark.display] * kind.is_default)
    for kind in live_sink_classes()
]
CLEAN = [pytest.param(kind.__name__, id=kind.__name__) for kind in clean_sink_classes()]
CLEAN += [pytest.param("WebStream", id="WebStream")]

# In a process of its own: a window wants its libraries in order, and what goes wrong hangs.
KEEP_CONTRACT = """
import sys
import numpy as np
import run_cam
from realtime.live.registry import live_sink_classes

(kind,) = (kind for kind in live_sink_classes() if kind.__name__ == sys.argv[1])
args = run_cam.parse_args([])
kind.prepare()
sink = kind.from_args(args, (48, 64))
assert not sink.closed
for _ in range(3):
    size = sink.view_size
    assert size is None or min(size) > 0
    pixels = np.random.default_rng(0).integers(0, 256, (*(size or (48, 64)), 3), np.uint8)
    kept = pixels.copy()
    sink.show(pixels)
    assert (pixels == kept).all()
    assert sink.poll() == [] and sink.pointers() == []
for on in (True, False):
    sink.set_fullscreen(on)
    sink.show(np.zeros((*(sink.view_size or (48, 64)), 3), np.uint8))
sink.close()
sink.close()
print("kept")
"""


@pytest.mark.parametrize("kind", LIVE)
def test_a_live_sink_shows_pictures_until_it_is_closed(kind: type[LiveSink]):
    done = subprocess.run(
        [sys.executable, "-c", KEEP_CONTRACT, kind.__name__],
        cwd=ROOT,
        timeout=WATCHDOG_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "kept\n", done.stderr


def test_one_live_sink_is_the_default_and_the_others_are_asked_for():
    args = run_cam.parse_args([])
    assert [kind.is_asked_for(args) for kind in live_sink_classes()].count(True) == 1
    assert live_sink_classes()[-1].is_default and live_sink_classes()[-1].is_asked_for(args)
    names = {kind.__name__: kind for kind in live_sink_classes()}
    for flags in (["--headless"], ["--serve"]):
        assert names["Null"].is_asked_for(run_cam.parse_args(flags))


def frames(count: int, size: tuple[int, int] = SIZE) -> list[LiveFrame]:
    begin_s = time.monotonic()
    return [
        LiveFrame(np.full((*size, 3), 7 * n % 256, np.uint8), n, begin_s + n / 30)
        for n in range(count)
    ]


@pytest.fixture
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CleanSink]:
    """The sink, open, as its flags ask for it; what needs a device has a stand-in."""
    name = request.param
    if name == "WebStream":
        pytest.importorskip("fastapi")
        from realtime.web.stream import WebStream

        thumbnails = SimpleNamespace(look_at=lambda frame: None, close=lambda: None)
        opened: CleanSink | None = WebStream(thumbnails)
    elif name == "VirtualCamera":
        device = SimpleNamespace(send=lambda painting: time.sleep(0.01), close=lambda: None)
        opened = VirtualCamera(device)
    elif name == "Speakers":
        silent = SimpleNamespace(until=lambda frame: np.zeros((9, 2)), close=lambda: None)
        opened = Speakers(silent, lambda take: lambda: None)
    elif name == "NdiOutput":
        sender = SimpleNamespace(send=lambda pixels: time.sleep(0.01), close=lambda: None)
        opened = NdiOutput(sender, SIZE)
    else:
        flag = {"Recorder": "--record", "SourceRecorder": "--record-source"}.get(name)
        flags = [flag, str(tmp_path / "show.mp4")] if flag else []
        (kind,) = (kind for kind in clean_sink_classes() if kind.__name__ == name)
        args = run_cam.parse_args(flags)
        kind.check(args)
        opened = kind.from_args(args, Synthetic(SIZE), SIZE)
    if opened is None:
        pytest.skip(f"{name} must be asked for by a flag")
    yield opened
    opened.close()


def new_desk(recording: bool) -> Desk:
    model = ModelFile(Path("none.onnx"), (Style("original"), Style("great_wave")), "none", {})
    state = initial_state(Models((model,)), Look((("great_wave", 1.0),)), mirror=False)
    return Desk(replace(state, recording=recording))


@pytest.fixture
def desk() -> Desk:
    """The controls, which say to record."""
    return new_desk(recording=True)


def finish(sink: CleanSink) -> list[str]:
    """Close it, twice and in time; what it has to say."""
    for close in (sink.close, sink.close):
        started_s = time.monotonic()
        close()
        assert time.monotonic() - started_s < 5
    return [sink.answers.get() for _ in range(sink.answers.qsize())]


@pytest.mark.parametrize("sink", CLEAN, indirect=True)
def test_a_clean_sink_takes_paintings_at_once_and_leaves_them_alone(sink: CleanSink, desk: Desk):
    sink.follow(desk)
    items = frames(60)
    started_s = time.monotonic()
    for frame in items:
        sink.put(frame, frame.pixels)
        sink.follow(desk)
    assert time.monotonic() - started_s < 2
    assert isinstance(sink.note, str) and desk.state.recording
    answers = finish(sink)
    for n, frame in enumerate(items):
        assert (frame.pixels == 7 * n % 256).all()
    assert all(line and "\n" not in line and "ended" not in line for line in answers)
    assert not [thread for thread in threading.enumerate() if thread.name == "recording"]


@pytest.mark.parametrize("sink", CLEAN, indirect=True)
@pytest.mark.parametrize("use", ["nothing", "one size", "sizes that change", "after the end"])
def test_a_clean_sink_raises_nothing(sink: CleanSink, desk: Desk, use: str):
    if use != "nothing":
        sink.follow(desk)
        for frame in frames(3) + (frames(3, (20, 31)) if use == "sizes that change" else []):
            sink.put(frame, frame.pixels)
    finish(sink)
    if use == "after the end":
        sink.put(frames(1)[0], frames(1)[0].pixels)


def test_nothing_goes_anywhere_without_a_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    args = run_cam.parse_args([])
    for kind in clean_sink_classes():
        kind.check(args)
        opened = kind.from_args(args, Synthetic(SIZE), SIZE)
        if opened is not None:
            opened.follow(new_desk(recording=False))
            opened.put(frames(1)[0], frames(1)[0].pixels)
            assert finish(opened) == []
    assert not list(tmp_path.iterdir())
