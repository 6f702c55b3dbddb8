"""Pictures as styles, measured beside others that take any picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import engines.predictor
from engines.errors import UsageError
from engines.style_row import StyleRow
from tests.conftest import write_video
from tests.small_frame import small_frame
from tests.stand_in_predictor import write_model_and_predictor
from tests.training.test_vgg import caffe_state
from training.__main__ import main
from training.evaluate import any_picture, candidates
from training.evaluate.candidates import PaintedStyle
from training.evaluate.microast import NAME, MicroAstCandidate
from training.predictor import pictures

# Of the published files: output and input channels and side of each convolution, by its name.
_ENCODER = {
    "enc1.0": (16, 3, 9),
    "enc1.2": (32, 1, 3),
    "enc1.4": (32, 32, 1),
    "enc1.6": (64, 1, 3),
    "enc1.8": (64, 64, 1),
    "enc1.10.conv1": (64, 64, 3),
    "enc1.10.conv2": (64, 64, 3),
    "enc2.0.conv1": (64, 64, 3),
    "enc2.0.conv2": (64, 64, 3),
}
PARTS = {
    "content_encoder": _ENCODER,
    "style_encoder": _ENCODER,
    "modulator": {
        f"{name}{depth}.0": (64, 1, 3) for name in ("weight", "bias") for depth in (1, 2)
    },
    "decoder": {
        **{f"dec{n}.conv{m}": (64, 64, 3) for n in (1, 2) for m in (1, 2)},
        "dec3.1": (32, 2, 3),
        "dec3.3": (32, 32, 1),
        "dec3.6": (16, 2, 3),
        "dec3.8": (16, 16, 1),
        "dec3.10": (3, 16, 9),
    },
}


@pytest.fixture(scope="module")
def microast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the published shapes, with other numbers."""
    folder = tmp_path_factory.mktemp("microast")
    torch.manual_seed(0)
    for part, layers in PARTS.items():
        state = {}
        for name, (out, taken, side) in layers.items():
            scale = (taken * side * side) ** -0.5
            state[f"{name}.conv_layer.weight"] = scale * torch.randn(out, taken, side, side)
            state[f"{name}.conv_layer.bias"] = 0.1 * torch.randn(out)
        torch.save(state, folder / f"{part}.pth.tar")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with its predictor, VGG16, a clip, three photos, and paintings by eight artists."""
    folder = tmp_path_factory.mktemp("data")
    write_model_and_predictor(folder)
    save_file(caffe_state(), str(folder / "vgg.safetensors"))
    write_video(folder / "clip.mp4", size=(96, 128))
    for name, count in (("content", 3), ("paintings", 8)):
        (folder / name).mkdir()
        for n in range(count):
            cv2.imwrite(str(folder / name / f"{name}_{n}.png"), small_frame(96, 128, n))
    lines = [f"paintings_{n}.png\tartist {n}\tpicture {n}" for n in range(8)]
    text = "\n".join(["file\tartist\ttitle", *lines])
    (folder / "paintings" / "MANIFEST.tsv").write_text(text + "\n")
    lines = [f"content/content_{n}.png\t{'CC0' if n else 'non-commercial'}" for n in range(3)]
    (folder / "MANIFEST.tsv").write_text("\n".join(["file\tlicence", *lines]) + "\n")
    return folder


class Better:
    """In place of ``Refining``."""

    def __init__(self, wanted: any_picture.Refinable, seconds: float) -> None:
        assert seconds == 7 and len(wanted.frames) >= 3
        self.wanted = wanted

    def rows(self) -> Iterator[tuple[StyleRow, float]]:
        yield replace(self.wanted.start, row=self.wanted.start.row + 1), 0.5


def test_microast_paints_frames_of_any_size_in_a_picture(microast: Path, tmp_path: Path):
    styles = []
    for n in range(2):
        cv2.imwrite(str(tmp_path / f"{n}.png"), small_frame(60, 80, n + 5))
        styles.append(PaintedStyle(str(n), "ours", tmp_path / f"{n}.png"))
    peer = MicroAstCandidate(microast, [*styles, PaintedStyle("unknown", "ours", None)])
    assert [style.key for style in peer.styles] == [f"{NAME}/0", f"{NAME}/1"]
    frame = small_frame(47, 66, 1)
    with peer.start((47, 66)) as open_style:
        first, second = (open_style(style)(frame) for style in peer.styles)
    assert first.shape == second.shape == (47, 66, 3) and first.dtype == np.uint8
    assert not np.array_equal(first, second)


def test_a_folder_without_microast_is_said(tmp_path: Path):
    with pytest.raises(UsageError, match=r"content_encoder.pth.tar is missing"):
        MicroAstCandidate(tmp_path, [])


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("small_and_quick")
def test_pictures_are_measured_beside_others(
    data: Path, microast: Path, tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engines.predictor, "PREDICTOR", data / "predictor.onnx")
    monkeypatch.setattr(pictures, "HELD_OUT", 4)
    monkeypatch.setattr(any_picture, "Refining", Better)
    # Its own painting takes seconds a frame, and is looked at above.
    monkeypatch.setattr(MicroAstCandidate, "_open_style", lambda *_: lambda pixels: 255 - pixels)
    monkeypatch.setattr(
        candidates, "LiteCandidate", lambda styles: MicroAstCandidate(microast, styles[:0])
    )
    command = ["evaluate", data / "small.onnx", "--data", data, "--vgg", data / "vgg.safetensors"]
    command += ["--clips", data / "clip.mp4", "--photo", data / "content" / "content_1.png"]
    command += ["--frames", "10", "--engine", "onnxruntime", "-o", tmp_path]
    command = [*map(str, command), "--pictures", "2"]
    flags = ["--photos", "1", "--refine", "7", "--peers", str(microast)]
    assert main([*command, *flags]) == 0
    found = json.loads((tmp_path / "summary.json").read_text())
    assert list(found["candidates"]) == ["small", "small, refined 7 s", NAME]
    assert [clip["kind"] for clip in found["clips"]] == ["other clips", "exact motion", "photo"]
    # Photos that are trained on are none to measure on.
    assert found["clips"][-1]["name"] == "content_0"
    ours, refined, peer = (of["mean"] for of in found["candidates"].values())
    assert ours["style_rel"] != refined["style_rel"] != peer["style_rel"]
    layers = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    for mean in (ours, refined, peer):
        assert {*layers, "style_rel", "content", "fps"} <= mean.keys()
    shown = capsys.readouterr().out
    assert "50 % nearer" in shown and "style at relu4_3" in shown
    assert (tmp_path / "evaluation.html").read_text().count("<article") == 3
    for wrong, says in (
        (["--photos", "2"], "--photos lies between 1 and 1"),
        (["--photos", "1", "--pictures", "5"], "--pictures lies between 1 and 4"),
        (["--styles", "first"], "no --styles"),
    ):
        assert main([*command, *wrong]) == 2
        assert says in capsys.readouterr().err
