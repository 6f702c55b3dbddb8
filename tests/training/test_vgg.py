"""Both weight files give a working VGG16, and the same one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from engines.errors import TrainingError
from training import vgg as vgg_module
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


@pytest.fixture
def published(tmp_path: Path, monkeypatch) -> Path:
    """torchvision's weights where they are downloaded from, named after their content."""
    file = tmp_path / "vgg16.pth"
    torch.save(torchvision_state(), file)
    prefix = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    file = file.rename(tmp_path / f"vgg16-{prefix}.pth")
    monkeypatch.setattr(vgg_module, "TORCHVISION_URL", file.as_uri())
    monkeypatch.setattr(vgg_module, "cache_dir", lambda: cache)
    cache = tmp_path / "cache"
    cache.mkdir()
    return file


def test_weights_are_downloaded_once(published: Path):
    with pytest.raises(TrainingError, match=r"not here yet \(528 MB\)\. --refine S"):
        load_vgg(None, may_download=False)
    load_vgg(None)
    published.unlink()
    assert isinstance(load_vgg(None, may_download=False), Vgg16)


def test_a_damaged_download_is_not_kept(published: Path, tmp_path: Path):
    published.write_bytes(published.read_bytes()[:-1])
    with pytest.raises(TrainingError, match="the download is damaged"):
        load_vgg(None)
    assert not list((tmp_path / "cache").iterdir())


def test_a_download_that_cannot_be_had(published: Path, tmp_path: Path):
    published.unlink()
    with pytest.raises(TrainingError, match=r"could not download .* --vgg FILE"):
        load_vgg(None)
    assert not list((tmp_path / "cache").iterdir())
