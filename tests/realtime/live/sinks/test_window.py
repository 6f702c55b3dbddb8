"""The window on a real X server, each time in a process of its own: what goes wrong here hangs or
aborts.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines import find_model
from realtime.live.bootstrap import display_problem
from realtime.live.sinks.window import key_name

ROOT = Path(__file__).parents[4]
WATCHDOG_S = 60
needs_xdotool = pytest.mark.skipif(not shutil.which("xdotool"), reason="xdotool is not installed")


def python(code: str, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command,
        cwd=ROOT,
        timeout=WATCHDOG_S,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


SHOW_ONE = """
import numpy as np
from realtime.live.sinks.window import Window
window = Window("order", (48, 64))
window.show(np.zeros((*window.view_size, 3), np.uint8))
assert not window.closed
window.close()
assert window.closed
print("shown")
"""


@pytest.mark.display
def test_the_order_of_imports_that_the_window_makes_works():
    done = python("from realtime.live import bootstrap; bootstrap.import_for_window()\n" + SHOW_ONE)
    assert done.stdout == "shown\n", done.stderr


@pytest.mark.display
def test_av_first_is_refused_instead_of_hanging():
    done = python("import av\n" + SHOW_ONE)
    assert done.returncode == 1 and "import_for_window" in done.stderr


@pytest.mark.display
def test_cv2_first_and_av_later_is_fine():
    done = python("import cv2, av\n" + SHOW_ONE)
    assert done.stdout == "shown\n", done.stderr


@pytest.mark.display
def test_a_display_that_is_there():
    assert display_problem() is None


def test_a_display_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "DISPLAY is not set" in display_problem()


def test_a_display_that_does_not_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISPLAY", ":987")
    assert ":987" in display_problem()


@pytest.mark.parametrize(
    ("code", "system", "name"),
    [
        (65361, "QT", "left"), (65362, "QT", "up"), (65363, "QT", "right"), (65364, "QT", "down"),
        (65480, "QT", "f11"), (27, "QT", "esc"), (32, "QT", "space"), (91, "QT", "["),
        (123, "QT", "{"), (63, "QT", "?"), (65505, "QT", None),
        (0x100000 | 65361, "GTK3", "left"), (0x110000 | 91, "GTK3", "["), (0xFFB4, "GTK3", "4"),
        (2424832, "WIN32", "left"), (2162688, "WIN32", "pageup"), (2228224, "WIN32", "pagedown"),
        (7995392, "WIN32", "f11"), (2949120, "WIN32", "insert"), (63276, "COCOA", "pageup"),
        (63277, "COCOA", "pagedown"), (63246, "COCOA", "f11"), (63233, "COCOA", "down"),
        (113, "WIN32", "q"),
    ],
)  # fmt: skip
def test_key_codes(code: int, system: str, name: str | None):
    assert key_name(code, system) == name


@pytest.fixture
def camera_window(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """run_cam.py in a window, on the test source, in an empty folder."""
    command = [
        sys.executable,
        str(ROOT / "run_cam.py"),
        "--source",
        "test",
        "--engine",
        "passthrough",
        "--report",
        "report.json",
    ]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def press(*keys: str) -> None:
    """Once the window is there; the one that the probe of the display opens may go while it is
    looked for.
    """
    end_s = time.monotonic() + WATCHDOG_S
    look = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "Livebrush", "windowfocus"]
    while subprocess.run(
        look, timeout=WATCHDOG_S, stderr=subprocess.DEVNULL, check=False
    ).returncode:
        assert time.monotonic() < end_s, "the window does not come"
        time.sleep(0.2)
    for key in keys:
        subprocess.run(["xdotool", "key", key], timeout=WATCHDOG_S, check=True)
        time.sleep(0.3)


GRAB = """
import av, os, sys
screen = av.open(os.environ["DISPLAY"], format="x11grab", options={"framerate": "30"})
sys.stdout.buffer.write(bytes(next(screen.demux(video=0))))
sys.stdout.flush()
# Closing the grabber may crash: its pictures lie in memory that it shares with the server.
os._exit(0)
"""


def grab_screen() -> np.ndarray:
    """The pixels of the screen as one row of int32 0x00RRGGBB, read by PyAV from the X server."""
    raw = subprocess.run(
        [sys.executable, "-c", GRAB], timeout=WATCHDOG_S, capture_output=True, check=True
    ).stdout
    return np.frombuffer(raw, np.int32) & 0xFFFFFF


@pytest.mark.display
@needs_xdotool
def test_keys_and_pictures(camera_window: subprocess.Popen, tmp_path: Path):
    second = find_model(None, []).style_names[2]
    press("2")
    end_s = time.monotonic() + WATCHDOG_S
    while len(np.unique(seen := grab_screen())) <= 2000:  # until the test picture is on the screen
        assert time.monotonic() < end_s, "the window stays empty"
    press("h")
    assert (grab_screen() != seen).mean() > 0.05
    press("Escape", "s")
    end_s = time.monotonic() + 5
    while len(list(tmp_path.glob("*.png"))) < 2 and time.monotonic() < end_s:
        time.sleep(0.05)
    assert (
        all(second in path.name for path in tmp_path.glob("*.png"))
        and len(list(tmp_path.glob("*.png"))) == 2
    )
    assert camera_window.poll() is None  # Escape left the help card only
    press("q")
    started = time.monotonic()
    assert camera_window.wait(WATCHDOG_S) == 0 and time.monotonic() - started < 3
    assert (tmp_path / "report.json").exists()


@pytest.mark.display
def test_the_screen_in_a_window(tmp_path: Path):
    """Two libraries that both speak to the X server in one process: what crashed once."""
    flags = [
        "--source",
        "screen:160x120+800+600",
        "--engine",
        "passthrough",
        "--duration",
        "2",
        "--report",
        "report.json",
    ]
    command = [sys.executable, str(ROOT / "run_cam.py"), *flags]
    done = subprocess.run(
        command, cwd=tmp_path, timeout=WATCHDOG_S, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["frames_out"] > 0


@pytest.mark.display
@needs_xdotool
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_end_the_window(
    camera_window: subprocess.Popen, tmp_path: Path, number: int, code: int
):
    press("3", "4")
    started = time.monotonic()
    camera_window.send_signal(number)
    assert camera_window.wait(WATCHDOG_S) == code and time.monotonic() - started < 3
    assert (tmp_path / "report.json").exists()


@pytest.mark.display
@needs_xdotool
@pytest.mark.skipif(
    not shutil.which("wmctrl") or not shutil.which("openbox"),
    reason="wmctrl or openbox is not installed",
)
def test_closing_the_window_with_the_mouse_ends_it(camera_window: subprocess.Popen):
    manager = subprocess.Popen(["openbox"], stderr=subprocess.DEVNULL)
    try:
        press("3")
        subprocess.run(["wmctrl", "-c", "Livebrush"], timeout=WATCHDOG_S, check=True)
        assert camera_window.wait(WATCHDOG_S) == 0
    finally:
        manager.terminate()
        manager.wait(WATCHDOG_S)
