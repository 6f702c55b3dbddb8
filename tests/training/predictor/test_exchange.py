"""The predictor for the bundled network after it was trained on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from engines.errors import ModelError
from engines.networks.style_network import StyleNetwork
from engines.networks.weights import load_weights, save_weights
from engines.predictor import PREDICTOR, Predictor, predictor_view
from export.pictures import carried_files
from tests.small_frame import small_frame
from training.commands.flags import BUNDLED_WEIGHTS
from training.predictor import loop
from training.predictor.exchange import exchange_network


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_LINES_PX", 48)
    monkeypatch.setattr(loop, "_PHOTOS", 1)


def write(path: Path, network: StyleNetwork, about: dict[str, str]) -> None:
    save_weights(path, network, about["family"], json.loads(about["config"]), about)


def test_rows_are_those_of_the_network_after_it_was_trained_on(tmp_path: Path):
    network, about = load_weights(BUNDLED_WEIGHTS)
    with torch.no_grad():
        network.rows[:, 40] += 0.5  # in what each style does alike, so every mix has it
    write(tmp_path / "trained.safetensors", network, about)
    exchange_network(
        PREDICTOR, tmp_path / "trained.safetensors", carried_files(), tmp_path / "new.onnx"
    )
    view = predictor_view(small_frame(120, 160, 3))
    before = Predictor(PREDICTOR).predict(view).ravel()
    after = Predictor(tmp_path / "new.onnx").predict(view).ravel()
    assert after[40] - before[40] == pytest.approx(0.5, abs=2e-3)
    np.testing.assert_allclose(after[41:200], before[41:200], atol=2e-3)


def test_another_network_is_refused(tmp_path: Path):
    network, about = load_weights(BUNDLED_WEIGHTS)
    network.rows = torch.nn.Parameter(network.rows[:5].detach())
    styles = json.dumps(json.loads(about["styles"])[:6])
    write(tmp_path / "five.safetensors", network, {**about, "styles": styles})
    with pytest.raises(ModelError, match=r"is not made for 5 rows .* predictor --from WEIGHTS"):
        exchange_network(PREDICTOR, tmp_path / "five.safetensors", [], tmp_path / "new.onnx")
    assert not (tmp_path / "new.onnx").exists()
