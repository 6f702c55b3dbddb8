"""The window on a real X server, each time in a process of its own: what goes wrong in libraries of
the screen hangs or aborts.
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

from bench.tools.virtual_screen import virtual_screen
from engines import find_model
from realtime.controls.commands import COMMANDS
from realtime.controls.keys import default_keymap
from realtime.live.desktop import display_problem
from realtime.live.physical_keys import key_name, printed_labels

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
@pytest.mark.parametrize("first", ["cv2, av", "av, cv2"])
def test_what_else_carries_libraries_of_the_screen_is_no_matter(first: str):
    done = python(f"import {first}\n" + SHOW_ONE)
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
    ("code", "shifted", "name"),
    [
        (4, False, "a"), (14, True, "K"), (30, False, "1"), (38, True, "("), (47, False, "["),
        (47, True, "{"), (51, True, ":"), (52, True, '"'), (56, True, "?"), (80, False, "left"),
        (40, False, "enter"), (68, False, "f11"), (92, False, "4"), (92, True, "4"),
        (87, False, "+"), (88, False, "enter"), (100, True, ">"), (225, True, None),
    ],
)  # fmt: skip
def test_keys_have_the_names_of_their_places(code: int, shifted: bool, name: str | None):
    assert key_name(code, shifted) == name


def test_help_says_what_is_printed_on_the_keys():
    german = {29: "y", 28: "z", 47: "ü", 51: "ö", 45: "ß"}
    labels = printed_labels(lambda code: german.get(code) or key_name(code, False) or "")
    assert labels["y"] == "z" and labels["Y"] == "Z" and labels["["] == "ü"
    assert labels["{"] == "Shift ü" and labels["("] == "Shift 9" and "]" not in labels
    assert printed_labels(lambda code: "ф" if code == 4 else key_name(code, False) or "") == {}
    keymap = default_keymap()
    rows = dict((text, keys) for keys, text in keymap.help_rows(labels))
    assert rows["brush finer, broader"].startswith("Shift ü Shift ]")
    assert keymap.key_of("hold_grade", labels) == "z" and keymap.key_of("hold_grade") == "y"


# The places of keys, as evdev and X11 number them, in rows of a US keyboard.
PLACES = {
    key: first + n
    for first, row in ((10, "1234567890-="), (24, "qwertyuiop[]"), (38, "asdfghjkl;'"),
                       (52, "zxcvbnm,./"))
    for n, key in enumerate(row)
} | {
    "`": 49, "\\": 51, "esc": "Escape", "backspace": 22, "tab": 23, "enter": 36, "space": 65,
    **{f"f{n}": 66 + n for n in range(1, 11)}, "f11": 95, "f12": 96, "home": 110, "up": 111,
    "pageup": 112, "left": 113, "right": 114, "end": 115, "down": 116, "pagedown": 117,
}  # fmt: skip
SHIFTED = dict(zip('!@#$%^&*()_+{}|:"~<>?', "1234567890-=[]\\;'`,./", strict=True))
TELL_KEYS = """
import numpy as np, time
from realtime.live.sinks.window import Window
window = Window("Livebrush", (120, 160))
window.show(np.zeros((*window.view_size, 3), np.uint8))
print("open", flush=True)
while not window.closed:
    for key in window.poll():
        print(key, flush=True)
    time.sleep(0.002)
"""


def place_of(key: str) -> str:
    """What xdotool presses to have the key of a name on a US keyboard."""
    if plain := SHIFTED.get(key) or (key.lower() if len(key) == 1 and key.isupper() else None):
        return f"shift+{PLACES[plain]}"
    return str(PLACES[key])  # of two digits: one would be that digit, wherever it lies


@pytest.mark.display
@needs_xdotool
@pytest.mark.skipif(not shutil.which("setxkbmap"), reason="setxkbmap is not installed")
def test_every_command_is_reached_on_keyboards_of_other_languages(tmp_path: Path):
    keymap = default_keymap()
    wanted = [(keymap.bound[key], key) for key in keymap.bound]
    assert {name for (name, _), _ in wanted} == {c.name for c in COMMANDS.values() if c.keys}
    with virtual_screen("640x480") as display, open(tmp_path / "keys", "w+") as told:
        if display is None:
            pytest.skip("Xvfb is not installed")
        on = {"env": {**os.environ, "DISPLAY": display}, "timeout": WATCHDOG_S, "check": True}
        window = subprocess.Popen(
            [sys.executable, "-c", TELL_KEYS], cwd=ROOT, stdout=told, env=on["env"]
        )

        def heard(*keys: str) -> list[str]:
            told.seek(0)
            before = len(told.read().split())
            subprocess.run(["xdotool", "key", "--delay", "8", *keys], **on)
            end_s = time.monotonic() + WATCHDOG_S
            while time.monotonic() < end_s:
                told.seek(0)
                if len(new := told.read().split()[before:]) >= len(keys):
                    return new
                time.sleep(0.02)
            return new

        try:
            while "open" not in (told.seek(0), told.read())[1]:
                assert window.poll() is None
                time.sleep(0.05)
            look = ["xdotool", "search", "--class", "livebrush", "windowfocus"]
            subprocess.run(look, **on)
            for layout in ("us", "ru", "fr", "de"):
                subprocess.run(["setxkbmap", layout], **on)
                names = heard(*(place_of(key) for _, key in wanted))
                done = [keymap.find(name) for name in names]
                assert done == [command for command, _ in wanted], layout
                # The number pad, without Num Lock; digits where they need Shift.
                assert heard("87", "90", "86", "82", "104") == ["1", "0", "+", "-", "enter"]
                assert keymap.find(*heard("shift+11")) == ("slot", 2)
        finally:
            window.kill()
            window.wait()


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
    """Once the window is there."""
    end_s = time.monotonic() + WATCHDOG_S
    look = ["xdotool", "search", "--onlyvisible", "--class", "livebrush", "windowfocus"]
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
