"""Losses, history, augmentation and discriminators against what the papers say of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.unpaired.augment import augment
from training.unpaired.discriminators import LocalAndWhole, PatchDiscriminator
from training.unpaired.history import History
from training.unpaired.losses import attention_loss, difference, least_squares


def test_least_squares_is_the_mean_square_of_each_verdict():
    verdicts = [torch.tensor([[1.0, 3.0]]), torch.tensor([0.0])]
    assert float(least_squares(verdicts, 1.0)) == pytest.approx((0 + 4) / 2 + 1)
    assert float(least_squares(verdicts, 0.0)) == pytest.approx((1 + 9) / 2 + 0)


def test_a_difference_counts_on_the_scale_of_the_papers():
    black, white = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    assert float(difference(white, black)) == 2.0  # -1 and 1


def test_the_attention_loss_is_the_cross_entropy_of_both():
    translated, kept = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, 0.0]])

    def entropy(logit: float, wanted: float) -> float:
        p = 1 / (1 + math.exp(-logit))
        return -math.log(p if wanted else 1 - p)

    expected = (entropy(2, 1) + entropy(-1, 1)) / 2 + (entropy(0.5, 0) + entropy(0, 0)) / 2
    assert float(attention_loss(translated, kept)) == pytest.approx(expected, rel=1e-5)


def test_the_history_gives_old_pictures_back_in_half_of_the_cases():
    pool, random = History(size=5), np.random.default_rng(0)
    for number in range(5):
        given = torch.full((1, 1, 1, 1), float(number))
        assert pool.swap(given, random) is not given and float(pool.pictures[-1]) == number
    swapped = [float(pool.swap(torch.full((1, 1, 1, 1), 5.0 + i), random)) for i in range(400)]
    older = [i for i, value in enumerate(swapped) if value != 5 + i]
    assert 0.4 < len(older) / len(swapped) < 0.6
    assert len(pool.pictures) == 5
    given_back = [swapped[i] for i in older]
    assert len(set(given_back)) == len(given_back)  # each leaves once


def test_the_history_keeps_no_gradients():
    pool = History()
    pool.swap(torch.ones(2, 3, 4, 4, requires_grad=True) * 2, np.random.default_rng(0))
    assert len(pool.pictures) == 2 and not pool.pictures[0].requires_grad


def test_augmentation_is_drawn_alike_and_lets_gradients_through():
    pictures = torch.rand(3, 3, 32, 32, requires_grad=True)
    first, again = (augment(pictures, torch.Generator().manual_seed(4)) for _ in range(2))
    other = augment(pictures, torch.Generator().manual_seed(5))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == pictures.shape
    first.sum().backward()
    assert float(pictures.grad.abs().mean()) > 0.3


@pytest.mark.parametrize("sees_palette", [False, True])
def test_patches_are_70_pixels_wide(sees_palette: bool):
    judge = PatchDiscriminator(4, sees_palette).eval()
    for layer in judge.layers:  # a norm lets every pixel reach every patch
        if isinstance(layer, torch.nn.InstanceNorm2d):
            assert not sees_palette
            layer.forward = lambda x: x
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    (verdict,) = judge(image)
    verdict[0, 0, 7, 7].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert int(rows.max() - rows.min()) + 1 == 70


def test_where_the_palette_is_to_be_seen_a_tint_changes_the_verdict():
    image, tint = torch.rand(1, 3, 64, 64), torch.tensor([0.3, 0.0, -0.3]).view(1, 3, 1, 1)
    judge = PatchDiscriminator(4, sees_palette=True).eval()
    assert not torch.allclose(judge(image)[0], judge(image + tint)[0], atol=1e-3)


@pytest.mark.parametrize(("size", "cells"), [(256, (30, 6)), (64, (6, 2))])
def test_the_whole_picture_is_judged_too(size: int, cells: tuple[int, int]):
    verdicts = LocalAndWhole(2, size)(torch.rand(1, 3, size, size))
    assert [v.shape[-1] for v in verdicts] == [cells[0], 2, cells[1], 2]
