"""What somebody new meets: a window at once, a line of keys, a size that this machine can paint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from realtime.controls.remembered import remember, runs_before
from realtime.controls.state import State
from realtime.live import flags as live_flags
from realtime.live.command_line import parse_args
from realtime.live.hud import Hud
from realtime.live.sinks.null import Null
from realtime.live.sources.synthetic import Synthetic
from realtime.live.start import show_start
from realtime.look import Look
from tests.realtime.live.test_run import Screen, live

ROOT = Path(__file__).parents[3]


def test_the_line_of_keys_is_for_the_first_runs_in_a_window():
    state = State(("a",), Look((("a", 1.0),)))
    for run in range(5):
        assert runs_before() == run
        assert live_flags.needs_hint(parse_args([])) == (run < 3)
        assert not live_flags.needs_hint(parse_args(["--headless"]))
        remember(state)


@pytest.mark.parametrize(
    ("flags", "shrinks"),
    [
        ([], True),
        (["--size", "640x480"], False),
        (["--quality", "fixed"], False),
        (["--size", "640x480", "--quality", "auto"], True),
    ],
)
def test_the_size_follows_the_machine_unless_one_is_asked_for(flags: list[str], shrinks: bool):
    assert (live_flags.quality_from(parse_args(flags)) is not None) == shrinks


def test_what_is_waited_for_is_shown_where_somebody_looks():
    screen = Screen(size=(480, 640))
    show_start(screen, "starting camera 0 …")
    assert screen.pictures and len(np.unique(screen.pictures[0])) > 20
    show_start(Null(), "starting")


def test_the_line_of_keys_goes_once_they_were_looked_at(monkeypatch: pytest.MonkeyPatch):
    hints: list[tuple[int, str]] = []
    screen = Screen({10: ["h"], 20: ["h"], 30: ["q"]}, size=(480, 640))
    monkeypatch.setattr(
        Hud, "draw_hint", lambda self, view, text: hints.append((len(screen.pictures), text))
    )
    live(Synthetic((480, 640), fps=30), screen, duration_s=30, hint=True).run()
    assert hints and len(screen.pictures) >= 30
    assert hints[0][1] == "h shows the keys   ·   1-9 styles   ·   Tab all styles"
    assert max(number for number, _ in hints) < 20
    hints.clear()
    live(Synthetic((480, 640), fps=30), Screen(size=(480, 640)), duration_s=1).run()
    assert not hints


IN_SCREEN = """
import sys
from realtime.live.sinks import window as w
from realtime.live.sources.screen_capture import displays
window = w.Window("inside", (720, 1280))
for size in ((720, 1280), (1080, 1080)):
    window.fit(size)
    for _ in range(20):
        window.poll()
    left, top, width, height = window._window.place
    screen = displays()[0]
    assert left >= 0 and top >= 0, (left, top)
    inside = left + width <= screen.width and top + height <= screen.height
    assert inside, (left, top, width, height)
    assert abs(width / height - size[1] / size[0]) < 0.02
window.close()
print("inside")
"""


@pytest.mark.display
def test_a_new_window_lies_inside_the_screen():
    done = subprocess.run(
        [sys.executable, "-c", IN_SCREEN],
        cwd=ROOT,
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "inside\n", done.stderr
