"""The weights under way, from which training goes on, fit their config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.networks.weights import load_weights
from training.config import load_config

ROOT = Path(__file__).parent.parent.parent / "training"
STARTS = sorted((ROOT / "start").glob("*.safetensors"))


@pytest.mark.parametrize("weights", STARTS, ids=lambda path: path.stem)
def test_the_weights_under_way_fit_their_config(weights: Path):
    config = load_config(ROOT / "configs" / f"{weights.stem}.yaml")
    network, header = load_weights(weights)
    assert header["family"] == config.family
    assert json.loads(header["config"]) == config.network
    names = [style["name"] for style in json.loads(header["styles"])]
    assert names == ["original", *(style.name for style in config.styles)]
    assert len(network.rows) == len(config.styles)
