from __future__ import annotations

import pytest
import torch

from engines.networks import build_network
from engines.networks.families.transformer_net import checkpoint_to_state_dict
from engines.networks.layers import parameter_count


def published_layout() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the widely used checkpoints, written out from their description, not from
    our module.
    """
    layout: dict[str, tuple[int, ...]] = {}
    convs = {"conv1": (32, 3, 9, 9), "conv2": (64, 32, 3, 3), "conv3": (128, 64, 3, 3)}
    convs |= {f"res{k}.conv{i}": (128, 128, 3, 3) for k in range(1, 6) for i in (1, 2)}
    convs |= {"deconv1": (64, 128, 3, 3), "deconv2": (32, 64, 3, 3), "deconv3": (3, 32, 9, 9)}
    norms = {"in1": 32, "in2": 64, "in3": 128, "in4": 64, "in5": 32}
    norms |= {f"res{k}.in{i}": 128 for k in range(1, 6) for i in (1, 2)}
    for name, shape in convs.items():
        layout[f"{name}.conv2d.weight"], layout[f"{name}.conv2d.bias"] = shape, shape[:1]
    for name, channels in norms.items():
        layout[f"{name}.weight"] = layout[f"{name}.bias"] = (channels,)
    return layout


def checkpoint(prefix: str = "") -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    state = {prefix + name: torch.randn(shape) * 0.05 for name, shape in published_layout().items()}
    for name in ("in1", "res3.in2"):  # what files of old PyTorch versions still carry
        state[f"{prefix}{name}.running_mean"] = torch.zeros(32)
        state[f"{prefix}{name}.running_var"] = torch.ones(32)
    return state


def test_has_the_published_layout():
    built = build_network("transformer_net", 1)
    assert {
        name: tuple(value.shape) for name, value in built.state_dict().items()
    } == published_layout()
    assert parameter_count(built) == 1_679_235


@pytest.mark.parametrize("prefix", ["", "module."])
def test_loads_published_checkpoints_as_they_are(prefix: str):
    built = build_network("transformer_net", 1)
    built.load_state_dict(checkpoint_to_state_dict(checkpoint(prefix)))
    torch.testing.assert_close(built.conv1.conv2d.weight.data, checkpoint()["conv1.conv2d.weight"])


@pytest.mark.parametrize("size", [(48, 64), (33, 47), (1, 1), (5, 3)])
def test_keeps_the_size(size: tuple[int, int]):
    built = build_network("transformer_net", 1).eval()
    assert built(torch.rand(1, 3, *size), torch.ones(1, 1)).shape == (1, 3, *size)


def test_half_precision_does_not_overflow_on_pixels():
    """The first convolution alone, on 0..255, would: its sums go beyond 65504."""
    torch.manual_seed(0)
    built = build_network("transformer_net", 1).eval()
    with torch.no_grad():
        built.conv1.conv2d.weight.mul_(1000)
        built.deconv3.conv2d.weight.mul_(400)
    image = torch.rand(1, 3, 48, 64).round(decimals=1)
    exact = built(image, torch.ones(1, 1))
    half = built.half()
    assert half.conv1(image.half() * 255).isinf().any(), "the test needs weights that overflow"
    assert (
        half(image.half(), torch.ones(1, 1).half()).float() - exact
    ).abs().max() < 0.02 * exact.abs().max()
