"""Descending on the pixels: it comes nearer to the painting, stops when told, and leaves nothing
half-done.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
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
    mask = np.zeros((32, 40, 3), np.uint8)
    mask[:, 20:] = 255
    cv2.imwrite(str(folder / "mask.png"), mask)
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


def test_photoreal_by_masks_has_the_photos_own_size(folder: Path, tmp_path: Path, capsys):
    output, mask = tmp_path / "lit.png", str(folder / "mask.png")
    cv2.imwrite(str(tmp_path / "photo.png"), small_frame(130, 170, 1))
    cv2.imwrite(str(tmp_path / "red.png"), np.full((64, 64, 3), (0, 0, 255), np.uint8))
    flags = ["--photoreal", "--steps", "6", "--mask", mask, "--style-mask", mask]
    assert run(folder, output, *flags, photo=tmp_path / "photo.png") == 0
    said = capsys.readouterr().out
    assert "--mask has 40x32 pixels and its photo 170x130: it is fitted to it" in said
    assert "matting energy" in said
    assert cv2.imread(str(output)).shape == (130, 170, 3)
    assert not (tmp_path / "lit.preview.png").exists()
    flags[-1] = str(tmp_path / "red.png")
    assert run(folder, tmp_path / "other.png", *flags) == 2
    assert "no colour is in both" in capsys.readouterr().err


@pytest.mark.parametrize(("level", "words"), [(0, "is black"), (200, "is of one colour")])
def test_photos_without_light_and_dark_are_refused(
    folder: Path, tmp_path: Path, capsys, level: int, words: str
):
    plain = tmp_path / "plain.png"
    cv2.imwrite(str(plain), np.full((64, 64, 3), level, np.uint8))
    assert run(folder, tmp_path / "lit.png", "--photoreal", reference=plain) == 3
    assert f"plain.png: {words}: there is no light" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["grey.png", "cmyk.jpg", "deep.png", "see_through.png"])
def test_any_picture_can_give_its_light(folder: Path, tmp_path: Path, kind: str):
    reference, pixels = tmp_path / kind, small_frame(70, 64, 2)
    if kind == "cmyk.jpg":
        Image.fromarray(pixels).convert("CMYK").save(reference)
    elif kind == "deep.png":
        cv2.imwrite(str(reference), pixels.astype(np.uint16) * 257)
    else:
        Image.fromarray(pixels).convert("L" if kind == "grey.png" else "RGBA").save(reference)
    output = tmp_path / "lit.png"
    assert run(folder, output, "--photoreal", "--steps", "2", reference=reference) == 0
    assert cv2.imread(str(output)).shape == (64, 80, 3)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--size", "20"], "--size"),
        (["--steps", "0"], "--steps"),
        (["-o", "painted.gif"], ".png"),
        (["--style-weight", "nan"], "weight"),
        (["--minutes", "0"], "--minutes"),
        (["--photoreal", "--mask", "MASK"], "--style-mask go together"),
        (["--mask", "MASK", "--style-mask", "MASK"], "need --photoreal"),
        (["--photoreal", "--mask", "MASK", "--style-mask", "none.png"], "none.png: no such"),
    ],
)
def test_flags_that_cannot_be_right(
    folder: Path, tmp_path: Path, capsys, flags: list[str], words: str
):
    flags = [str(folder / "mask.png") if flag == "MASK" else flag for flag in flags]
    assert run(folder, tmp_path / "painted.png", *flags) == 2
    assert words in capsys.readouterr().err


def test_a_missing_picture_is_named(folder: Path, tmp_path: Path, capsys):
    assert main(["optimise", str(folder / "photo.png"), str(tmp_path / "nothing.jpg")]) == 2
    assert "nothing.jpg: no such picture" in capsys.readouterr().err


def run(
    folder: Path,
    output: Path,
    *flags: str,
    photo: Path | None = None,
    reference: Path | None = None,
) -> int:
    pictures = [str(photo or folder / "photo.png"), str(reference or folder / "painting.png")]
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
