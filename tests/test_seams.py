"""The seams of the project: what is added as one file works, and nothing else is touched."""

from __future__ import annotations

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

    def _infer(self, frames, style):
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
