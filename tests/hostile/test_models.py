"""A model file of somebody else cannot rule where files go, the terminal, or the time."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from engines.errors import ModelError
from engines.model_file import load_model
from engines.models import installed_models
from tests.conftest import write_tiny_model

NAMES = [
    "../../../../somewhere/pwn",
    "/somewhere/pwn",
    "a\\b",
    "\x1b]0;pwned\x07",
    "nul\0",
    "Großer",
    "",
    "-flag",
    "a" * 65,
    ["list"],
    7,
    None,
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "bad.onnx"
    write_tiny_model(path)
    return path


def set_styles(path: Path, styles: str) -> None:
    proto = onnx.load(str(path))
    del proto.metadata_props[:]
    metadata = {"livebrush_format": "1", "family": "tiny", "styles": styles}
    helper.set_model_props(proto, metadata)
    onnx.save(proto, str(path))


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_names_are_names(model: Path, name: object):
    set_styles(model, json.dumps([{"name": "original"}, {"name": name}, {"name": "dim"}]))
    with pytest.raises(ModelError) as refused:
        load_model(model)
    assert all(c.isprintable() for c in str(refused.value))


@pytest.mark.parametrize(
    "styles",
    [
        "[" * 50_000,
        "{}",
        '"original"',
        json.dumps([{"name": "original"}, {"name": "a", "title": "\x1b[31m"}]),
        json.dumps([{"name": "original"}, {"name": "a", "title": "x" * 301}]),
        json.dumps([{"name": "original"}, {"name": "a", "year": 1889}]),
        json.dumps([{"name": f"a{n}"} for n in range(513)]),
    ],
    ids=["deep", "object", "text", "control", "long", "number", "many"],
)
def test_texts_are_texts(model: Path, styles: str):
    set_styles(model, styles)
    with pytest.raises(ModelError, match="metadata is missing or damaged"):
        load_model(model)


def test_loops_are_refused(model: Path):
    proto = onnx.load(str(model))
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    same = helper.make_node("Identity", ["c"], ["d"])
    out = helper.make_tensor_value_info("d", TensorProto.BOOL, [])
    body = helper.make_graph([same], "body", [count, condition], [out])
    proto.graph.node.append(helper.make_node("Loop", ["", ""], [], body=body))
    onnx.save(proto, str(model))
    with pytest.raises(ModelError, match="the operators Loop"):
        load_model(model)


def test_an_operator_whose_name_is_no_text_is_refused(model: Path):
    """Protocol buffers give such a name as bytes. Found by the fuzz of ten thousand inputs."""
    operator = onnx.load(str(model)).graph.node[0].op_type.encode()
    content = model.read_bytes()
    assert operator in content
    model.write_bytes(content.replace(operator, b"\x80" + operator[1:], 1))
    with pytest.raises(ModelError):
        load_model(model)


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path))
    (tmp_path / "dangling.onnx").symlink_to(tmp_path / "nowhere")
    for name, styles in (("deep", "[" * 50_000), ("list", '[{"name": ["a"]}]')):
        write_tiny_model(tmp_path / f"{name}.onnx")
        set_styles(tmp_path / f"{name}.onnx", styles)
    write_tiny_model(tmp_path / "good.onnx")
    assert [model.name for model in installed_models()] == ["gallery", "looks", "good"]
    assert len(caplog.records) == 3
