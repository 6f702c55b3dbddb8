"""Descending on the pixels: it comes nearer to the painting, stops when told, and leaves nothing
half-done.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from tests.small_frame import small_frame
from tests.training.test_vgg import caffe_state
from training.__main__ import main
from training.evaluate.likeness import Likeness, style_distance
from training.pixels import optimise
from training.vgg import Vgg16, load_vgg

pytestmark = pytest.mark.usefixtures("small_and_quick")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("optimise")
    save_file(caffe_state(), str(folder / "vgg.safetensors"))
    cv2.imwrite(str(folder / "photo.png"), small_frame(64, 80, 1))
    cv2.imwrite(str(folder / "painting.png"), 255 - small_frame(70, 64, 2))
    return folder


@pytest.fixture(scope="module")
def vgg(folder: Path) -> Vgg16:
    return load_vgg(folder / "vgg.safetensors")


def test_comes_nearer_to_the_painting_in_as_many_evaluations_as_asked_for(vgg: Vgg16):
    photo, painting = small_frame(48, 56, 1), 255 - small_frame(48, 48, 2)
    steps = []
    painted = optimise(vgg, photo, painting, 12, style_weight=50, on_step=steps.append, every=1)
    assert [step.evaluations for step in steps] == list(range(1, 13))
    assert (painted.shape, painted.dtype) == (photo.shape, np.uint8)
    assert steps[-1].losses["style"] < 0.7 * steps[0].losses["style"]
    seen = Likeness(vgg).features
    assert style_distance(seen(painted), seen(painting)) < style_distance(
        seen(photo), seen(painting)
    )


def test_command_saves_the_picture_and_reports(folder: Path, tmp_path: Path, capsys):
    output = tmp_path / "new" / "painted.png"
    assert run(folder, output, "--steps", "11") == 0
    assert "style 0." in capsys.readouterr().out
    assert cv2.imread(str(output)).shape == (64, 80, 3)
    assert [path.name for path in output.parent.iterdir()] == ["painted.png"]
    assert run(folder, output) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--size", "20"], "--size"),
        (["--steps", "0"], "--steps"),
        (["-o", "painted.gif"], ".png"),
        (["--style-weight", "nan"], "weight"),
    ],
)
def test_flags_that_cannot_be_right(
    folder: Path, tmp_path: Path, capsys, flags: list[str], words: str
):
    assert run(folder, tmp_path / "painted.png", *flags) == 2
    assert words in capsys.readouterr().err


def test_a_missing_picture_is_named(folder: Path, tmp_path: Path, capsys):
    assert main(["optimise", str(folder / "photo.png"), str(tmp_path / "nothing.jpg")]) == 2
    assert "nothing.jpg: no such picture" in capsys.readouterr().err


def run(folder: Path, output: Path, *flags: str) -> int:
    pictures = [str(folder / "photo.png"), str(folder / "painting.png")]
    return main(
        [
            "optimise",
            *pictures,
            "--vgg",
            str(folder / "vgg.safetensors"),
            "--size",
            "64",
            "-o",
            str(output),
            *flags,
        ]
    )
