"""The classic way: a config of fast-neural-style, and every command of docs/classic.md in turn."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import cv2
import pytest
import torch
import yaml
from safetensors.torch import save_file

import export.__main__
import export.write
import stylize_video
import training.__main__
from engines.errors import TrainingError
from engines.networks.weights import load_weights
from tests.small_frame import small_frame
from tests.training.test_vgg import caffe_state
from training.classic import load_any_config

PAGE = Path(__file__).parents[2] / "docs" / "classic.md"
PROGRAMS = {
    "python -m training": training.__main__.main,
    "python -m export": export.__main__.main,
    "python stylize_video.py": stylize_video.main,
}
# As such files are, with all keys of the published ones.
WAVE = {
    "style_image": "img/wave.png",
    "naming": "wave",
    "model_path": "models",
    "content_weight": 1.0,
    "style_weight": 220.0,
    "tv_weight": 0.0,
    "image_size": 64,
    "batch_size": 2,
    "epoch": 2,
    "loss_model": "vgg_16",
    "content_layers": ["vgg_16/conv3/conv3_3"],
    "style_layers": [f"vgg_16/conv{n}/conv{n}_{i}" for n, i in ((1, 2), (2, 2), (3, 3), (4, 3))],
    "checkpoint_exclude_scopes": "vgg_16/fc",
    "loss_model_file": "pretrained/vgg_16.ckpt",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a tutorial leaves it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path / "livebrush"))
    for folder in ("conf", "img", "train2014", "generated"):
        (tmp_path / folder).mkdir()
    for seed in range(3):
        cv2.imwrite(str(tmp_path / "train2014" / f"COCO_{seed}.jpg"), small_frame(90, 120, seed))
    for name, seed in (("wave", 8), ("test", 9)):
        cv2.imwrite(str(tmp_path / "img" / f"{name}.png"), 255 - small_frame(72, 96, seed))
    cv2.imwrite(str(tmp_path / "img" / "test.jpg"), small_frame(72, 96, 9))
    save_file(caffe_state(), str(tmp_path / "vgg.safetensors"))
    write(tmp_path)
    return tmp_path


def write(place: Path, **changes: object) -> Path:
    file = place / "conf" / "wave.yml"
    file.write_text(yaml.safe_dump({**WAVE, **changes}))
    return file


def test_every_command_of_the_page(place: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    small = {"fine_px": 4, "width": 16, "deep": 16, "blocks": 1, "canvas": 2}
    monkeypatch.setattr("training.classic._NETWORK", small)
    monkeypatch.setattr(
        export.write,
        "check_frames",
        lambda pictures, sizes, f=export.write.check_frames: f(pictures, [(48, 64)]),
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    commands = re.findall(r"```\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[0].splitlines()
    assert len(commands) == 3
    for command in commands:
        program = next(name for name in PROGRAMS if command.startswith(f"{name} "))
        flags = shlex.split(command.removeprefix(program))
        if flags[0] == "fit":
            flags += ["--vgg", "vgg.safetensors"]
        assert PROGRAMS[program](flags) == 0, capsys.readouterr().err
    torch.set_num_threads(threads)
    assert cv2.imread("generated/res.jpg").shape == (72, 96, 3)
    header = load_weights(Path("runs/wave/weights.safetensors"))[1]
    assert [style["name"] for style in json.loads(header["styles"])] == ["original", "wave"]
    assert json.loads(header["training"])["steps_done"] == 3  # twice three photos, two a step
    assert (
        Path("runs/wave/losses.png").is_file()
        or json.loads(Path("runs/wave/history.json").read_text()) == []
    )


def test_what_its_keys_become(place: Path):
    told: list[str] = []
    config = load_any_config(write(place, image_size=256, tv_weight=2.0), Path("."), told.append)
    assert config.name == "wave" and config.photos == "train2014"
    assert (config.crop_px, config.painting_px, config.batch, config.steps) == (256, 256, 2, 3)
    assert config.weights.style == pytest.approx(66) and config.weights.tv == 3
    assert "style_weight 220 is 66 here" in told[0]
    assert "passed over: model_path, loss_model_file, checkpoint_exclude_scopes" in told[1]
    # Photos may also lie in the folder that is named itself, and the config says only what differs.
    file = place / "conf" / "short.yml"
    file.write_text("style_image: img/wave.png\nnaming: A Wave\n")
    config = load_any_config(file, place / "train2014", told.append)
    assert (config.name, config.photos, config.weights.style) == ("a_wave", ".", 30)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image_size": 250}, "a multiple of 64"),
        ({"style_image": "img/gone.jpg"}, "style_image img/gone.jpg is not there"),
        ({"loss_model": "vgg_19"}, "loss_model must be vgg_16"),
        ({"style_layers": ["vgg_16/conv1/conv1_1"]}, "style_layers must be vgg_16/conv1/conv1_2"),
        ({"naming": "?"}, "naming must have a letter"),
        ({"epoch": 0}, "epoch is too small"),
        ({"style_weigth": 3}, "style_weigth"),
        ({"epoch": "two"}, "Known: style_image"),
    ],
)
def test_says_what_is_wrong(place: Path, changes: dict, words: str):
    with pytest.raises(TrainingError, match=re.escape(words)):
        load_any_config(write(place, **changes), Path("."), lambda _: None)
