"""Models side by side on one sheet a style."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from tests.conftest import write_tiny_model
from tests.training.test_vgg import caffe_state
from training.__main__ import main
from training.commands import sheet

GAP, LABEL, HEIGHT, WIDTH = 6, 28, 360, 480


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sheet")
    write_tiny_model(folder / "tiny.onnx")
    save_file(caffe_state(), str(folder / "vgg.safetensors"))
    for name, shape, level in (("wide", (60, 200, 3), 200), ("tall", (90, 60, 3), 40)):
        cv2.imwrite(str(folder / f"{name}.png"), np.full(shape, level, np.uint8))
    return folder


def run(folder: Path, out: Path, *flags: str) -> int:
    photos = [str(folder / f"{name}.png") for name in ("wide", "tall")]
    model = str(folder / "tiny.onnx")
    given = ["--photos", *photos, "-o", str(out), "--engine", "onnxruntime"]
    return main(["sheet", model, model, *given, *flags])


def cells(path: Path) -> list[list[int]]:
    """The level in the middle of every picture, row by row."""
    picture = cv2.imread(str(path))[..., 0]
    rows = range(GAP + HEIGHT // 2, picture.shape[0], HEIGHT + LABEL + GAP)
    columns = range(GAP + WIDTH // 2, picture.shape[1], WIDTH + GAP)
    return [[int(picture[y, x]) for x in columns] for y in rows]


def test_each_style_is_a_sheet_of_photos_and_models(folder: Path, tmp_path: Path, capsys):
    assert run(folder, tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dim.jpg", "negative.jpg"]
    assert str(tmp_path / "dim.jpg") in capsys.readouterr().out
    found = np.array(cells(tmp_path / "dim.jpg")), np.array(cells(tmp_path / "negative.jpg"))
    assert np.abs(found[0] - [[200, 100, 100], [40, 20, 20]]).max() <= 2
    assert np.abs(found[1] - [[200, 55, 55], [40, 215, 215]]).max() <= 2


def test_a_style_that_a_model_lacks_leaves_its_place_grey(folder: Path, tmp_path: Path):
    photo = str(folder / "wide.png")
    models = [str(folder / "tiny.onnx"), "gallery"]
    flags = ["--photos", photo, "-o", str(tmp_path), "--engine", "onnxruntime", "--styles", "dim"]
    assert main(["sheet", *models, *flags]) == 0
    assert np.abs(np.array(cells(tmp_path / "dim.jpg")) - [[200, 100, 60]]).max() <= 2


@pytest.mark.usefixtures("small_and_quick")
def test_the_yardstick_is_the_last_column(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sheet, "STEPS", 1)
    monkeypatch.setattr(sheet, "SIZE_PX", 48)
    painting = f"--painting=dim={folder / 'tall.png'}"
    vgg = ["--vgg", str(folder / "vgg.safetensors")]
    assert run(folder, tmp_path, "--optimise", "--styles", "dim", painting, *vgg) == 0
    assert [len(row) for row in cells(tmp_path / "dim.jpg")] == [4, 4]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--styles", "dimm"], "Did you mean dim"),
        (["--styles", "original"], "Name paintings only"),
        (["--photos", "nowhere.png"], "nowhere.png"),
        (["--optimise"], "--painting negative=FILE"),
        (["--painting", "dim"], "NAME=FILE"),
    ],
)
def test_what_is_wrong_is_said_at_once(
    folder: Path, tmp_path: Path, capsys, flags: list[str], words: str
):
    assert run(folder, tmp_path / "out", *flags) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
