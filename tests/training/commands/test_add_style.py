"""One's own style by the command that users type, on a small model: trained, gated, found by name;
a second one adds to it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import export.write
from engines import EngineOptions, find_model, load_model, open_engine
from engines.networks.weights import load_weights
from engines.predictor import Predictor, predictor_view
from engines.style_row import read_row
from tests.small_frame import small_frame
from tests.small_network import write_small_model
from tests.stand_in_predictor import write_predictor
from tests.training.test_vgg import caffe_state
from training.__main__ import main
from training.commands import add_style
from training.data import read_photo
from training.filmed import Filmed
from training.loop import Trainer
from training.pairs import Pair
from training.photos import gather_photos
from training.vgg import load_vgg


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(folder))
    monkeypatch.setattr(
        export.write,
        "check_frames",
        lambda pictures, sizes=((48, 64), (33, 47)), f=export.write.check_frames: f(
            pictures, [(min(h, 96), min(w, 128)) for h, w in sizes]
        ),
    )
    write_small_model(folder / "user.onnx")
    return folder


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything but the painting."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        cv2.imwrite(str(tmp_path / "photos" / f"{seed}.png"), small_frame(300, 320, seed))
    for seed, name in ((7, "My Wave.png"), (8, "other.png")):
        cv2.imwrite(str(tmp_path / name), 255 - small_frame(90, 90, seed))
    save_file(caffe_state(), str(tmp_path / "vgg.safetensors"))
    return ["add-style", "--minutes", "0.05", "--vgg", "vgg.safetensors", "--photos", "photos"]


def test_adds_styles_and_keeps_the_others(
    models: Path, command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture
):
    before = load_weights(models / "user.safetensors")[0]
    assert main([*command, "My Wave.png"]) == 0
    done, told = capfd.readouterr()
    assert "run_cam.py -s my_wave" in done
    places = [told.index(f"{number}/4 ") for number in (1, 2, 3, 4)]
    assert places == sorted(places)
    assert "the nearest of " in told and "my_wave is " in done
    assert cv2.imread(str(tmp_path / "my_wave_preview.jpg")).shape[1] == 3 * 360
    assert main([*command, "other.png", "--preview", "p.png"]) == 0
    assert cv2.imread(str(tmp_path / "p.png")).shape[1] == 3 * 360
    assert "WARN" not in capfd.readouterr().err
    model = find_model(None, ["my_wave"])
    assert model.path == models / "user.onnx"
    assert model.int8_path
    assert model.style_names == ("original", "first", "second", "my_wave", "other")
    after, header = load_weights(models / "user.safetensors")
    np.testing.assert_array_equal(after.rows[:2].detach(), before.rows.detach())
    assert not np.array_equal(after.rows[2].detach(), after.rows[3].detach())
    np.testing.assert_array_equal(after.head.conv.weight.detach(), before.head.conv.weight.detach())
    added = json.loads(header["training"])["added"]
    assert len(added) == 2
    assert all(
        run["config"]["styles"][0]["weight"] != 1 for run in added
    )  # as it ended, not as it began
    with open_engine(
        "onnxruntime", load_model(model.path), EngineOptions(device="cpu"), (48, 64)
    ) as engine:
        mine = np.eye(5, dtype=np.float32)[[3]]
        assert engine.infer(small_frame(48, 64)[None], mine).shape == (1, 48, 64, 3)


def test_writes_a_row_that_can_be_given_to_others(
    models: Path,
    command: list[str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    before, find = (models / "user.onnx").read_bytes(), add_style.find_base
    monkeypatch.setattr(add_style, "find_base", lambda own: find())  # the small one for the bundled
    assert main([*command, "My Wave.png", "-o", "wave.row", "--preview", "p.jpg"]) == 0
    done, told = capfd.readouterr()
    assert "run_cam.py -s wave.row" in done and "3/3 " in told and "4/" not in told
    shares = [int(share) for share in re.findall(r"trained (\d+) %: ", told)]
    # Where no terminal shows a bar: with each picture of how it comes along.
    assert shares == sorted(shares) and shares[-1] > 50
    assert (models / "user.onnx").read_bytes() == before
    row, model = read_row(tmp_path / "wave.row"), load_model(models / "user.onnx")
    assert row.style.title == "My Wave"
    row.check_network(model.name, model.metadata["network"], model.row_length)
    assert main([*command, "other.png", "-o", "wave.txt"]) == 2
    assert "is called NAME.row" in capfd.readouterr().err


def begin(tmp_path: Path) -> tuple[add_style.Base, Trainer]:
    base = add_style.find_base()
    config = add_style.style_config("x", tmp_path / "other.png", tmp_path / "photos", 1.0)
    vgg = load_vgg(tmp_path / "vgg.safetensors")
    return base, add_style.build_trainer(config, tmp_path, vgg, tmp_path / "run", "cpu", base)


def test_starts_from_the_nearest_style(models: Path, command: list[str], tmp_path: Path):
    base, trainer = begin(tmp_path)
    filmed = Filmed(trainer)
    network, rows = load_weights(base.weights)[0], load_weights(base.weights)[0].rows.detach()
    add_style.begin(trainer, base, filmed)
    chosen = trainer.network.rows[0].detach().clone()
    distances = []
    for row in rows:
        trainer.network.load_state_dict({**network.state_dict(), "rows": row[None]})
        distances.append(filmed.measure().style)
    assert distances[0] != distances[1]
    np.testing.assert_array_equal(chosen, rows[int(np.argmin(distances))])
    assert [name for name, p in trainer.network.named_parameters() if p.requires_grad] == ["rows"]


def test_starts_from_the_predicted_row(
    models: Path, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write_predictor(tmp_path / "predictor.onnx", load_model(models / "user.onnx"))
    monkeypatch.setattr("engines.predictor.PREDICTOR", path)
    base, trainer = begin(tmp_path)
    said: list[str] = []
    add_style.begin(trainer, base, Filmed(trainer), said.append)
    chosen = trainer.network.rows[0].detach()
    view = predictor_view(read_photo(tmp_path / "other.png"))
    np.testing.assert_array_equal(chosen, Predictor(path).predict(view))
    assert said == ["predicting how it is painted, to begin with that"]


def shifts(trainer: Trainer) -> torch.Tensor:
    """What is added to the painting's colours, (1, 3); the canvas's strengths follow it."""
    end = trainer.network.rows.shape[1] - trainer.network._strengths
    return trainer.network.rows[:, end - 3 : end]


def test_distances_are_those_of_soft_pictures(models: Path, command: list[str], tmp_path: Path):
    trainer = begin(tmp_path)[1]
    filmed = Filmed(trainer)  # its network has learnt nothing yet: it nearly gives the picture back
    style, content, face = filmed.measure()
    with torch.no_grad():
        shifts(trainer)[:] += 0.3  # brighter
    assert filmed.measure().style != style
    assert filmed.measure().content > content
    assert face is filmed.measure().face is None
    sharp = 255 - small_frame(90, 90, 8)
    for path in (tmp_path / "photos").iterdir():
        cv2.imwrite(str(path), cv2.resize(sharp, (480, 480), interpolation=cv2.INTER_NEAREST))
    blurred = Filmed(trainer)._frames
    assert blurred.shape == (2, 3, 384, 384)
    assert float((blurred[..., 1:] - blurred[..., :-1]).abs().max()) < 0.3


def test_faces_of_the_photos_are_looked_at(models: Path, command: list[str], tmp_path: Path):
    shutil.rmtree(tmp_path / "photos")
    gather_photos(None, tmp_path / "photos")
    trainer = begin(tmp_path)[1]
    filmed = Filmed(trainer)
    assert len(filmed._boxes) == 4  # two people, each seen from near and from afar
    clear = filmed.measure().face
    with torch.no_grad():
        shifts(trainer)[:] += 0.7  # all white
    assert filmed.measure().face < clear - 0.5


def test_weights_that_change_between_steps_count(models: Path, command: list[str], tmp_path: Path):
    trainer = begin(tmp_path)[1]
    trainer.step = trainer.config.steps
    before = {name: trainer.weight_of(name) for name in ("temporal", "grid", "content")}
    trainer.smoothing_weight = 2.0
    assert {name: trainer.weight_of(name) / weight for name, weight in before.items()} == {
        "temporal": 2,
        "grid": 2,
        "content": 1,
    }
    with torch.no_grad():
        shifts(trainer)[:] += 0.3  # so that there is something to keep
    picture = torch.from_numpy(small_frame(384, 384)).permute(2, 0, 1)[None].float() / 255
    still, one = torch.zeros(1, 2, 384, 384), torch.ones(1, 1, 384, 384)
    canvas = torch.zeros(1, 2, 49, 49)
    pair = Pair(picture, picture, still, one, 0 * one, one, canvas, canvas)
    found = []
    for trainer.face_weight in (1.0, 400.0):
        torch.manual_seed(0)
        with torch.no_grad():
            found.append(float(trainer.losses(pair)["structure"]))
    assert found[1] == pytest.approx(400 * found[0], rel=0.01)


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["gone.png"], 2, "no such picture"),
        (["other.png", "--name", "first"], 2, "'first' is taken. Choose another with --name"),
        (["other.png", "--name", "Größe"], 2, "small letters"),
        (["other.png", "--minutes", "0"], 2, "--minutes must lie between"),
        (["other.png", "--strokes", "9"], 2, "--strokes must lie between"),
        (["other.png", "--photos", "nowhere"], 2, "no such folder or clip"),
        (["other.png", "--photos", "vgg.safetensors"], 3, "vgg.safetensors"),
        (["other.png", "--photos", "My Wave.png"], 2, "no clip whose length is known"),
        (["other.png", "--preview", "p.gif"], 2, "must end in one of .jpg"),
        (["vgg.safetensors", "--name", "x"], 4, "not a picture"),
    ],
)
def test_says_what_is_wrong_and_changes_nothing(
    models: Path,
    command: list[str],
    capsys: pytest.CaptureFixture,
    flags: list[str],
    code: int,
    words: str,
):
    before = {path: path.read_bytes() for path in models.iterdir()}
    assert main([*command, *flags]) == code
    assert words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in models.iterdir()} == before


def test_without_int8_if_that_strays(
    models: Path, command: list[str], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    from engines.parity import Tolerance

    monkeypatch.setattr(export.write, "INT8", Tolerance(0, 0))
    assert main([*command, "other.png"]) == 0
    assert "No int8 file, so it paints in fp32" in capsys.readouterr().out
    model = load_model(models / "user.onnx")
    assert "other" in model.style_names and model.int8_path is None


def test_nothing_changes_if_the_export_is_wrong(
    models: Path, command: list[str], capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    from engines.parity import Tolerance

    monkeypatch.setattr(export.write, "FP32", Tolerance(0, -1))
    before = {path: path.read_bytes() for path in models.iterdir()}
    assert main([*command, "other.png"]) == 4
    assert "disagree" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in models.iterdir()} == before


def test_photos_may_be_webp(models: Path, command: list[str], tmp_path: Path):
    for path in (tmp_path / "photos").iterdir():
        cv2.imwrite(str(path.with_suffix(".webp")), cv2.imread(str(path)))
        path.unlink()
    assert main([*command, "other.png"]) == 0
