"""The seams of the project: what is added as one file works, and nothing else is touched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engines import load_model
from engines.reach import Reach, reach_of
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

    def _infer(self, frames, conditions):
        return 255 - frames
"""

NEGATIVE_FAMILY = """
import torch
from torch import nn

from engines.networks.style_network import StyleNetwork


class Negative(StyleNetwork):
    reach_px = 0

    def __init__(self, paintings, slope):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        nn.init.dirac_(self.conv.weight)
        with torch.no_grad():
            self.conv.weight.mul_(slope)
            self.conv.bias.fill_(1)

    def forward(self, image, mix):
        return self.conv(image)


def build(paintings, slope=-1.0):
    return Negative(paintings, slope)
"""
WRITE_WEIGHTS = """
import sys
from pathlib import Path

from engines.networks import build_network
from engines.networks.weights import save_weights

styles = '[{"name": "original"}, {"name": "upside_down"}]'
network = build_network("negative", 1, slope=-1.0)
save_weights(Path(sys.argv[1]), network, "negative", {"slope": -1.0}, {"styles": styles})
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


@pytest.mark.timeout(300)
def test_a_network_family_is_one_file(installed_copy: InstalledCopy, make_video, tmp_path):
    pytest.importorskip("torch", reason="families are PyTorch's: pip install '.[train]'")
    installed_copy.add("engines/networks/families/negative.py", NEGATIVE_FAMILY)
    weights, model, photos = tmp_path / "w.safetensors", tmp_path / "w.onnx", tmp_path / "photos"
    photos.mkdir()
    clip, painted = make_video(), tmp_path / "painted.mp4"
    Image.fromarray(first_frame(clip).astype(np.uint8)).save(photos / "photo.png")
    for command in (
        ("-c", WRITE_WEIGHTS, weights),
        ("-m", "export", "onnx", weights, "-o", model, "--pictures", photos),
        ("stylize_video.py", clip, "--model", model, "-s", "upside_down", "-o", painted),
    ):
        ended = installed_copy.run(*command)
        assert ended.returncode == 0, ended.stderr
    assert np.abs(255 - first_frame(clip) - first_frame(painted)).mean() < 12
    assert reach_of(load_model(model)) == Reach(0, 1)


NUT = """
from realtime.media.file_format import VideoFormat

NUT = VideoFormat(suffixes=(".nut",), container="nut")
"""

PPM = """
from realtime.media.file_format import PictureFormat


def _encode(pixels, profile):
    height, width = pixels.shape[:2]
    return f"P6 {width} {height} 255\\n".encode() + pixels.tobytes()


PPM = PictureFormat(suffixes=(".ppm",), name="PPM", encode=_encode)
"""


def test_a_file_format_is_one_file(
    installed_copy: InstalledCopy, make_video: Callable[..., Path], tmp_path: Path
):
    clip = make_video(tones=1)

    def run(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
        return installed_copy.run("stylize_video.py", *arguments, "--engine", "passthrough")

    before = run(clip, "-o", tmp_path / "out.nut")
    assert before.returncode == 2 and "the ending '.nut' is none of" in before.stderr
    installed_copy.add("realtime/media/formats/nut.py", NUT)
    installed_copy.add("realtime/media/formats/ppm.py", PPM)
    painted = run(clip, "-o", tmp_path / "out.nut")
    assert painted.returncode == 0, painted.stderr
    assert "out.nut: 10 frames" in painted.stderr
    # What has been written is found in a folder, and read again; its first frame is a picture.
    again = run(tmp_path / "out.nut", "-o", tmp_path / "again.mp4")
    assert again.returncode == 0 and "again.mp4: 10 frames" in again.stderr, again.stderr
    folder = run(tmp_path, "-o", f"{tmp_path}/{{stem}}_{{ext}}_.mp4", "--dry-run")
    assert "out.nut" in folder.stdout + folder.stderr, folder.stderr
    sheet = run(clip, "--sheet", tmp_path / "sheet.ppm")
    assert sheet.returncode == 0, sheet.stderr
    assert (tmp_path / "sheet.ppm").read_bytes().startswith(b"P6 ")


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
