"""From weights to model files by the commands that users type."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import export.write
from engines import load_model, open_engine
from engines.conditions import conditions_of
from engines.errors import ModelError, ParityError
from engines.networks import build_network
from engines.networks.layers import settle_bytes
from engines.networks.weights import load_weights
from engines.parity import FP32, Difference, require
from export.__main__ import main
from export.to_int8 import quantise
from tests.engines.networks.families.test_transformer_net import checkpoint
from tests.small_frame import small_frame
from tests.small_network import (
    CONFIG,
    STYLES,
    small_metadata,
    write_small_model,
    write_small_weights,
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    import cv2

    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(2):
        cv2.imwrite(str(folder / f"{seed}.png"), small_frame(120, 160, seed))
    return folder


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch):
    """The gate's real sizes are for real models; the odd and tiny ones among them stay."""
    monkeypatch.setattr(
        export.write,
        "check_frames",
        lambda pictures, sizes=((48, 64), (33, 47), (1, 1)), f=export.write.check_frames: f(
            pictures, [(min(h, 96), min(w, 128)) for h, w in sizes]
        ),
    )


def test_onnx_then_int8_then_verify(tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture):
    weights = write_small_weights(tmp_path / "w.safetensors")
    target = tmp_path / "made" / "style.onnx"
    assert main(["onnx", str(weights), "-o", str(target), "--pictures", str(pictures)]) == 0
    model = load_model(target)
    assert model.style_names == STYLES
    assert model.metadata["precision"] == "fp32"
    assert model.weights_path
    assert main(["int8", str(target), "--pictures", str(pictures)]) == 0
    int8 = onnx.load(str(model.int8_path))
    zeros = [t for t in int8.graph.initializer if t.name.endswith("_zero")]
    assert zeros and all(not onnx.numpy_helper.to_array(t).any() for t in zeros)
    weights_8bit = [
        onnx.numpy_helper.to_array(t)
        for t in int8.graph.initializer
        if t.name.endswith("weight_quantised")
    ]
    convolutions = [node for node in int8.graph.node if node.op_type == "Conv"]
    assert len(weights_8bit) == len({node.input[1] for node in convolutions}) and all(
        np.abs(w.astype(int)).max() <= 63 for w in weights_8bit
    )
    assert len(convolutions) == len(weights_8bit)
    makers = {node.output[0]: node for node in int8.graph.node}
    pads = [
        node
        for node in int8.graph.node
        if node.op_type == "Pad" and "frame" not in makers[node.input[0]].input
    ]
    assert pads and all(makers[pad.input[0]].op_type == "DequantizeLinear" for pad in pads), (
        "bytes are what is padded"
    )
    assert main(["verify", str(target), "--pictures", str(pictures)]) == 0
    assert "they agree" in capsys.readouterr().out
    assert main(["onnx", str(weights), "-o", str(target), "--pictures", str(pictures)]) == 0
    assert load_model(target).int8_path is None, (
        "the int8 file of the network before must not stay beside the new one"
    )


def test_graph_has_the_contract(tmp_path: Path, pictures: Path):
    weights = write_small_weights(tmp_path / "w.safetensors")
    assert (
        main(["onnx", str(weights), "-o", str(tmp_path / "s.onnx"), "--pictures", str(pictures)])
        == 0
    )
    graph = onnx.load(str(tmp_path / "s.onnx")).graph
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in [*graph.input, *graph.output]
    }
    assert shapes == {
        "frame": ["N", "H", "W", 3],
        "style": ["N", 4],
        "row": ["N", 294],
        "canvas": ["N", 2, "canvas_h", "canvas_w"],
        "stylized": ["N", "H", "W", 3],
    }
    types = {v.name: v.type.tensor_type.elem_type for v in [*graph.input, *graph.output]}
    assert types == {
        "frame": onnx.TensorProto.UINT8,
        "style": onnx.TensorProto.FLOAT,
        "row": onnx.TensorProto.FLOAT,
        "canvas": onnx.TensorProto.FLOAT,
        "stylized": onnx.TensorProto.UINT8,
    }
    first = next(node for node in graph.node if "frame" in node.input and node.op_type != "Shape")
    assert first.op_type == "Cast"
    orders = [
        tuple(a.ints) for node in graph.node if node.op_type == "Transpose" for a in node.attribute
    ]
    assert {order for order in orders if len(order) > 4} == {(0, 1, 3, 2, 4)}, (
        "cells are moved in whole rows"
    )


def test_nothing_is_written_when_runtimes_disagree(
    tmp_path: Path, pictures: Path, monkeypatch, capsys
):
    weights = write_small_weights(tmp_path / "w.safetensors")
    target = tmp_path / "style.onnx"
    target.write_text("what was there before")
    original = export.write.export_onnx

    def damaged(network, metadata, path):
        """A wrong exporter: one weight of the graph is off."""
        original(network, metadata, path)
        model = onnx.load(str(path))
        tensor = next(t for t in model.graph.initializer if "rows" in t.name)
        rows = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array((rows + 0.1).astype(rows.dtype), tensor.name))
        onnx.save(model, str(path))

    monkeypatch.setattr(export.write, "export_onnx", damaged)
    assert main(["onnx", str(weights), "-o", str(target), "--pictures", str(pictures)]) == 4
    assert "disagree" in capsys.readouterr().err
    assert target.read_text() == "what was there before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pictures", "style.onnx", "w.safetensors"]


def test_a_canvas_is_what_even_areas_are_painted_from(tmp_path: Path):
    """Every runtime paints on the same one, and without noise there is none to see."""
    config = {**CONFIG, "fine_px": 6}
    network = build_network("fast", 2, **config)
    with torch.no_grad():
        network.rows.normal_(0, 0.3)
    metadata = {**small_metadata(), "family": "fast", "canvas": json.dumps({"second": 0.5})}
    export.write.export_onnx(settle_bytes(network).eval(), metadata, tmp_path / "s.onnx")
    model = load_model(tmp_path / "s.onnx")
    assert (model.canvas.cell_px, model.canvas.strengths) == (12, (1.0, 1.0, 0.5, 1.0))
    frame, style = np.full((1, 48, 60, 3), 128, np.uint8), np.array([[0, 1, 0]], np.float32)
    even = np.zeros((1, *model.canvas.shape((48, 60))), np.float32)
    with open_engine("onnxruntime", model, size=(48, 60)) as engine:
        painted, plain = engine.infer(frame, style), engine.infer(frame, style, even)
        np.testing.assert_array_equal(
            painted, engine.infer(frame, style, model.canvas.draw((48, 60), style))
        )
        with pytest.raises(ValueError, match="canvas must be"):
            engine.infer(frame, style, even[:, :, 1:])
    cells = plain.reshape(4, 12, 5, 12, 3)
    assert np.abs(cells.astype(int) - cells[1:2, :, 1:2]).max() <= 1
    noise = painted.astype(int) - plain
    assert (noise.reshape(4, 12, 5, 12, 3).std((0, 2)) > 1).any()


def test_metadata_and_inputs_must_agree_about_a_canvas(tmp_path: Path):
    write_small_model(tmp_path / "s.onnx")
    damaged = onnx.load(str(tmp_path / "s.onnx"))
    kept = [p for p in damaged.metadata_props if p.key != "canvas"]
    del damaged.metadata_props[:]
    damaged.metadata_props.extend(kept)
    onnx.save(damaged, str(tmp_path / "s.onnx"))
    with pytest.raises(ModelError, match="do not agree about a canvas"):
        load_model(tmp_path / "s.onnx")


def test_imports_published_checkpoints(tmp_path: Path, pictures: Path):
    torch.save(checkpoint(), tmp_path / "candy.pth")
    assert (
        main(
            [
                "import",
                str(tmp_path / "candy.pth"),
                "-o",
                str(tmp_path / "candy.onnx"),
                "--pictures",
                str(pictures),
            ]
        )
        == 0
    )
    model = load_model(tmp_path / "candy.onnx")
    assert model.family == "transformer_net"
    assert model.style_names == ("original", "candy")


class Payload:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("content", ["pickle", "text", "other layout"])
def test_import_refuses_what_is_no_checkpoint(
    tmp_path: Path, pictures: Path, capsys, monkeypatch, content: str
):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "bad.pth"
    if content == "pickle":
        torch.save(Payload(), file)
    elif content == "text":
        file.write_text("hello")
    else:
        torch.save({"conv1.weight": torch.zeros(3)}, file)
    assert (
        main(["import", str(file), "-o", str(tmp_path / "bad.onnx"), "--pictures", str(pictures)])
        == 4
    )
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "bad.onnx").exists() and not (tmp_path / "pwned").exists()


def test_quantises_a_network_that_has_learnt_nothing(tmp_path: Path):
    """Its head and tail are the same filters, which the exporter merges into one."""
    export.write.export_onnx(
        build_network("fast", 2), {**small_metadata(), "family": "fast"}, tmp_path / "new.onnx"
    )
    style = np.eye(3, dtype=np.float32)[[1]]
    conditions = conditions_of(load_model(tmp_path / "new.onnx"), style, (48, 64))
    quantise(
        tmp_path / "new.onnx",
        tmp_path / "new.int8.onnx",
        [{"frame": small_frame(48, 64)[None], **conditions}],
    )
    assert load_model(tmp_path / "new.onnx").int8_path


def test_refuses_to_replace_a_training_run(tmp_path: Path, pictures: Path, capsys):
    weights = write_small_weights(tmp_path / "w.safetensors")
    (tmp_path / "weights.safetensors").write_text("days of work")
    assert (
        main(
            [
                "onnx",
                str(weights),
                "-o",
                str(tmp_path / "weights.onnx"),
                "--pictures",
                str(pictures),
            ]
        )
        == 2
    )
    assert (tmp_path / "weights.safetensors").read_text() == "days of work"


def test_refuses_other_names(tmp_path: Path, pictures: Path):
    weights = write_small_weights(tmp_path / "w.safetensors")
    assert (
        main(
            [
                "onnx",
                str(weights),
                "-o",
                str(tmp_path / "style.int8.onnx"),
                "--pictures",
                str(pictures),
            ]
        )
        == 2
    )
    assert (
        main(["onnx", str(weights), "-o", str(tmp_path / "style.pth"), "--pictures", str(pictures)])
        == 2
    )


def test_damaged_weights_are_an_error(tmp_path: Path, pictures: Path):
    file = tmp_path / "w.safetensors"
    whole = write_small_weights(file).read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"x" * 100):
        file.write_bytes(content)
        assert (
            main(["onnx", str(file), "-o", str(tmp_path / "s.onnx"), "--pictures", str(pictures)])
            == 4
        )


def test_weights_round_trip(tmp_path: Path):
    network, header = load_weights(write_small_weights(tmp_path / "w.safetensors"))
    assert header["family"] == "fast"
    assert [s["name"] for s in json.loads(header["styles"])] == list(STYLES)
    assert not network.training


def test_the_gate_has_two_bounds():
    require(Difference(2, 0.5, ""), FP32, "a and b")
    for beyond in (Difference(3, 0.1, ""), Difference(2, 0.6, "")):
        with pytest.raises(ParityError, match="a and b disagree"):
            require(beyond, FP32, "a and b")
