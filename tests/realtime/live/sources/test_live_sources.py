import os
import threading
import time
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from bench.tools.breaking_stream import BreakingStream
from engines.errors import SourceError, UsageError
from realtime.live.camera_devices import camera_titles, find_camera
from realtime.live.capture_format import CaptureFormat, parse_capture
from realtime.live.latest import Latest
from realtime.live.live_source import LiveSource
from realtime.live.registry import live_source
from realtime.live.sources import camera as camera_module
from realtime.live.sources import image_folder
from realtime.live.sources.camera import Camera
from realtime.live.sources.image_folder import ImageFolder
from realtime.live.sources.live_file import LiveFile
from realtime.live.sources.screen_capture import parse_region
from realtime.live.sources.synthetic import Synthetic


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def read_until(source: LiveSource, wanted, limit_s: float = 8.0):
    """Read until ``wanted(frame)`` is true, and return that frame, or None at the limit."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        frame = source.read(0.02)
        if wanted(frame):
            return frame
    return None


def test_the_newest_item_wins_and_the_others_are_counted():
    dropped: list[int] = []
    box = Latest(dropped.append)
    for number in range(5):
        box.put(number)
    assert box.get(0) == 4 and dropped == [0, 1, 2, 3]
    assert box.get(0.01) is None


def test_closing_wakes_the_reader_and_keeps_the_last_item():
    box: Latest[int] = Latest()
    threading.Timer(0.05, box.close).start()
    started = time.monotonic()
    assert box.get() is None and time.monotonic() - started < 2
    box.put(1)
    assert box.finished and box.get(0) is None


def test_the_test_picture_is_the_same_for_everyone_and_moves():
    one, other = Synthetic((48, 64)), Synthetic((48, 64))
    assert (one.picture(7) == other.picture(7)).all()
    assert (one.picture(7) != one.picture(8)).any()
    picture = Synthetic((240, 320)).picture(0)
    assert picture.shape == (240, 320, 3) and picture.dtype == np.uint8 and picture.std() > 40


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (33, 47), (2, 2)])
def test_the_test_picture_in_odd_sizes(size: tuple[int, int]):
    source = Synthetic(size)
    for index in (0, 1, 50, 1000):
        assert source.picture(index).shape == (*size, 3)


def test_the_test_source_follows_its_clock():
    clock = SetClock()
    source = Synthetic((8, 8), fps=10, clock=clock)
    source.open()
    assert source.read(0).index == 0
    assert source.read(0.01) is None  # not due yet
    clock.now_s += 0.1
    first = source.read(0)
    assert first.index == 1 and first.captured_s == pytest.approx(100.1)
    clock.now_s += 0.75
    assert source.read(0).index == 8  # 2 to 7 were due and nobody came


def test_the_test_source_can_end():
    clock = SetClock()
    source = Synthetic((8, 8), fps=10, frames=3, clock=clock)
    source.open()
    source.read(0)
    clock.now_s += 60
    assert source.read(0).index == 2 and source.finished


def test_a_file_plays_at_its_timestamps(make_video):
    clock = SetClock()
    source = LiveFile(make_video(pts=[0, 40, 100, 400]), clock=clock)
    assert source.open() == (48, 64)
    seen = []
    for _ in range(60):
        frame = source.read(0)
        if frame is not None:
            seen.append(
                (frame.index, round(clock.now_s - 100, 3), round(frame.captured_s - 100, 3))
            )
        clock.now_s += 0.01
    source.close()
    assert [index for index, _, _ in seen] == [0, 1, 2, 3]
    assert [due for _, _, due in seen] == [0.0, 0.04, 0.1, 0.4]
    assert all(due <= at <= due + 0.011 for _, at, due in seen)
    assert source.finished


def test_a_late_reader_gets_what_is_due_now(make_video):
    clock = SetClock()
    source = LiveFile(make_video(pts=list(range(0, 800, 40))), clock=clock)
    source.open()
    source.read(0)
    clock.now_s += 0.21
    assert source.read(0).index == 5
    source.close()


def test_a_loop_goes_on_without_a_gap(make_video):
    clock = SetClock()
    source = LiveFile(make_video(pts=[0, 40, 80]), loop=True, clock=clock)
    source.open()
    seen = []
    while len(seen) < 8:
        frame = source.read(0)
        if frame is not None:
            seen.append((frame.index, round(frame.captured_s - 100, 2)))
        clock.now_s += 0.01
    source.close()
    assert seen == [(n, pytest.approx(0.04 * n)) for n in range(8)]


def test_a_phone_video_stands_upright(make_video):
    source = LiveFile(make_video(rotation=(90.0, False, False)))
    assert source.open() == (64, 48)
    assert read_until(source, bool).size == (64, 48)
    source.close()


@pytest.mark.parametrize("text", ["nothing.mp4", "."])
def test_a_file_that_cannot_be_read_is_an_error(text: str, tmp_path: Path):
    with pytest.raises(SourceError):
        live_source(str(tmp_path / text)).open()


def test_what_source_means(tmp_path: Path):
    (tmp_path / "clip.mp4").touch()
    assert isinstance(live_source("test"), Synthetic)
    assert live_source("0").mirrored and live_source("/dev/video3").mirrored
    assert (
        not live_source("rtsp://example.invalid/a").mirrored
        and not live_source(str(tmp_path / "clip.mp4")).mirrored
    )


@pytest.mark.parametrize(
    "text", ["", "640", "640x", "0x480", "640x480@0", "640x480@nan", "axb@30", "99999x10"]
)
def test_capture_formats_that_mean_nothing(text: str):
    with pytest.raises(UsageError):
        parse_capture(text)


def test_capture_formats():
    assert parse_capture("1280x720@60") == CaptureFormat((720, 1280), 60)
    assert parse_capture("320X240") == CaptureFormat((240, 320), 30)


def test_a_camera_that_is_not_there_says_what_to_type():
    with pytest.raises(SourceError, match="--source test"):
        Camera(97).open()


def test_a_stream_that_ends_is_reopened(make_video, monkeypatch: pytest.MonkeyPatch):
    """OpenCV reads a file like a camera that goes away after ten pictures, each time that it is
    opened.
    """
    monkeypatch.setattr(camera_module, "FAILING_S", 0.1)
    monkeypatch.setattr(camera_module, "BACK_OFF_S", (0.1,))
    source = Camera(str(make_video(pts=list(range(0, 400, 40)))))
    assert source.open() == (48, 64)
    first = read_until(source, lambda frame: frame is not None)
    assert (
        read_until(source, lambda _: source.problem is not None) is None
        and "lost" in source.problem
    )
    again = read_until(source, lambda frame: frame is not None)
    assert again.index > first.index and source.problem is None
    source.close()
    assert source.finished


def test_a_device_that_blocks_while_it_is_opened_does_not_hold_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(camera_module, "FIRST_PICTURE_S", 0.3)
    pipe = tmp_path / "camera.avi"
    os.mkfifo(pipe)
    started = time.monotonic()
    with pytest.raises(SourceError, match="gives no picture"):
        Camera(str(pipe)).open()
    assert time.monotonic() - started < 2.5
    os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))  # lets the thread go on to find nothing


class Noise:
    """A device that gives noise, or hangs, fails, repeats itself or goes black if told to."""

    mood = "noise"
    opened = 0
    free = threading.Event()
    last = np.full((24, 32, 3), 200, np.uint8)

    def __init__(self) -> None:
        type(self).opened += 1
        self._random = np.random.default_rng(Noise.opened)

    def read(self) -> np.ndarray | None:
        time.sleep(0.005)
        if Noise.mood == "hang":
            Noise.free.wait(20)
        if Noise.mood == "fail":
            return None
        if Noise.mood == "raise":
            raise OSError("the driver is gone")
        if Noise.mood == "black":
            return self._random.integers(0, 4, (24, 32, 3), dtype=np.uint8)
        if Noise.mood == "noise":
            Noise.last = self._random.integers(0, 255, (24, 32, 3), dtype=np.uint8)
        return Noise.last

    def release(self) -> None:
        pass

    note = "32x24 noise"


@pytest.fixture
def noise_camera(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "SILENT_S": 0.3,
        "FROZEN_S": 0.3,
        "BLACK_S": 0.3,
        "FAILING_S": 0.1,
        "BACK_OFF_S": (0.1, 0.2),
    }.items():
        monkeypatch.setattr(camera_module, name, value)
    Noise.mood, Noise.opened = "noise", 0
    Noise.free.clear()
    camera = Camera(0, open_capture=lambda device, size, fps: Noise())
    camera.open()
    assert read_until(camera, lambda frame: frame is not None)
    yield camera
    Noise.free.set()
    camera.close()


@pytest.mark.parametrize(
    ("mood", "word"), [("hang", "silent"), ("fail", "lost"), ("raise", "lost"), ("still", "frozen")]
)
def test_a_camera_in_trouble_is_told_and_reopened(noise_camera: Camera, mood: str, word: str):
    Noise.mood = mood
    read_until(noise_camera, lambda _: noise_camera.problem is not None)
    assert word in noise_camera.problem and "reopening" in noise_camera.problem
    Noise.mood = "noise"
    frame = read_until(noise_camera, lambda frame: frame is not None)
    assert frame is not None and noise_camera.problem is None and Noise.opened >= 2


def test_a_camera_is_not_silent_because_the_machine_slept(noise_camera: Camera):
    slept_s = 0.0
    noise_camera._clock = lambda: time.monotonic() + slept_s
    Noise.mood = "hang"
    noise_camera.read(0.02)
    slept_s = 100.0
    noise_camera.read(0.02)
    assert noise_camera.problem is None
    read_until(noise_camera, lambda _: noise_camera.problem is not None)
    assert "silent" in noise_camera.problem


def test_a_lost_camera_is_waited_for_without_haste(noise_camera: Camera):
    Noise.mood = "fail"
    read_until(noise_camera, lambda _: noise_camera.problem is not None)
    reads, end_s = 0, time.monotonic() + 0.3
    while time.monotonic() < end_s:
        noise_camera.read(0.02)
        reads += 1
    assert reads < 60


def test_a_picture_that_stays_still_after_reopening_is_shown_with_a_warning(noise_camera: Camera):
    Noise.mood = "still"
    read_until(noise_camera, lambda _: noise_camera.problem is not None)
    read_until(
        noise_camera, lambda _: noise_camera.warning is not None and noise_camera.problem is None
    )
    assert "still" in noise_camera.warning and noise_camera.problem is None
    read_until(noise_camera, lambda _: False, limit_s=0.8)
    assert Noise.opened == 2  # not again and again


def test_a_black_picture_is_a_warning(noise_camera: Camera):
    Noise.mood = "black"
    read_until(noise_camera, lambda _: noise_camera.warning is not None)
    assert "black" in noise_camera.warning and noise_camera.problem is None


def test_a_device_that_hangs_is_not_opened_without_end(noise_camera: Camera):
    Noise.mood = "hang"
    read_until(noise_camera, lambda _: False, limit_s=3)
    assert Noise.opened <= camera_module.MAX_STUCK_THREADS
    started = time.monotonic()
    noise_camera.close()
    assert time.monotonic() - started < 1


def test_cameras_go_by_name(tmp_path: Path):
    for number, title in (
        (0, "HD Webcam: HD Webcam"),
        (2, "Capture Card"),
        (10, "OBS Virtual Camera"),
    ):
        (tmp_path / "dev").mkdir(exist_ok=True)
        (tmp_path / "dev" / f"video{number}").touch()
        (tmp_path / "names" / f"video{number}").mkdir(parents=True)
        (tmp_path / "names" / f"video{number}" / "name").write_text(title + "\n")
    titles = camera_titles(tmp_path / "dev", tmp_path / "names")
    assert list(titles) == [0, 2, 10]
    assert (
        find_camera("capture", titles) == 2
        and find_camera("webcam", titles) == 0
        and find_camera("sony", titles) is None
    )


def test_what_a_source_may_be_called(tmp_path: Path):
    (tmp_path / "clip.mp4").touch()
    assert isinstance(live_source(str(tmp_path)), ImageFolder) and isinstance(
        live_source(str(tmp_path / "clip.mp4")), LiveFile
    )
    assert isinstance(live_source("screen:64x48+1+2"), Camera)
    assert (
        parse_region("screen:640x480+100+50") == (50, 100, 480, 640)
        and parse_region("screen") is None
    )
    for text in ("screen:", "screen:8x8", "screen:640", "screen:640x480+1"):
        with pytest.raises(UsageError, match="screen"):
            live_source(text)


def test_a_folder_of_pictures_is_shown_one_after_another(tmp_path: Path):
    for n, size in enumerate([(64, 48), (48, 64), (100, 10)]):
        Image.new("RGB", size, (60 * n + 60, 0, 0)).save(tmp_path / f"{n}.png")
    (tmp_path / "1b.jpg").write_bytes(b"no picture")
    clock = SetClock()
    source = ImageFolder(tmp_path, (48, 64), clock=clock)
    assert source.open() == (48, 64)
    levels = []
    for _ in range(5):
        frame = source.read(0)
        levels.append(int(frame.pixels[24, 32, 0]))
        clock.now_s += image_folder.SHOWN_S
    assert levels == [60, 120, 180, 180, 180] and "1b.jpg" in source.warning
    assert source.read(0) is None and source.finished  # the last frame is shown, however late
    with pytest.raises(SourceError, match="no picture"):
        (tmp_path / "empty").mkdir()
        ImageFolder(tmp_path / "empty", (48, 64)).open()


def test_pictures_beyond_measure_are_left_out_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
):
    """Before they are decoded, and without Pillow's own warning."""
    monkeypatch.setattr("realtime.media.reading.picture_files.MAX_PIXELS", 64 * 48)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 48)
    Image.new("RGB", (64, 48), (200, 0, 0)).save(tmp_path / "a.png")
    Image.new("RGB", (64, 49), (0, 0, 0)).save(tmp_path / "b.png")
    Image.new("RGB", (640, 480), (0, 0, 0)).save(tmp_path / "c.png")
    clock = SetClock()
    source = ImageFolder(tmp_path, (48, 64), loop=True, clock=clock)
    source.open()
    for _ in range(4):
        assert source.read(0).pixels[24, 32, 0] == 200
        clock.now_s += image_folder.SHOWN_S
    assert source.warning == "cannot be read: b.png, c.png"
    assert not recwarn.list


@pytest.mark.parametrize("ending", ["jpg", "heic", "avif", "gif", "tga"])
def test_a_large_photo_in_a_folder_comes_upright(tmp_path: Path, ending: str):
    """A JPEG is decoded at a smaller size, also where it lies on its side."""
    pixels = np.zeros((480, 1280, 3), np.uint8)
    pixels[:, :640] = 250
    exif = Image.Exif()
    if ending == "jpg":
        exif[0x0112] = 6
        pixels = np.rot90(pixels)
    pillow_heif.register_heif_opener()
    Image.fromarray(pixels).save(tmp_path / f"a.{ending}", exif=exif.tobytes(), quality=95)
    source = ImageFolder(tmp_path, (48, 128))
    source.open()
    shown = source.read(0).pixels
    assert shown[24, 8:60].min() > 235 and shown[24, 70:120].max() < 20


@pytest.mark.display
def test_a_region_of_the_screen(monkeypatch: pytest.MonkeyPatch):
    source = live_source("screen:160x120+10+20", CaptureFormat(fps=30))
    assert source.open() == (120, 160)
    first = read_until(source, lambda frame: frame is not None)
    assert first.pixels.shape == (120, 160, 3)
    monkeypatch.setattr(camera_module, "FROZEN_S", 0.1)
    later = read_until(source, lambda frame: frame is not None and frame.index > first.index + 10)
    assert (
        later is not None and source.warning is None and source.problem is None
    )  # an empty screen is no fault
    source.close()
    assert "region" in failure_of("screen:160x120+9000+20")
    monkeypatch.setenv("DISPLAY", "")
    assert "no X display" in failure_of("screen")


def failure_of(name: str) -> str:
    with pytest.raises(SourceError) as caught:
        live_source(name).open()
    return str(caught.value)


def test_a_stream_that_breaks_off_is_told_and_opened_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(camera_module, "FAILING_S", 0.1)
    monkeypatch.setattr(camera_module, "BACK_OFF_S", (0.1,))
    with BreakingStream((48, 64), fps=30) as stream:
        source = live_source(stream.address)
        assert source.open() == (48, 64) and not source.mirrored
        assert read_until(source, lambda frame: frame is not None and frame.index > 3)
        stream.stop()
        read_until(source, lambda _: source.problem is not None)
        assert "lost" in source.problem and "reopening" in source.problem
        stream.go_on()
        assert read_until(source, lambda frame: frame is not None and source.problem is None)
        started = time.monotonic()
        source.close()
        assert time.monotonic() - started < 1
