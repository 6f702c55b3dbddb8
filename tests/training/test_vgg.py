"""Both weight files give a working VGG16, and the same one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engines.errors import TrainingError
from training.losses import content_loss
from training.vgg import _TORCHVISION, LAYERS, Vgg16, load_vgg


def caffe_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    widths = {1: (3, 64, 64), 2: (64, 128, 128), 3: (128, 256, 256, 256), 4: (256, 512, 512, 512)}
    state = {}
    for block, w in widths.items():
        for i in range(1, len(w)):
            state[f"conv{block}_{i}.weight"] = (
                torch.randn(w[i], w[i - 1], 3, 3) * (2 / (9 * w[i - 1])) ** 0.5
            )
            state[f"conv{block}_{i}.bias"] = torch.zeros(w[i])
    return state


def torchvision_state() -> dict[str, torch.Tensor]:
    """The same filters in the other convention: BGR*255 - mean becomes (RGB - m) / s, so conv1_1 is
    flipped and scaled.
    """
    state = caffe_state()
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    state["conv1_1.weight"] = state["conv1_1.weight"].flip(1) * std * 255
    named = {
        f"features.{i}.{part}": state[f"{k}.{part}"]
        for k, i in _TORCHVISION.items()
        for part in ("weight", "bias")
    }
    return {**named, "classifier.0.weight": torch.zeros(2, 2)}


@pytest.fixture
def both(tmp_path: Path) -> tuple[Vgg16, Vgg16]:
    save_file(caffe_state(), str(tmp_path / "caffe.bin"))
    torch.save(torchvision_state(), tmp_path / "torchvision.bin")
    return load_vgg(tmp_path / "caffe.bin"), load_vgg(tmp_path / "torchvision.bin")


def test_layout(both: tuple[Vgg16, Vgg16]):
    for vgg in both:
        features = vgg(torch.rand(1, 3, 32, 48), LAYERS)
        assert list(features) == list(LAYERS)
        assert features["relu1_2"].shape == (1, 64, 32, 48)
        assert features["relu4_3"].shape == (1, 512, 4, 6)
        assert not any(p.requires_grad for p in vgg.parameters())


def test_both_conventions_see_the_same(both: tuple[Vgg16, Vgg16]):
    torch.manual_seed(1)
    picture, other = torch.rand(2, 1, 3, 32, 32)
    one, another = (vgg(picture, ("relu3_3",))["relu3_3"] for vgg in both)
    # The conventions' means differ by less than a level of 255.
    assert (
        content_loss(another, one).item()
        < 0.01 * content_loss(both[0](other, ("relu3_3",))["relu3_3"], one).item()
    )


def test_refuses_other_files(tmp_path: Path):
    with pytest.raises(TrainingError, match="no such file"):
        load_vgg(tmp_path / "none")
    (tmp_path / "text").write_text("hello world, this is not a network")
    with pytest.raises(TrainingError, match="neither"):
        load_vgg(tmp_path / "text")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(TrainingError):
        load_vgg(tmp_path / "other")
