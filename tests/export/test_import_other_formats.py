"""Layers models of TensorFlow.js, networks of any style, and ONNX of 8 bits."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import helper

from engines import load_model, open_engine
from export.__main__ import main
from export.foreign.from_tfjs import read_layers_model
from tests.export.foreign_networks import LAPLACE, save
from tests.small_frame import small_frame


def run(file: Path, *flags: str) -> int:
    return main(["import", str(file), "-o", str(file.parent / "made.onnx"), *flags])


def _layer(kind: str, name: str, before: list[str], **told) -> dict:
    links = [[[link, 0, 0, {}] for link in before]] if before else []
    return {
        "class_name": kind,
        "name": name,
        "config": {"name": name, **told},
        "inbound_nodes": links,
    }


def write_layers(folder: Path) -> dict[str, np.ndarray]:
    """A layers model with the layers of shreyanshp/fast-style-transfer-tfjs, small."""
    folder.mkdir()
    conv = {"filters": 4, "kernel_size": [3, 3], "activation": "linear"}
    norm = {"axis": -1, "epsilon": 0.001}
    layers = [
        _layer("InputLayer", "in", [], batch_input_shape=[None, 64, 64, 3]),
        _layer("ZeroPadding2D", "pad", ["in"], padding=[[4, 4], [4, 4]]),
        _layer("Conv2D", "c1", ["pad"], **conv, strides=[2, 2], padding="same"),
        _layer("BatchNormalization", "n1", ["c1"], **norm),
        _layer("Activation", "a1", ["n1"], activation="relu"),
        _layer("Conv2D", "c2", ["a1"], **conv, strides=[1, 1], padding="valid"),
        _layer("Cropping2D", "crop", ["a1"], cropping=[[1, 1], [1, 1]]),
        _layer("Add", "add", ["c2", "crop"]),
        _layer("UpSampling2D", "up", ["add"], size=[2, 2]),
        _layer("Cropping2D", "crop2", ["up"], cropping=[[1, 1], [1, 1]]),
        _layer("Conv2D", "c3", ["crop2"], **conv, strides=[1, 1], padding="valid"),
        _layer("Conv2DTranspose", "c4", ["c3"], **conv, strides=[1, 1], padding="same"),
        _layer("Activation", "out", ["c4"], activation="tanh"),
    ]
    generator = np.random.default_rng(0)
    weights = {
        **{f"c{n}/kernel": generator.normal(0, 0.3, (3, 3, i, 4)) for n, i in ((1, 3), (2, 4))},
        "c3/kernel": generator.normal(0, 0.3, (3, 3, 4, 4)),
        "c4/kernel": generator.normal(0, 0.3, (3, 3, 3, 4)),
        **{f"c{n}/bias": generator.normal(0, 0.1, 3 if n == 4 else 4) for n in (1, 2, 3, 4)},
        **{f"n1/{what}": np.full(4, v) for what, v in (("gamma", 1.2), ("beta", 0.1))},
        **{f"n1/moving_{w}": np.full(4, v) for w, v in (("mean", 0.2), ("variance", 0.5))},
    }
    weights = {name: value.astype(np.float32) for name, value in weights.items()}
    groups = []
    for n, (name, value) in enumerate(weights.items()):
        (folder / f"group{n}").write_bytes(value.tobytes())
        entry = {"name": name, "shape": list(value.shape), "dtype": "float32"}
        groups.append({"paths": [f"group{n}"], "weights": [entry]})
    config = {"layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [["out", 0, 0]]}
    model = {"model_config": {"class_name": "Model", "config": config}}
    told = {"modelTopology": model, "weightsManifest": groups}
    (folder / "model.json").write_text(json.dumps(told))
    return weights


def layers_in_torch(weights: dict[str, np.ndarray], x: torch.Tensor) -> torch.Tensor:
    def kernel(name: str) -> torch.Tensor:
        return torch.from_numpy(weights[f"{name}/kernel"]).permute(3, 2, 0, 1)

    def bias(name: str) -> torch.Tensor:
        return torch.from_numpy(weights[f"{name}/bias"])

    x = F.pad(F.pad(x, (4,) * 4), (0, 1, 0, 1))  # `same` with a stride pads behind
    x = F.conv2d(x, kernel("c1"), bias("c1"), 2)
    x = F.relu((x - 0.2) / (0.5 + 0.001) ** 0.5 * 1.2 + 0.1)
    x = F.conv2d(x, kernel("c2"), bias("c2")) + x[:, :, 1:-1, 1:-1]
    x = F.interpolate(x, scale_factor=2)[:, :, 1:-1, 1:-1]
    x = F.conv2d(x, kernel("c3"), bias("c3"))
    return torch.tanh(F.conv_transpose2d(x, kernel("c4"), bias("c4"), padding=1))


def test_layers_of_tensorflow_js(tmp_path: Path, capsys):
    import onnxruntime

    weights = write_layers(tmp_path / "style")
    picture = (small_frame(64, 64) / 127.5 - 1).astype(np.float32).transpose(2, 0, 1)[None]
    model = read_layers_model(tmp_path / "style")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (made,) = session.run(None, {"image": picture})
    expected = layers_in_torch(weights, torch.from_numpy(picture)).numpy()
    assert made.shape == picture.shape
    np.testing.assert_allclose(made, expected, atol=1e-4)
    assert run(tmp_path / "style", "--range", "-1..1") == 0
    assert "a layers model of TensorFlow.js" in capsys.readouterr().out
    assert load_model(tmp_path / "made.onnx").default_style == "style"


@pytest.mark.parametrize("wrong", ["weights", "layer", "graph"])
def test_a_layers_model_that_cannot_be(tmp_path: Path, capsys, wrong: str):
    write_layers(tmp_path / "style")
    file = tmp_path / "style" / "model.json"
    told = json.loads(file.read_text())
    if wrong == "weights":
        (tmp_path / "style" / "group0").unlink()
    elif wrong == "layer":
        told["modelTopology"]["model_config"]["config"]["layers"][4]["class_name"] = "Lambda"
    else:
        told["modelTopology"] = {"node": []}
    file.write_text(json.dumps(told))
    assert run(file, "--name", "x") == 4
    says = {"weights": "not all beside it", "layer": "is a Lambda", "graph": "graph model"}
    assert says[wrong] in capsys.readouterr().err


def write_pair(folder: Path) -> Path:
    """As Magenta's two files: a picture to a row, a picture and a row to a picture."""
    nodes = [
        helper.make_node("ReduceMean", ["style_image"], ["mean"], axes=[1, 2], keepdims=1),
        helper.make_node("Tile", ["mean", "times"], ["row"]),
    ]
    constants = {"times": np.array([1, 1, 1, 32], np.int64)}
    ports = {"style_image": [1, 256, 256, 3]}, {"row": [1, 1, 1, 96]}
    save(folder / "any_predict.onnx", nodes, *ports, constants)
    # The picture and the painting's mean colour.
    nodes = [
        helper.make_node("Slice", ["row", "zero", "three", "last"], ["colour"]),
        helper.make_node("Add", ["image", "colour"], ["both"]),
        helper.make_node("Mul", ["both", "half"], ["painted"]),
    ]
    constants = {"zero": [0], "three": [3], "last": [3], "half": 0.47}
    constants = {
        name: np.array(value, np.int64 if isinstance(value, list) else np.float32)
        for name, value in constants.items()
    }
    shape = [1, "h", "w", 3]
    ports = {"image": shape, "row": [1, 1, 1, 96]}, {"painted": shape}
    return save(folder / "any_transform.onnx", nodes, *ports, constants)


def test_pictures_become_the_styles_of_a_network_of_any_style(tmp_path: Path, capsys):
    file = write_pair(tmp_path)
    assert run(file) == 4 and "--paintings" in capsys.readouterr().err
    paintings = []
    for name, colour in (("Red Wave", (0, 0, 255)), ("blue", (255, 0, 0))):
        paintings.append(str(tmp_path / f"{name}.png"))
        cv2.imwrite(paintings[-1], np.full((40, 60, 3), colour, np.uint8))
    assert run(file, "--range", "0..1", "--paintings", *paintings) == 0
    model = load_model(tmp_path / "made.onnx")
    assert model.style_names == ("original", "red_wave", "blue")
    frame = np.full((64, 64, 3), 100, np.uint8)
    with open_engine("openvino", model, size=(64, 64)) as engine:
        for mix, colour in (([0, 1, 0], (255, 0, 0)), ([0, 0.5, 0.5], (127.5, 0, 127.5))):
            painted = engine.infer(frame[None], np.array([mix], np.float32))[0]
            np.testing.assert_allclose(painted[5, 5], (np.array(colour) + 100) * 0.47, atol=1)
    assert run(file, "--paintings", str(tmp_path / "gone.png")) == 4
    assert "no such picture" in capsys.readouterr().err


def test_8_bits_are_taken_back_to_32(tmp_path: Path, capsys):
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    for channel in range(3):
        kernel[channel, channel] = LAPLACE * 0.1
        kernel[channel, channel, 1, 1] += 1
    scales = np.abs(kernel).max((1, 2, 3)) / 127
    constants = {
        "bytes": np.round(kernel / scales.reshape(-1, 1, 1, 1)).astype(np.int8),
        "scales": scales.astype(np.float32),
        "points": np.zeros(3, np.int8),
        "step": np.float32(2 / 255),
        "zero": np.uint8(128),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["x"]),
        helper.make_node("DequantizeLinear", ["bytes", "scales", "points"], ["kernel"], axis=0),
        helper.make_node("Conv", ["x", "kernel"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("Tanh", ["y"], ["painted"]),
    ]
    shape = [1, 3, "h", "w"]
    file = save(tmp_path / "q.onnx", nodes, {"image": shape}, {"painted": shape}, constants)
    assert run(file) == 0
    assert "made for 8 bits" in capsys.readouterr().out
    kinds = {node.op_type for node in onnx.load(str(tmp_path / "made.onnx")).graph.node}
    assert not {"QuantizeLinear", "DequantizeLinear"} & kinds


def test_what_nobody_foresaw_in_a_file_is_no_mistake_of_ours(tmp_path: Path, capsys, monkeypatch):
    import export.foreign.teacher

    def strange(*_: object) -> None:
        raise KeyError("odd")

    file = write_pair(tmp_path)
    monkeypatch.setattr(export.foreign.teacher, "read_graph", strange)
    assert run(file) == 4
    assert "could not be imported (KeyError" in capsys.readouterr().err
