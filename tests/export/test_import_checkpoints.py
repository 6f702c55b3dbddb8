"""Checkpoints and folders of weights by others, and files that are something else."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from safetensors.torch import save_file

from engines import load_model
from export.__main__ import main
from tests.engines.networks.families.test_published_layouts import cyclegan, ugatit_state
from tests.engines.networks.families.test_transformer_net import checkpoint
from tests.export.foreign_networks import save, write_network


def run(file: Path, *flags: str) -> int:
    return main(["import", str(file), "-o", str(file.parent / "made.onnx"), *flags])


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: {f"module.{name}": value for name, value in state.items()},
        lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"param_groups": []}},
        lambda state: {"G": {"params": state}, "D": {"main.0.weight": torch.zeros(1)}},
    ],
    ids=["DataParallel", "beside an optimiser", "nested"],
)
def test_weights_are_found_where_they_lie(tmp_path: Path, capsys, wrapped):
    torch.manual_seed(0)
    torch.save(wrapped(cyclegan(2, "affine").state_dict()), tmp_path / "Horse 2 Zebra.pth")
    assert run(tmp_path / "Horse 2 Zebra.pth") == 0
    model = load_model(tmp_path / "made.onnx")
    assert model.family == "resnet_generator" and model.default_style == "horse_2_zebra"
    out = capsys.readouterr().out
    assert "a CycleGAN generator of 2 blocks" in out and "because" in out
    assert "licence: not stated" in out and "torch and openvino" in out


def test_safetensors_and_licences_of_a_layout(tmp_path: Path, capsys):
    save_file(checkpoint(), tmp_path / "candy.safetensors")
    assert run(tmp_path / "candy.safetensors", "--as", "transformer_net") == 0
    assert run(tmp_path / "candy.safetensors", "--as", "ugatit") == 2
    assert "transformer_net" in capsys.readouterr().err


def test_a_photo_tells_the_two_variances_apart(tmp_path: Path, capsys):
    torch.save({"genA2B": ugatit_state(1, light=True), "disGA": {}}, tmp_path / "u.pt")
    assert run(tmp_path / "u.pt") == 0
    assert "paints a photo better than" in capsys.readouterr().out
    assert run(tmp_path / "u.pt", "--as", "ugatit_nested") == 0
    assert json.loads(load_model(tmp_path / "made.onnx").metadata["config"])["variance"] == "nested"


def test_weights_too_large_for_a_model_file_are_refused_at_once(
    tmp_path: Path, capsys, monkeypatch
):
    """As the whole U-GAT-IT of 256 px, of a gigabyte."""
    monkeypatch.setattr("engines.model_file.MAX_MODEL_BYTES", 2**20)
    torch.save({"genA2B": ugatit_state(1, light=False, size_px=256)}, tmp_path / "whole.pt")
    assert run(tmp_path / "whole.pt", "--as", "ugatit") == 4
    assert "whole, of 256 px" in (error := capsys.readouterr().err) and "may have 1 MiB" in error


def test_a_folder_of_variables(tmp_path: Path, capsys):
    folder = tmp_path / "la_muse"
    folder.mkdir()
    generator = np.random.default_rng(0)
    shapes = [(9, 9, 3, 32), (3, 3, 32, 64), (3, 3, 64, 128), *[(3, 3, 128, 128)] * 10]
    shapes += [(3, 3, 64, 128), (3, 3, 32, 64), (9, 9, 32, 3)]
    manifest = {}
    for n, shape in enumerate(shapes):
        outputs = shape[2] if n in (13, 14) else shape[3]
        for k, given in enumerate((shape, (outputs,), (outputs,))):
            name = f"Variable_{3 * n + k}" if n or k else "Variable"
            manifest[name] = {"filename": name, "shape": list(given)}
            generator.normal(0, 0.1, given).astype("<f4").tofile(folder / name)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert run(folder) == 0
    assert "research only" in capsys.readouterr().out
    (tmp_path / "LICENSE").write_text("no licence of the folder")
    (folder / "LICENSE").write_text("MIT License. Permission is hereby granted, free of charge")
    assert run(folder, "--commercial-only") == 4
    assert "MIT; trained with lengstrom's code" in capsys.readouterr().err
    (folder / "Variable_5").write_bytes(b"short")
    assert run(folder) == 4 and "not of that size" in capsys.readouterr().err


class Code:
    """What a pickle runs when it is loaded without care."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


def _vgg(folder: Path) -> Path:
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, folder / "vgg16.pth")
    return folder / "vgg16.pth"


def _vgg_graph(folder: Path) -> Path:
    nodes = [helper.make_node("ReduceMean", ["image"], ["logits"], axes=[2, 3], keepdims=0)]
    ports = {"image": [1, 3, 224, 224]}, {"logits": [1, 1000]}
    return save(folder / "vgg.onnx", nodes, *ports, {})


def _empty(folder: Path) -> Path:
    (folder / "empty.pth").touch()
    return folder / "empty.pth"


def _truncated(folder: Path) -> Path:
    torch.save(checkpoint(), folder / "cut.pth")
    (folder / "cut.pth").write_bytes((folder / "cut.pth").read_bytes()[:100_000])
    return folder / "cut.pth"


def _truncated_graph(folder: Path) -> Path:
    file = write_network(folder / "cut.onnx")
    file.write_bytes(file.read_bytes()[:300])
    return file


def _not_numbers(folder: Path) -> Path:
    state = checkpoint()
    state["res3.conv1.conv2d.weight"][0, 0] = float("nan")
    torch.save(state, folder / "nan.pth")
    return folder / "nan.pth"


def _pickle(folder: Path) -> Path:
    torch.save({"state_dict": Code()}, folder / "code.pth")
    return folder / "code.pth"


def _bomb(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"\0" * (20 << 20))
    return folder / "bomb.pth"


def _custom(folder: Path) -> Path:
    nodes = [helper.make_node("Paint", ["image"], ["painted"], domain="com.example")]
    shape = [1, 3, 64, 64]
    file = save(folder / "custom.onnx", nodes, {"image": shape}, {"painted": shape}, {})
    model = onnx.load(str(file))
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    file.write_bytes(model.SerializeToString())
    return file


def _four_channels(folder: Path) -> Path:
    return write_network(folder / "rgba.onnx", channels=4)


def _batch(folder: Path) -> Path:
    return write_network(folder / "eight.onnx", batch=8)


def _halves(folder: Path) -> Path:
    return write_network(folder / "halves.onnx", halves=True, gain=1e6)


def _optimiser(folder: Path) -> Path:
    state = {"state": {0: {"step": 1}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    torch.save(state, folder / "adam.pth")
    return folder / "adam.pth"


def _torchscript(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "script.pt", "w") as archive:
        archive.writestr("net/code/__torch__.py", "def forward(): ...")
        archive.writestr("net/data.pkl", b"")
    return folder / "script.pt"


def _whole_model(folder: Path) -> Path:
    torch.save(torch.nn.Conv2d(3, 3, 3), folder / "whole.pth")
    return folder / "whole.pth"


def _pointer(folder: Path) -> Path:
    (folder / "net.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    return folder / "net.onnx"


def _external(folder: Path) -> Path:
    file = write_network(folder / "outside.onnx")
    model = onnx.load(str(file))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    file.write_bytes(model.SerializeToString())
    return file


def _text(folder: Path) -> Path:
    (folder / "notes.pth").write_text("hello, this is no network at all")
    return folder / "notes.pth"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_vgg, "VGG"),
        (_vgg_graph, "classifier"),
        (_empty, "is empty"),
        (_truncated, "cut off or damaged"),
        (_truncated_graph, "damaged"),
        (_not_numbers, "not numbers"),
        (_pickle, "can run code"),
        (_bomb, "zip bomb"),
        (_custom, "operators that are not ONNX's own"),
        (_four_channels, "4 channels"),
        (_batch, "8 at a time"),
        (_halves, "NaN or infinite"),
        (_optimiser, "optimiser"),
        (_torchscript, "TorchScript"),
        (_whole_model, "can run code"),
        (_pointer, "Git LFS"),
        (_external, "another file"),
        (_text, "nothing that is known"),
    ],
    ids=lambda value: getattr(value, "__name__", "").strip("_"),
)
def test_wrong_files_are_told_what_they_look_like(
    tmp_path: Path, monkeypatch, capsys, make, says: str
):
    monkeypatch.chdir(tmp_path)
    file = make(tmp_path)
    assert run(file) == 4
    error = capsys.readouterr().err
    assert error.startswith("error: ") and says in error and error.count(file.name) == 1
    assert [path.name for path in tmp_path.iterdir()] == [file.name], "nothing written, none run"


@pytest.mark.parametrize(
    ("file", "style"), [("original.onnx", "original_style"), ("Ünï\ncode.onnx", "n_code")]
)
def test_any_name_of_a_file_makes_a_style(tmp_path: Path, file: str, style: str):
    assert run(write_network(tmp_path / file)) == 0
    assert load_model(tmp_path / "made.onnx").default_style == style


def test_a_file_that_is_not_there(tmp_path: Path, capsys):
    assert run(tmp_path / "gone.pth") == 2
    assert "no such file" in capsys.readouterr().err
