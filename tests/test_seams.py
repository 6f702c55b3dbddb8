"""The seams of the project: what is added as one file works, and nothing else is touched."""

from __future__ import annotations

import json

import av
import numpy as np

from tests.conftest import InstalledCopy

INVERTING_ENGINE = """
import numpy as np

from engines.base import Engine


class Inverting(Engine):
    name = "inverting"
    summary = "gives the negative"
    precision = "uint8"

    @classmethod
    def unavailable(cls):
        return None

    @classmethod
    def precisions(cls, model):
        return ("uint8",)

    def _infer(self, frames, style):
        return 255 - frames
"""


def first_frame(path) -> np.ndarray:
    """(H, W, 3) int16 RGB."""
    with av.open(str(path)) as video:
        return next(video.decode(video=0)).to_ndarray(format="rgb24").astype(np.int16)


def test_an_engine_is_one_file(installed_copy: InstalledCopy, make_video, tmp_path):
    installed_copy.add("engines/runtimes/inverting.py", INVERTING_ENGINE)
    clip, painted = make_video(), tmp_path / "painted.mp4"
    ended = installed_copy.run("stylize_video.py", clip, "--engine", "inverting", "-o", painted)
    assert ended.returncode == 0, ended.stderr
    assert np.abs(255 - first_frame(clip) - first_frame(painted)).mean() < 12
    listed = installed_copy.run("stylize_video.py", "--list-engines")
    assert "inverting" in listed.stdout and "gives the negative" in listed.stdout


NOISE_SOURCE = """
import time

import numpy as np

from realtime.live.paced import Paced


class Noise(Paced):
    name = summary = "noise"

    def __init__(self, size, fps):
        super().__init__(fps, None, time.monotonic)
        self.size = size

    @classmethod
    def claims(cls, text):
        return text == "noise"

    @classmethod
    def from_text(cls, text, wanted, loop):
        return cls(wanted.size, wanted.fps)

    def open(self):
        return self.size

    def picture(self, index):
        return np.random.default_rng(index).integers(0, 256, (*self.size, 3), np.uint8)
"""

COUNTING_SINK = """
from pathlib import Path

from realtime.live.clean_sink import CleanSink


class Counting(CleanSink):
    def __init__(self, path):
        super().__init__()
        self.path, self.count = path, 0

    @classmethod
    def add_flags(cls, group):
        group.add_argument("--count-to", type=Path, metavar="FILE", help="count the paintings")

    @classmethod
    def from_args(cls, args, source, size):
        return cls(args.count_to) if args.count_to else None

    def put(self, frame, painting):
        self.count += 1

    def close(self):
        self.path.write_text(str(self.count))
"""

LAMP_SINK = """
from realtime.live.live_sink import LiveSink


class Lamp(LiveSink):
    view_size = (4, 6)
    brightest = 0

    @classmethod
    def add_flags(cls, group):
        group.add_argument("--lamp", action="store_true", help="show how bright it is")

    @classmethod
    def is_asked_for(cls, args):
        return args.lamp

    @classmethod
    def from_args(cls, args, size):
        return cls()

    def show(self, pixels):
        assert pixels.shape == (4, 6, 3)
        self.brightest = max(self.brightest, int(pixels.max()))

    def poll(self):
        return []

    def close(self):
        if self.brightest:
            print("as bright as", self.brightest)
            self.brightest = 0
"""

SHORT_RUN = ("run_cam.py", "--engine", "passthrough", "--duration", "1", "--fresh")


def test_a_live_source_is_one_file(installed_copy: InstalledCopy, tmp_path):
    installed_copy.add("realtime/live/sources/noise.py", NOISE_SOURCE)
    report = tmp_path / "r.json"
    ended = installed_copy.run(*SHORT_RUN, "--source", "noise", "--headless", "--report", report)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert figures["source"] == "noise" and figures["frames_out"] > 3
    assert "noise, screen" in installed_copy.run("run_cam.py", "--help").stdout


def test_a_clean_sink_is_one_file(installed_copy: InstalledCopy, tmp_path):
    installed_copy.add("realtime/live/sinks/counting.py", COUNTING_SINK)
    counted = tmp_path / "count.txt"
    ended = installed_copy.run(
        *SHORT_RUN, "--source", "test", "--headless", "--count-to", counted, "--json"
    )
    assert ended.returncode == 0, ended.stderr
    assert int(counted.read_text()) >= json.loads(ended.stdout)["frames_out"] > 3
    assert "count the paintings" in installed_copy.run("run_cam.py", "--help").stdout


def test_a_live_sink_is_one_file(installed_copy: InstalledCopy):
    installed_copy.add("realtime/live/sinks/lamp.py", LAMP_SINK)
    ended = installed_copy.run(*SHORT_RUN, "--source", "test", "--lamp")
    assert ended.returncode == 0, ended.stderr
    assert "as bright as" in ended.stdout
