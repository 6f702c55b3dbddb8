"""NDI: what is sent, and that a receiver on this machine gets it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import run_cam
from engines.errors import UsageError
from realtime.frame import LiveFrame
from realtime.live.sinks.ndi import NdiOutput
from realtime.live.sources.synthetic import Synthetic

SIZE = (48, 64)
COLOUR = (200, 40, 20)


def until(condition: Callable[[], object], limit_s: float = 5.0) -> bool:
    end_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.01)
    return bool(condition())


class Sent:
    """Keeps what is sent."""

    def __init__(self, fails: bool = False) -> None:
        self.pictures: list[np.ndarray] = []
        self.fails, self.is_closed = fails, False

    def send(self, pixels: np.ndarray) -> None:
        if self.fails:
            raise Exception("the network is gone")  # as cyndilib does
        self.pictures.append(pixels.copy())

    def close(self) -> None:
        self.is_closed = True


def painted(size: tuple[int, int] = SIZE, has_cutout: bool = False) -> LiveFrame:
    pixels = np.full((*size, 3), COLOUR, np.uint8)
    cutout = np.dstack([pixels, np.full(size, 60, np.uint8)]) if has_cutout else None
    return LiveFrame(pixels, 0, time.monotonic(), cutout=cutout)


@pytest.mark.parametrize(
    ("size", "has_cutout", "keeps_alpha", "alpha"),
    [
        (SIZE, False, False, 255),
        ((30, 31), False, True, 255),
        (SIZE, True, False, 255),
        (SIZE, True, True, 60),
        ((96, 120), True, True, 60),
    ],
)
def test_pictures_go_out_in_one_form(
    size: tuple[int, int], has_cutout: bool, keeps_alpha: bool, alpha: int
):
    sender = Sent()
    sink = NdiOutput(sender, SIZE, keeps_alpha)
    frame = painted(size, has_cutout)
    sink.put(frame, frame.pixels)
    assert until(lambda: sender.pictures)
    (picture,) = sender.pictures
    assert picture.shape == (*SIZE, 4) and (picture[..., 3] == alpha).all()
    assert (np.abs(picture[..., :3].astype(int) - COLOUR) <= 1).all()
    sink.close()
    assert sender.is_closed


def test_what_goes_wrong_ends_ndi_and_nothing_else():
    sender = Sent(fails=True)
    sink = NdiOutput(sender, SIZE)
    sink.put(painted(), painted().pixels)
    assert until(lambda: sender.is_closed)
    assert sink.answers.get(timeout=1) == "NDI ended: the network is gone"
    sink.put(painted(), painted().pixels)
    sink.close()


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cyndilib", None)
    with pytest.raises(UsageError, match=r"--ndi needs cyndilib .*\[ndi\].*--virtual-cam"):
        NdiOutput.check(run_cam.parse_args(["--ndi"]))
    NdiOutput.check(run_cam.parse_args([]))


def test_a_name_is_needed():
    with pytest.raises(UsageError, match="takes a name"):
        NdiOutput.check(run_cam.parse_args(["--ndi", " "]))


@pytest.mark.parametrize("behind", ["painting", "alpha"])
def test_a_receiver_gets_the_painting(behind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("cyndilib.sender", reason="pip install '.[ndi]'", exc_type=ImportError)
    # Without a service that finds others in the network (avahi), this machine is looked at alone.
    config = {"ndi": {"networks": {"ips": "127.0.0.1"}}}
    (tmp_path / "ndi-config.v1.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("NDI_CONFIG_DIR", str(tmp_path))
    from cyndilib.finder import Finder
    from cyndilib.receiver import Receiver
    from cyndilib.video_frame import VideoFrameSync
    from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

    name = f"livebrush {behind}"
    args = run_cam.parse_args(["--ndi", name, "--behind", behind])
    NdiOutput.check(args)
    sink = NdiOutput.from_args(args, Synthetic(SIZE), SIZE)
    assert sink is not None
    finder = Finder()
    finder.open()
    receiver = Receiver(color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest)
    received = VideoFrameSync()
    receiver.frame_sync.set_video_frame(received)
    frame = painted(has_cutout=behind == "alpha")
    is_set = False

    def has_come() -> bool:
        nonlocal is_set
        sink.put(frame, frame.pixels)
        found = [source for source in finder.get_source_names() if name in source]
        if found and not is_set:
            receiver.set_source(finder.get_source(found[0]))
            is_set = True
        if is_set and receiver.is_connected():
            receiver.frame_sync.capture_video()
        time.sleep(0.03)
        return bool(received.xres)

    assert until(has_come, limit_s=20)
    picture = received.get_array().reshape(received.yres, received.xres, 4)
    assert picture.shape == (*SIZE, 4)
    # Its codec is lossy.
    assert (np.abs(picture[24, 32, :3].astype(int) - COLOUR) <= 12).all()
    assert abs(int(picture[24, 32, 3]) - (60 if behind == "alpha" else 255)) <= 4
    finder.close()
    sink.close()
