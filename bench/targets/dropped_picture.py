"""How long a picture that is dropped into a show takes until it is painted, and what it holds up.

python -m bench.targets.dropped_picture    the line of docs/live.md; a minute on an idle machine
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from bench import ROOT
from bench.tools.clips import bikes, cut
from bench.tools.machine import describe_machine
from bench.tools.markdown import fill
from engines import EngineOptions, Models, find_model, open_engine
from realtime import cli
from realtime.controls.desk import Desk
from realtime.frame import Frame
from realtime.live.engine_sizes import EngineSizes
from realtime.live.live_sink import LiveSink
from realtime.live.painter import LivePainter
from realtime.live.run import Live, LiveOptions, initial_state
from realtime.live.sources.live_file import LiveFile
from realtime.look import Look
from realtime.picture.sizes import parse_size
from realtime.stylizer import Stylizer

_SIZE, _FPS, _CLIP_FRAMES = "640x480", 30, 240
_QUIET_S, _AFTER_S = 8.0, 6.0  # before the drop, and from it on
_WANTED_S, _WANTED_GAP_MS = 1.0, 100.0


def main(argv: list[str]) -> int:
    """Measure and say it; return 1 where a promise is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.dropped_picture",
        description="Drop to first frame painted so, and the longest gap between frames meanwhile.",
    )
    parser.add_argument("--rounds", type=int, default=5, help="shows (default: 5)")
    args = parser.parse_args(argv)
    about = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        clip, picture = Path(folder) / "clip.mp4", Path(folder) / "dropped.jpg"
        cut(bikes(), clip, parse_size(_SIZE), _FPS, _CLIP_FRAMES)
        _draw_picture(picture)
        shows = [_drop_once(clip, picture) for _ in range(args.rounds)]
    painted_s, gaps_ms, before_ms = zip(*shows, strict=True)
    text = (
        f"A photo of 12 megapixels, dropped into a show of {_SIZE} at {_FPS} fps: painted so after "
        f"{max(painted_s):.2f} s ({_WANTED_S:g} wanted); longest gap between two frames from then "
        f"on {statistics.median(gaps_ms):.0f} ms, {gaps_ms[0]:.0f} the first time, when what "
        f"reads pictures is loaded ({_WANTED_GAP_MS:g} wanted), and {max(before_ms):.0f} ms before "
        f"it. {args.rounds} shows: the slowest, the middle, the first, the worst; "
        f"{about['cores']} cores of an {about['processor']} ({about['units']}), load "
        f"{about['load at the start']} when it began, {about['date']}."
    )
    page = ROOT / "docs" / "live.md"
    filled = fill(page.read_text(encoding="utf-8"), "dropped-picture", textwrap.fill(text, 100))
    page.write_text(filled, encoding="utf-8")
    cli.say(text)
    return 0 if max(painted_s) <= _WANTED_S and max(gaps_ms) <= _WANTED_GAP_MS else 1


class _Watched(Stylizer):
    """Knows when it first painted in a style that was not there at the beginning."""

    first: frozenset[str] = frozenset()
    painted_s: float | None = None

    def stylize(self, frame: Frame, dt_s: float) -> np.ndarray:
        painting = super().stylize(frame, dt_s)
        if self.painted_s is None and not set(self.look.style_names) <= self.first:
            self.painted_s = time.monotonic()
        return painting


class _Screen(LiveSink):
    """Somebody looks, drops a picture after a while, and notes when frames come."""

    def __init__(self, picture: Path) -> None:
        self.times_s: list[float] = []
        self.dropped_s: float | None = None
        self._picture = picture

    @classmethod
    def from_args(cls, args: argparse.Namespace, size: tuple[int, int]) -> Self:
        raise NotImplementedError("no flags ask for it")

    @property
    def view_size(self) -> tuple[int, int]:
        return parse_size(_SIZE)

    def show(self, pixels: np.ndarray) -> None:
        self.times_s.append(time.monotonic())

    def dropped(self) -> list[Path]:
        if self.dropped_s or not self.times_s or time.monotonic() < self.times_s[0] + _QUIET_S:
            return []
        self.dropped_s = time.monotonic()
        return [self._picture]

    def poll(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


def _drop_once(clip: Path, picture: Path) -> tuple[float, float, float]:
    """Return s until it is painted, and the longest gaps in ms from the drop on and before it."""
    model = find_model(None, [])
    look = Look(((model.style_names[1], 1.0),))
    source, screen = LiveFile(clip, loop=True), _Screen(picture)
    size = source.open()
    with open_engine("auto", model, EngineOptions(device="cpu"), size) as engine:
        stylizer = _Watched(engine, look, size)
        stylizer.first = frozenset(model.style_names)
        desk = Desk(initial_state(Models((model,)), look, mirror=False))
        painter = LivePainter(stylizer, EngineSizes([engine], size), fixed_size=size)
        options = LiveOptions(duration_s=_QUIET_S + _AFTER_S)
        Live(source, painter, screen, desk, options=options).run()
    assert screen.dropped_s and stylizer.painted_s, "nothing was painted"
    after = [t for t in screen.times_s if t >= screen.dropped_s]
    before = [t for t in screen.times_s if screen.times_s[0] + 2 <= t < screen.dropped_s]
    return stylizer.painted_s - screen.dropped_s, _gap_ms(after), _gap_ms(before)


def _gap_ms(times_s: list[float]) -> float:
    return 1000 * float(np.diff(times_s).max())


def _draw_picture(path: Path) -> None:
    """Write a picture of 12 megapixels, as phones take them: waves of colour with grain."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:3000, 0:4000] / 300
    waves = [np.sin(x * a + 3 * np.sin(y * b)) for a, b in ((1, 0.7), (1.4, 0.5), (0.8, 1.1))]
    picture = 127 + 90 * np.dstack(waves) + random.normal(0, 12, (3000, 4000, 1))
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path, quality=92)


if __name__ == "__main__":
    cli.run(main)
