"""A photo takes the light of another, stays a photo, and each part takes after its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.small_frame import small_frame
from tests.training.test_vgg import caffe_state
from training.photoreal.matting import matting_energy, matting_laplacian
from training.photoreal.regions import Region
from training.photoreal.stages import _MattingEnergy, relight
from training.pixels import Step, optimise
from training.vgg import Vgg16, load_vgg

pytestmark = pytest.mark.usefixtures("small_and_quick")


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> Vgg16:
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    save_file(caffe_state(), str(path))
    return load_vgg(path)


def test_comes_nearer_in_two_stages_and_stays_a_photo(vgg: Vgg16):
    photo, reference = small_frame(96, 120, 1), 255 - small_frame(60, 60, 2)
    steps: list[Step] = []
    found = relight(vgg, photo, reference, [], 48, 15, 50, steps.append, every=5)
    assert (found.shape, found.dtype) == (photo.shape, np.uint8)
    assert [step.evaluations for step in steps] == [5, 10, 15, 20, 25, 30]
    assert [step.picture.shape[0] for step in steps] == [24] * 3 + [48] * 3
    assert steps[-1].losses["style"] < steps[0].losses["style"]
    small = photo[::2, ::2]
    painted = optimise(vgg, small, reference, 30, 50)
    assert matting_energy(found, photo) < 0.1 * matting_energy(painted, small)


def test_each_region_takes_after_its_own(vgg: Vgg16):
    photo = np.clip(small_frame(48, 64, 1).astype(int) // 4 + 90, 0, 255).astype(np.uint8)
    reference = np.full((48, 64, 3), 30, np.uint8)
    reference[:, 32:] = 220
    reference += small_frame(48, 64, 2) // 10
    left = np.zeros((48, 64), bool)
    left[:, :32] = True
    same = [Region("black", left, left), Region("white", ~left, ~left)]
    crossed = [Region("black", left, ~left), Region("white", ~left, left)]
    brighter = []
    for regions in (same, crossed):
        found = relight(vgg, photo, reference, regions, 48, 12, 50).astype(float)
        brighter.append(found[:, 40:].mean() - found[:, :24].mean())
    assert brighter[0] > 10 and brighter[1] < -10


def test_the_gradient_is_that_of_the_energy():
    photo = small_frame(5, 6, 1)
    laplacian = matting_laplacian(photo)
    image = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(1), requires_grad=True)
    dense = torch.from_numpy(laplacian.toarray()).float()
    energy = _MattingEnergy.apply(image, laplacian)
    flat = image[0].flatten(1)
    wanted = (flat @ dense * flat).sum() / 30
    assert energy.item() == pytest.approx(wanted.item(), rel=1e-4)
    (found,), (right,) = (torch.autograd.grad(loss, image) for loss in (energy, wanted))
    torch.testing.assert_close(found, right, rtol=1e-3, atol=1e-5)


def test_time_that_is_up_ends_both_stages(vgg: Vgg16):
    steps: list[Step] = []
    photo = small_frame(48, 56, 1)
    found = relight(
        vgg, photo, small_frame(48, 48, 2), [], 48, 500, 50, steps.append, every=1, seconds=0
    )
    assert [step.evaluations for step in steps] == [1, 501]
    assert matting_energy(found, photo) < 1e-3
