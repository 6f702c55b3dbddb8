import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import SinkError, SourceError, UsageError
from realtime.frame import LiveFrame
from realtime.live.sinks import recording
from realtime.live.sinks.recording import Recorder, check_recording
from realtime.live.sinks.virtual_camera import open_virtual_camera
from realtime.live.sound import RATE, FileSound, Microphone
from realtime.live.sources.live_file import LiveFile

ROOT = Path(__file__).parents[4]
SIZE = (48, 64)
TONE = "lavfi:sine=frequency=440:sample_rate=44100,arealtime"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here nobody waits for the program to end, and the machine may be slow."""
    monkeypatch.setattr(recording, "_END_S", 20.0)


def frames(
    count: int, fps: float = 25.0, size: tuple[int, int] = SIZE
) -> list[tuple[LiveFrame, np.ndarray]]:
    pictures = [np.full((*size, 3), 40 + 5 * (n % 40), np.uint8) for n in range(count)]
    return [(LiveFrame(p, n, captured_s=100 + n / fps), p) for n, p in enumerate(pictures)]


def put_all(recorder: Recorder, items: list[tuple[LiveFrame, np.ndarray]]) -> None:
    for item in items:
        recorder.put(*item)
        while recorder._current._frames.full():
            time.sleep(0.005)


def decoded(path: Path) -> list[tuple[float, float]]:
    """Time and mean level of every picture."""
    with av.open(str(path)) as file:
        return [
            (frame.time, frame.to_ndarray(format="rgb24").mean()) for frame in file.decode(video=0)
        ]


def answers(recorder: Recorder) -> list[str]:
    return [recorder.answers.get() for _ in range(recorder.answers.qsize())]


def test_a_recording_keeps_time_and_pixels_and_gets_its_name_at_the_end(tmp_path: Path):
    recorder, path = Recorder(tmp_path, tmp_path / "show.mp4"), tmp_path / "show.mp4"
    recorder.record(True, "great_wave")
    items = frames(60)
    del items[20:30]  # what was not painted leaves a gap and moves nothing
    put_all(recorder, items)
    assert not path.exists()
    recorder.close()
    seen = decoded(path)
    assert [time_s for time_s, _ in seen] == pytest.approx(
        [frame.captured_s - 100 for frame, _ in items], abs=1e-4
    )
    assert np.abs(np.array([level for _, level in seen]) - [p.mean() for _, p in items]).max() < 3
    assert [p.name for p in tmp_path.iterdir()] == ["show.mp4"]
    saved = f"saved show.mp4, 2.4 s in {tmp_path}"
    assert answers(recorder) == ["recording show.mp4, without sound", saved]


def cut_out(items: list[tuple[LiveFrame, np.ndarray]]) -> list[tuple[LiveFrame, np.ndarray]]:
    """With nothing behind the left half, which is a person."""
    alpha = np.repeat(np.where(np.arange(SIZE[1]) < 32, 255, 0).astype(np.uint8)[None], SIZE[0], 0)
    return [(replace(f, cutout=np.dstack([p, alpha])), p) for f, p in items]


@pytest.mark.parametrize(
    ("name", "codec"), [("show.webm", "libvpx-vp9"), ("show.mov", "prores")], ids=["webm", "mov"]
)
def test_transparency_is_recorded(tmp_path: Path, name: str, codec: str):
    recorder, path = Recorder(tmp_path, tmp_path / name, lambda: Microphone(TONE)), tmp_path / name
    recorder.record(True, "x")
    items = cut_out(frames(50))
    items[40:] = frames(50)[40:]  # all of the picture again
    put_all(recorder, items)
    recorder.close()
    assert any(line.startswith(f"saved {name}, 2.0 s") for line in answers(recorder))
    with av.open(str(path)) as file:
        assert len(file.streams.audio) == 1
        decoder = av.CodecContext.create(codec, "r")
        decoder.extradata = file.streams.video[0].codec_context.extradata
        packets = [p for p in file.demux(video=0) if p.size]
        if codec == "prores":
            decoder = file.streams.video[0].codec_context
        pictures = [picture for packet in packets for picture in decoder.decode(packet)]
    pictures += decoder.decode(None)
    assert len(pictures) == 50
    for number, most in ((0, 5), (39, 5), (45, 255)):
        rgba = pictures[number].to_ndarray(format="rgba")
        assert rgba[:, :28, 3].min() > 250 and abs(int(rgba[:, 36:, 3].max()) - most) <= 5
        level = items[number][1].mean()
        assert abs(rgba[..., :3].mean() - level) < 4  # the colours are whole everywhere


def test_a_name_of_ones_own_suits_what_is_seen_through(tmp_path: Path):
    recorder = Recorder(tmp_path)
    recorder.record(True, "x", ".webm")
    put_all(recorder, cut_out(frames(3)))
    recorder.close()
    assert [path.suffix for path in tmp_path.iterdir()] == [".webm"]


def test_transparency_that_is_lost_is_said(tmp_path: Path):
    recorder = Recorder(tmp_path, tmp_path / "show.mp4")
    recorder.record(True, "x")
    put_all(recorder, cut_out(frames(3)))
    recorder.close()
    assert "without transparency, which .webm and .mov keep" in answers(recorder)[0]


def test_it_starts_and_stops_again_under_free_names(tmp_path: Path):
    recorder = Recorder(tmp_path)
    for _ in range(2):
        recorder.record(True, "the_scream")
        put_all(recorder, frames(5))
        assert recorder.seconds is not None
        recorder.record(False, "the_scream")
        assert recorder.seconds is None
    recorder.close()
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 2 and all("the_scream" in name and "partial" not in name for name in names)


def test_an_end_that_cannot_wait_says_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write = recording._Writer.write
    monkeypatch.setattr(recording._Writer, "write", lambda *a: (time.sleep(0.2), write(*a))[1])
    monkeypatch.setattr(recording, "_END_S", 0.1)
    recorder = Recorder(tmp_path, tmp_path / "show.mp4")
    recorder.record(True, "x")
    (begun,) = recorder._all
    put_all(recorder, frames(6))
    started = time.monotonic()
    recorder.close()
    assert (
        time.monotonic() - started < 1
        and "no time to finish show.mp4: show.partial.mp4" in answers(recorder)[-1]
    )
    begun.join(20)


def test_nothing_to_record_leaves_nothing(tmp_path: Path):
    recorder = Recorder(tmp_path)
    recorder.record(True, "x")
    recorder.close()
    assert not list(tmp_path.iterdir()) and answers(recorder) == [
        "nothing was recorded: no frame came"
    ]


@pytest.mark.parametrize("size", [(47, 63), (1, 1), (49, 64)])
def test_odd_sizes_are_padded(tmp_path: Path, size: tuple[int, int]):
    recorder = Recorder(tmp_path, tmp_path / "odd.mp4")
    recorder.record(True, "x")
    put_all(
        recorder,
        [
            *frames(3, size=size),
            *[(LiveFrame(p, 9, captured_s=101), p) for _, p in frames(1, size=(20, 20))],
        ],
    )
    recorder.close()
    assert (
        len(decoded(tmp_path / "odd.mp4")) == 4
    )  # a camera that came back in another size goes on


KILLED = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.realtime.live.sinks.test_recording import Recorder, frames, put_all, Microphone, TONE
recorder = Recorder(Path("."), Path("show.mp4"), lambda: Microphone(TONE))
recorder.record(True, "x")
put_all(recorder, frames(250))
while recorder._current._frames.qsize():
    time.sleep(0.01)
time.sleep(0.1)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_leaves_a_file_that_plays(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(ROOT)], cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [p.name for p in tmp_path.iterdir()] == ["show.partial.mp4"]
    assert len(decoded(tmp_path / "show.partial.mp4")) >= 180  # of 250; an encoder holds some back


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    os.symlink("/dev/full", tmp_path / "show.partial.mp4")
    recorder = Recorder(tmp_path, tmp_path / "show.mp4")
    recorder.record(True, "x")
    end_s = time.monotonic() + 10
    while not recorder.failed and time.monotonic() < end_s:
        recorder.put(*frames(1)[0])  # and not all: nobody takes them once the recording has ended
        recorder.record(True, "x")
        time.sleep(0.01)
    assert recorder.failed
    said = answers(recorder)
    assert (
        any("recording ended: No space left" in line for line in said)
        and not (tmp_path / "show.mp4").exists()
    )
    recorder.close()


def test_the_sound_of_a_file_goes_along_through_a_loop(tmp_path: Path, make_video):
    path = make_video(pts=list(range(0, 1200, 40)))
    # A clock of its own: on a busy machine frames are left out, and forty are more than two passes.
    now_s = itertools.count(100.0, 0.01)
    source = LiveFile(path, loop=True, clock=lambda: at_s)
    at_s = next(now_s)
    source.open()
    sound = FileSound(path)
    lengths, times = [], []
    while len(times) < 40:
        frame = source.read(0)
        if frame is not None:
            lengths.append(len(sound.until(frame)))
            times.append(frame.file_s)
        at_s = next(now_s)
    sound.close()
    source.close()
    steps = np.diff(times)
    assert (steps < 0).sum() == 1
    heard = [n for n, step in zip(lengths[1:], steps, strict=True) if step > 0]
    assert heard == pytest.approx([step * RATE for step in steps if step > 0], abs=1)


def test_a_microphone_is_recorded_in_step(tmp_path: Path):
    recorder = Recorder(tmp_path, tmp_path / "show.mp4", lambda: Microphone(TONE))
    recorder.record(True, "x")
    begin_s = time.monotonic()
    while (now_s := time.monotonic()) - begin_s < 1.5:
        recorder.put(
            LiveFrame(np.zeros((*SIZE, 3), np.uint8), 0, captured_s=now_s),
            np.zeros((*SIZE, 3), np.uint8),
        )
        time.sleep(0.04)
    recorder.close()
    with av.open(str(tmp_path / "show.mp4")) as file:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
        picture_s = float(file.streams.video[0].duration * file.streams.video[0].time_base)
    assert len(samples) / RATE == pytest.approx(picture_s, abs=0.25)
    spectrum = np.abs(np.fft.rfft(samples[RATE // 2 :]))
    assert np.argmax(spectrum) * RATE / len(samples[RATE // 2 :]) == pytest.approx(440, abs=3)


@pytest.mark.parametrize(
    ("name", "error"),
    [("lavfi:nonsense", SourceError), ("nothing", UsageError), ("alsa:nobody", SourceError)],
)
def test_microphones_that_there_are_not(name: str, error: type[Exception]):
    with pytest.raises(error, match="--microphone"):
        Microphone(name)


def test_names_that_cannot_be_recorded_to(tmp_path: Path):
    taken = tmp_path / "taken.mp4"
    taken.write_bytes(b"")
    for path, error in (
        (taken, UsageError),
        (tmp_path / "a.avi", UsageError),
        (tmp_path / "no" / "a.mp4", SinkError),
    ):
        with pytest.raises(error, match="--record"):
            check_recording(path, "--record")


def test_a_virtual_camera_that_there_is_not():
    with pytest.raises((SinkError, UsageError), match="v4l2loopback"):
        open_virtual_camera("/dev/video987", SIZE)


def test_a_slow_disk_loses_frames_and_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write = recording._Writer.write
    monkeypatch.setattr(recording._Writer, "write", lambda *a: (time.sleep(0.05), write(*a))[1])
    recorder = Recorder(tmp_path, tmp_path / "show.mp4")
    recorder.record(True, "x")
    for item in frames(40):
        recorder.put(*item)
    recorder.close()
    assert "frames left out" in answers(recorder)[-1] and len(decoded(tmp_path / "show.mp4")) >= 30
