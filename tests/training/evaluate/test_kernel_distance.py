"""The kernel distance against its formula, and the way that is gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.small_frame import small_frame
from tests.training.test_vgg import caffe_state
from training.evaluate.kernel_distance import kernel_distance, way_gone
from training.vgg import load_vgg


def test_the_distance_is_that_of_the_formula():
    x, y = torch.randn(3, 5).double(), torch.randn(4, 5).double()

    def k(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((a @ b / 5 + 1) ** 3)

    within_x = sum(k(x[i], x[j]) for i in range(3) for j in range(3) if i != j) / 6
    within_y = sum(k(y[i], y[j]) for i in range(4) for j in range(4) if i != j) / 12
    across = sum(k(a, b) for a in x for b in y) / 12
    assert kernel_distance(x, y) == pytest.approx(within_x + within_y - 2 * across)


def test_it_is_unbiased():
    torch.manual_seed(0)
    drawn = [kernel_distance(torch.randn(6, 8), torch.randn(9, 8)) for _ in range(300)]
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / 300**0.5
    assert kernel_distance(torch.randn(6, 8), torch.randn(9, 8) + 1) > 1


def test_two_pictures_of_each_are_needed():
    with pytest.raises(ValueError, match="two pictures"):
        kernel_distance(torch.ones(1, 4), torch.ones(3, 4))


def test_paintings_themselves_are_all_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("training.evaluate.kernel_distance._SHORT_PX", 32)
    save_file(caffe_state(), str(tmp_path / "vgg.safetensors"))
    vgg = load_vgg(tmp_path / "vgg.safetensors")
    photos = [small_frame(64, 80, seed) for seed in range(4)]
    paintings = [255 - small_frame(64, 80, seed) // 3 for seed in range(4, 8)]
    others = [255 - small_frame(64, 80, seed) // 3 for seed in range(8, 12)]
    assert way_gone(vgg, photos, photos, paintings).share == pytest.approx(0)
    assert way_gone(vgg, photos, others, paintings).share > 0.8
