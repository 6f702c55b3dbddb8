from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from engines import EngineOptions, ModelFile, find_model, installed_models, load_model, open_engine
from engines.errors import ModelError, UnknownStyle, UsageError
from tests.small_frame import small_frame


@pytest.fixture
def user_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(folder))
    return folder


def test_bundled_models_are_whole():
    for model in installed_models():
        assert model.style_names[0] == "original"
        assert len(set(model.style_names)) == len(model.style_names)
        assert model.int8_path and model.weights_path
        assert model.path.stat().st_size + model.int8_path.stat().st_size <= 3 * 2**20
        for style in model.styles[1:]:
            assert style.title and style.artist and style.licence and style.source
        assert "training" in model.metadata


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_bundled_original_is_exact_and_paintings_are_not(precision: str):
    frame = small_frame(96, 128)
    for model in installed_models():
        styles = np.eye(len(model.styles), dtype=np.float32)
        with open_engine(
            "onnxruntime", model, EngineOptions(precision=precision), (96, 128)
        ) as engine:
            np.testing.assert_array_equal(engine.infer(frame[None], styles[:1])[0], frame)
            for style in styles[1:]:
                assert (
                    np.abs(engine.infer(frame[None], style[None])[0].astype(int) - frame).mean()
                    > 10
                )


def test_bundled_weights_are_the_graphs():
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
    frame = small_frame(96, 128)[None]
    for model in installed_models():
        style = np.eye(len(model.styles), dtype=np.float32)[1:2]
        with (
            open_engine("onnxruntime", model) as graph,
            open_engine("torch", model, EngineOptions(device="cpu")) as weights,
        ):
            assert (
                np.abs(graph.infer(frame, style).astype(int) - weights.infer(frame, style)).max()
                <= 2
            )


def test_one_bad_user_file_does_not_hide_the_others(
    user_models: Path, small_model: ModelFile, caplog: pytest.LogCaptureFixture
):
    (user_models / "bad.onnx").write_text("junk")
    (user_models / "mine.onnx").write_bytes(small_model.path.read_bytes())
    assert [m.name for m in installed_models()] == ["gallery", "looks", "mine"]
    assert "bad.onnx" in caplog.text


def test_default_is_the_bundled_model(user_models: Path, small_model: ModelFile):
    (user_models / "mine.onnx").write_bytes(small_model.path.read_bytes())
    assert find_model(None, []).name == "gallery"


def test_a_style_means_its_model(user_models: Path, small_model: ModelFile):
    (user_models / "mine.onnx").write_bytes(small_model.path.read_bytes())
    assert find_model(None, ["second"]).name == "mine"
    assert find_model("second", []).name == "mine"
    assert find_model("mine", []).name == "mine"
    bundled = find_model("gallery", []).default_style
    with pytest.raises(
        UsageError,
        match=r"second is .* mine and .* of gallery, which do not blend",
    ):
        find_model(None, ["second", bundled])


def test_unknown_names_list_close_ones(user_models: Path):
    name = find_model(None, []).default_style
    with pytest.raises(UnknownStyle, match=name):
        find_model(None, [name + "s"])
    with pytest.raises(UsageError, match="gallery"):
        find_model("galery", [])


def test_refuses_what_is_no_model(tmp_path: Path, small_model: ModelFile):
    with pytest.raises(ModelError, match="no such"):
        load_model(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelError, match=r"not an ONNX file|has inputs"):
        load_model(tmp_path / "text.onnx")
    whole = small_model.path.read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError):
        load_model(tmp_path / "half.onnx")


def changed(small_model: ModelFile, path: Path, change) -> Path:
    proto = onnx.load(str(small_model.path))
    change(proto)
    path.write_bytes(proto.SerializeToString())
    return path


def test_refuses_foreign_models(tmp_path: Path, small_model: ModelFile):
    def drop_metadata(proto: onnx.ModelProto) -> None:
        del proto.metadata_props[:]

    def newer(proto: onnx.ModelProto) -> None:
        next(p for p in proto.metadata_props if p.key == "livebrush_format").value = "99"

    def rename(proto: onnx.ModelProto) -> None:
        proto.graph.input[0].name = "image"

    def external(proto: onnx.ModelProto) -> None:
        tensor = proto.graph.initializer[0]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../etc/passwd")

    def external_in_a_branch(proto: onnx.ModelProto) -> None:
        hidden = onnx.helper.make_tensor("hidden", onnx.TensorProto.FLOAT, [1], [0.0])
        hidden.data_location = onnx.TensorProto.EXTERNAL
        hidden.external_data.add(key="location", value="/etc/passwd")
        branch = onnx.helper.make_graph(
            [onnx.helper.make_node("Constant", [], ["y"], value=hidden)], "branch", [], []
        )
        proto.graph.node.append(
            onnx.helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch)
        )

    def foreign_operator(proto: onnx.ModelProto) -> None:
        proto.graph.node[0].domain = "com.example"

    def huge(proto: onnx.ModelProto) -> None:
        proto.graph.initializer[0].dims[:] = [2**20, 2**20]

    for change, words in [
        (drop_metadata, "metadata"),
        (newer, "newer"),
        (rename, "export import"),
        (external, "another file"),
        (external_in_a_branch, "another file"),
        (foreign_operator, "not ONNX's own"),
        (huge, "too large"),
    ]:
        with pytest.raises(ModelError, match=words):
            load_model(changed(small_model, tmp_path / "changed.onnx", change))
