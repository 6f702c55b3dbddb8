from __future__ import annotations

import pytest
import torch

from engines.networks import build_network, network_families
from engines.networks.fast import Fast
from engines.networks.layers import parameter_count


def network() -> Fast:
    torch.manual_seed(1)
    built = build_network("fast", 3, width=16, blocks=2)
    with torch.no_grad():
        built.rows.normal_(0, 0.2)
    return built


def test_families_are_found():
    assert network_families() == ["fast", "transformer_net"]


def test_bundled_size_is_within_its_budget():
    built = build_network("fast", 14)
    assert parameter_count(built) == 264_228
    assert parameter_count(built) <= 400_000


@pytest.mark.parametrize("size", [(64, 48), (33, 47), (1, 1), (2, 9)])
def test_keeps_the_size(size: tuple[int, int]):
    out = network().eval()(torch.rand(2, 3, *size), torch.eye(3)[:2])
    assert out.shape == (2, 3, *size)


def test_paintings_differ_and_blend():
    built = network().eval()
    image = torch.rand(1, 3, 32, 32)
    first, second, between = (built(image, torch.tensor([m])) for m in ([1.0, 0, 0], [0, 1.0, 0], [0.5, 0.5, 0]))
    assert (first - second).abs().mean() > 1e-3
    assert not torch.equal(between, first)


def test_starts_by_giving_the_picture_back():
    torch.manual_seed(0)
    built = build_network("fast", 1, width=48, blocks=2).eval()
    image = torch.rand(1, 3, 64, 64)
    assert (built(image, torch.ones(1, 1)) - image).abs().mean() < 0.05


def test_the_border_is_not_a_frame():
    """A flat picture comes out flat up to its border: no convolution can tell where the border is."""
    built = build_network("fast", 1, width=16, blocks=1).eval()
    out = built(torch.full((1, 3, 64, 64), 0.5), torch.ones(1, 1))
    cells = out.reshape(1, 3, 16, 4, 16, 4)
    assert (cells - cells[:, :, 8:9, :, 8:9]).abs().max() < 1e-5
