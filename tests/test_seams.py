"""The seams of the project: what is added as one file works, and nothing else is touched."""

from __future__ import annotations

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
