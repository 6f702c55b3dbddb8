"""What those who watch see, on a display of its own, while the controls are on the first one."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import run_cam
from bench.tools.virtual_screen import virtual_screen
from engines.errors import UsageError
from realtime.controls.desk import Desk
from realtime.live.sinks import output_window
from realtime.live.sources.screen_capture import Display
from tests.realtime.controls.test_osc import until

ROOT = Path(__file__).parents[4]
FIRST, SECOND = (0, 0, 640, 480), (640, 0, 512, 384)  # left, top, width, height
WATCHDOG_S = 60


class _Monitor(ctypes.Structure):
    """XRRMonitorInfo of Xrandr.h."""

    _fields_ = (
        ("name", ctypes.c_ulong),
        *((name, ctypes.c_int) for name in ("primary", "automatic", "noutput", "x", "y")),
        *((name, ctypes.c_int) for name in ("width", "height", "mwidth", "mheight")),
        ("outputs", ctypes.POINTER(ctypes.c_ulong)),
    )


def divide(display: str) -> None:
    """Make two monitors of the one that the server has, as ``xrandr --setmonitor`` does."""
    try:
        x, randr = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXrandr.so.2")
    except OSError:
        pytest.skip("there is no libXrandr")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XDefaultRootWindow.restype = x.XInternAtom.restype = ctypes.c_ulong
    randr.XRRGetMonitors.restype = ctypes.POINTER(_Monitor)
    opened = ctypes.c_void_p(x.XOpenDisplay(display.encode()))
    root = ctypes.c_ulong(x.XDefaultRootWindow(opened))
    count = ctypes.c_int()
    before = randr.XRRGetMonitors(opened, root, 1, ctypes.byref(count))[0]
    for name, place, outputs in (("LEFT", FIRST, 1), ("RIGHT", SECOND, 0)):
        atom = x.XInternAtom(opened, name.encode(), 0)
        left, top, width, height = place
        monitor = _Monitor(atom, outputs, 0, outputs, left, top, width, height, 100, 100)
        monitor.outputs = before.outputs
        randr.XRRSetMonitor(opened, root, ctypes.byref(monitor))
    x.XSync(opened, 0)
    x.XCloseDisplay(opened)


def grab(display: str, place: tuple[int, int, int, int]) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a part of the screen."""
    import mss

    with mss.MSS(display=display) as screen:
        region = dict(zip(("left", "top", "width", "height"), place, strict=True))
        shot = screen.grab(region)
        return np.frombuffer(shot.rgb, np.uint8).reshape(shot.height, shot.width, 3)


@pytest.fixture
def two_displays() -> Iterator[str]:
    with virtual_screen("1152x480") as display:
        if display is None:
            pytest.skip("Xvfb is not installed")
        divide(display)
        yield display


@pytest.mark.display
def test_nothing_but_the_painting_is_seen(two_displays: str, tmp_path: Path):
    osc = pytest.importorskip("pythonosc.udp_client")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    picture = np.random.default_rng(1).integers(0, 256, (384, 512, 3), np.uint8)
    (tmp_path / "pictures").mkdir()
    Image.fromarray(picture).save(tmp_path / "pictures" / "one.png")
    source = ("--source", str(tmp_path / "pictures"), "--loop", "--engine", "passthrough")
    size = ("--capture", "512x384@10", "--size", "512x384")
    flags = (*size, "--no-denoise", "--fresh", "--output-window", "2", "--osc", str(port))
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run_cam.py"), *source, *flags],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "DISPLAY": two_displays},
    )
    sender = osc.SimpleUDPClient("127.0.0.1", port)
    try:
        is_clean = lambda: np.array_equal(grab(two_displays, SECOND), picture)  # noqa: E731
        assert until(is_clean, WATCHDOG_S), process.stderr.read() if process.poll() else ""
        for command, value in (
            *(("hud", "all"), ("help", 1), ("help", 0), ("sheet", 1), ("sheet", 0)),
            *(("strip", 1), ("compare", "split"), ("snapshot", 1)),
        ):
            before = grab(two_displays, FIRST)
            sender.send_message(f"/livebrush/{command}", value)
            differs = lambda old=before: not np.array_equal(grab(two_displays, FIRST), old)  # noqa: E731
            assert until(differs, WATCHDOG_S), command
            assert is_clean(), command
        sender.send_message("/livebrush/black", 1)
        assert until(lambda: not grab(two_displays, SECOND).any(), WATCHDOG_S)
        sender.send_message("/livebrush/quit", [])
        time.sleep(1)
        assert process.poll() is None  # the end would be seen: it asks once
        sender.send_message("/livebrush/quit", [])
        assert process.wait(WATCHDOG_S) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        sender._sock.close()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[Display]:
    found = [Display(0, 0, 1920, 1080, "eDP-1"), Display(1920, 0, 1280, 720, "HDMI-1")]
    monkeypatch.setattr(output_window, "displays", lambda: found)
    return found


def test_a_display_is_known_by_its_number_and_its_name(known: list[Display]):
    find = output_window.find_display
    assert find("1") == known[0] and find("2") == find("hdmi") == known[1]
    for wrong in ("0", "3", "DVI"):
        with pytest.raises(UsageError, match=r"There are: 1 \(eDP-1 .*2 \(HDMI-1 1280x720\+1920"):
            find(wrong)
    known.clear()
    with pytest.raises(UsageError, match="tells of none"):
        find("2")


def test_a_machine_without_a_screen_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(output_window, "display_problem", lambda: "there is no display")
    with pytest.raises(UsageError, match="--output-window: there is no display"):
        output_window.OutputWindow.check(Namespace(output_window="2"))


def test_the_end_of_what_others_see_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from realtime.live import flags

    monkeypatch.setenv("LIVEBRUSH_STATE", str(tmp_path))
    args = run_cam.parse_args(["--output-window", "2", "--source", "test", "--fresh"])
    _, state = flags.models_and_state(args, mirrored=False)
    desk = Desk(state)
    desk.press("q")
    assert not desk.state.quit and "on air: once more" in desk.state.said
