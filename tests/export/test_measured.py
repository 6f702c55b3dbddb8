"""What was measured goes into the model file, and nothing else changes there."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from engines import load_model
from export.__main__ import main
from tests.conftest import write_tiny_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    write_tiny_model(path)
    return path


def evaluation(of: Path, folder: Path, **changes: object) -> Path:
    styles = load_model(of).style_names[1:]
    found = {
        "model": "tiny",
        "date": "2026-11-25",
        "processor": "a processor",
        "measured": {
            style: {"style_rel": 0.4, "content": 1.5, "ratio_8 webcam": 3.0} for style in styles
        },
    }
    path = folder / "evaluation.json"
    path.write_text(json.dumps({**found, **changes}), encoding="utf-8")
    return path


def test_figures_go_into_the_metadata_and_the_graph_stays(model: Path, tmp_path: Path):
    before = onnx.load(str(model))
    assert main(["measured", str(model), str(evaluation(model, tmp_path))]) == 0
    after = load_model(model)
    assert all(
        after.measured[style] == {"style_rel": 0.4, "content": 1.5}
        for style in after.style_names[1:]
    )
    assert onnx.load(str(model)).graph == before.graph
    assert {
        **{p.key: p.value for p in before.metadata_props},
        "measured": after.metadata["measured"],
    } == after.metadata


@pytest.mark.parametrize("changes", [{"model": "other"}, {"measured": {}}, {"measured": 3}])
def test_figures_of_something_else_are_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture, changes: dict
):
    before = model.read_bytes()
    assert main(["measured", str(model), str(evaluation(model, tmp_path, **changes))]) == 2
    assert "python -m training evaluate" in capsys.readouterr().err
    assert model.read_bytes() == before


def test_a_model_that_was_not_measured_says_nothing(model: Path):
    assert load_model(model).measured == {}
