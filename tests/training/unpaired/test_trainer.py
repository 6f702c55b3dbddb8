"""Two translators trained for a few steps at tiny widths, all three families."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from engines.errors import TrainingError
from engines.networks.families.ugatit import LayerInstanceNorm, UGatIt
from engines.networks.weights import load_weights
from tests.small_frame import small_frame
from tests.small_network import CONFIG
from tests.training.test_vgg import caffe_state
from training.unpaired import trainer as trainer_module
from training.unpaired.discriminators import FeatureDiscriminator
from training.unpaired.kinds import KINDS, Kind, follow, translate
from training.unpaired.pictures import PictureSet
from training.unpaired.trainer import UnpairedTrainer
from training.vgg import load_vgg

SIDE = 64
SMALL: dict[str, Kind] = {
    "fast": replace(KINDS["fast"], config=CONFIG, judged=4, lines_px=(64, 80)),
    "resnet": replace(KINDS["resnet"], config={"width": 4, "blocks": 1}, judged=4),
    "ugatit-light": replace(KINDS["ugatit-light"], config={"width": 4, "blocks": 1}, judged=2),
}


def small_sets(tmp_path: Path) -> tuple[PictureSet, PictureSet]:
    """The second is the first in warm negative."""
    photos = [small_frame(80, 96, seed) for seed in range(4)]
    warm = [np.uint8((255 - small_frame(80, 96, seed)) * (1, 0.7, 0.4)) for seed in range(4, 8)]
    return (
        PictureSet(tmp_path / "photos", photos[:2], photos[2:]),
        PictureSet(tmp_path / "warm", warm[:2], warm[2:]),
    )


def small_trainer(tmp_path: Path, family: str, folder: str = "run", seed: int = 0):
    sets = small_sets(tmp_path)
    names = ("warm", "warm_back")
    return UnpairedTrainer(SMALL[family], sets, tmp_path / folder, names, SIDE, seed)


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("family", list(SMALL))
def test_a_run_that_goes_on_is_one_without_a_break(tmp_path: Path, family: str, monkeypatch):
    monkeypatch.setattr(trainer_module.History, "__init__", _short_history)
    straight, first = (small_trainer(tmp_path, family, name) for name in ("straight", "broken"))
    for step in range(4):
        straight.take_step(step / 4)
    for step in range(2):
        first.take_step(step / 4)
    first.save()
    second = small_trainer(tmp_path, family, "broken")
    second.resume()
    assert second.step == 2
    for step in range(2, 4):
        second.take_step(step / 4)
    for part in ("generators", "averaged", "discriminators"):
        one, other = (getattr(t, part).state_dict() for t in (straight, second))
        assert all(torch.equal(one[name], other[name]) for name in one), part
    assert straight._sums == second._sums


def _short_history(self, size: int = 1) -> None:
    self.size, self.pictures = size, []


@pytest.mark.parametrize("family", list(SMALL))
def test_a_step_moves_all_that_learns(tmp_path: Path, family: str):
    trainer = small_trainer(tmp_path, family)
    before = {part: _copy(getattr(trainer, part)) for part in ("generators", "discriminators")}
    losses = [trainer.take_step() for _ in range(2)][-1]
    wanted = {"adversarial", "cycle", "identity", "discriminators"}
    more = {"fast": {"grid", "range"}, "resnet": set(), "ugatit-light": {"attention"}}
    assert set(losses) == wanted | more[family]
    for part, old in before.items():
        new = dict(getattr(trainer, part).named_parameters())
        still = [name for name, value in new.items() if torch.equal(value, old[name])]
        # Shares that would leave 0..1 are kept there.
        assert all("rho" in name for name in still), still


def test_what_vgg_sees_is_judged_too_and_vgg_stays_as_it_is(tmp_path: Path):
    save_file(caffe_state(), str(tmp_path / "vgg.safetensors"))
    vgg = load_vgg(tmp_path / "vgg.safetensors")
    kept = _copy(vgg)
    sets = small_sets(tmp_path)
    parts = (SMALL["fast"], sets, tmp_path / "run", ("warm", "warm_back"), SIDE)
    trainer = UnpairedTrainer(*parts, vgg=vgg)
    judge = trainer.discriminators["there"]
    assert isinstance(judge, FeatureDiscriminator)
    picture = torch.rand(1, 3, SIDE, SIDE, requires_grad=True)
    verdicts = judge(picture)
    assert len(verdicts) == 4
    verdicts[-1].sum().backward()  # the deepest layer's has much to say of every pixel
    assert (picture.grad != 0).float().mean() > 0.5
    heads = _copy(judge.heads)
    for _ in range(2):
        trainer.take_step()
    assert all(not torch.equal(v, heads[k]) for k, v in judge.heads.named_parameters())
    assert all(torch.equal(value, kept[name]) for name, value in vgg.state_dict().items())
    assert not any("conv4" in name for name in judge.state_dict())
    trainer.save()
    again = UnpairedTrainer(*parts, vgg=vgg)
    again.resume()
    assert again.step == 2
    with pytest.raises(TrainingError, match="of another run"):
        UnpairedTrainer(*parts).resume()


def _copy(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_rates_fall_evenly_from_half_of_the_run_on(tmp_path: Path):
    trainer = small_trainer(tmp_path, "resnet")
    for share, factor in ((0.0, 1), (0.5, 1), (0.75, 0.5), (1.0, 0)):
        trainer.take_step(share)
        rates = [g["lr"] for o in trainer.optimizers for g in o.param_groups]
        assert rates == pytest.approx([2e-4 * factor] * len(rates))


def test_averaged_weights_follow(tmp_path: Path):
    kept, network = nn.Linear(2, 1), nn.Linear(2, 1)
    expected = 0.9 * kept.weight + 0.1 * network.weight
    follow(kept, network, 0.9)
    assert torch.allclose(kept.weight, expected)


def test_fast_begins_by_giving_the_picture_back():
    torch.manual_seed(0)
    network = KINDS["fast"].build().eval()
    image = torch.from_numpy(small_frame(SIDE, SIDE)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        painted = translate(network, image, np.random.default_rng(0)).picture
    assert float((painted - image).abs().mean()) < 0.05


def test_light_begins_with_scales_near_one_and_paints_something(tmp_path: Path):
    trainer = small_trainer(tmp_path, "ugatit-light")
    network = trainer.generators["there"]
    assert isinstance(network, UGatIt)
    image = torch.from_numpy(trainer.sets[0].held[0][:64, :64]).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        code = network.code(image)
        scales, shifts = network.gamma(code), network.beta(code)
        painted = network(image, torch.ones(1, 1))
        shares = [m.rho for m in network.modules() if isinstance(m, LayerInstanceNorm)]
        assert {round(float(share.mean()), 2) for share in shares} == {0.0, 0.9}
    assert float(scales.mean()) == pytest.approx(1, abs=0.3)
    assert float(shifts.abs().max()) == 0
    assert float(painted.std()) > 0.03


def test_the_picture_traced_is_the_picture_painted(tmp_path: Path):
    network = small_trainer(tmp_path, "ugatit-light").settled("there")
    image = torch.rand(2, 3, SIDE, SIDE)
    picture, logits, heat = network.trace(image)
    assert torch.allclose(picture, network(image, torch.ones(2, 1)), atol=1e-6)
    assert logits.shape == (2, 2) and heat.shape == (2, 1, SIDE // 4, SIDE // 4)


@pytest.mark.parametrize("family", list(SMALL))
def test_what_a_run_leaves_behind(tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trainer_module, "_RECORD_EVERY", 1)
    trainer = small_trainer(tmp_path, family)
    trainer.take_step()
    trainer.save()
    trainer.preview()
    sheet = cv2.imread(str(trainer.folder / "previews" / "000001.jpg"))
    assert sheet.shape == (2 * 256, (6 if family == "ugatit-light" else 4) * 256, 3)
    assert (trainer.folder / "losses.png").is_file()
    assert json.loads((trainer.folder / "history.json").read_text())[0]["step"] == 1
    network, header = load_weights(trainer.folder / "back.safetensors")
    assert [s["name"] for s in json.loads(header["styles"])] == ["original", "warm_back"]
    assert json.loads(header["training"])["unpaired"]["to"] == "photos"
    settled = trainer.settled("back").state_dict()
    assert all(torch.equal(settled[name], value) for name, value in network.state_dict().items())


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path):
    small_trainer(tmp_path, "fast").save()
    with pytest.raises(TrainingError, match=r"of another run.*--overwrite"):
        small_trainer(tmp_path, "fast", seed=1).resume()
    with pytest.raises(TrainingError, match="'network': 'fast'"):
        small_trainer(tmp_path, "resnet").resume()


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path):
    trainer = small_trainer(tmp_path, "fast")
    nn.init.constant_(trainer.generators["there"].rows, float("nan"))
    with pytest.raises(TrainingError, match="became nan at step 0"):
        trainer.take_step()


def light_after(tmp_path: Path, steps: int) -> None:
    trainer = small_trainer(tmp_path, "ugatit-light")
    for step in range(steps):
        trainer.take_step(step / steps)
    for way, pictures in zip(("there", "back"), trainer.sets, strict=True):
        for picture in pictures.held:
            image = torch.from_numpy(picture[:64, :64]).permute(2, 0, 1)[None] / 255
            painted = trainer.settled(way)(image, torch.ones(1, 1))[0]
            assert float(painted.std()) > 0.25 * float(image.std()), "a blank picture"


def test_light_trains_without_a_blank_picture(tmp_path: Path):
    light_after(tmp_path, 12)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_light_trains_two_thousand_steps_without_a_blank_picture(tmp_path: Path):
    light_after(tmp_path, 2000)
