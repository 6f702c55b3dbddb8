"""`fast` as it could have been: where the style enters, what normalises, how large it is.

Needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks import build_network
from engines.networks.families.fast import StyledConv


@dataclass(frozen=True)
class Variant:
    """What is other than in the network that ships.

    ``styled``: which convolutions the style follows: "all", "first" of each block, or "none".
    ``step``: what it does there: "multiply-add", "add", or, before the multiply-add, "instance
    norm", "batch norm" (frozen once trained) or "filter response norm" (Singh & Krishnan 2020).
    ``memory``: share of the earlier frames in the statistics of instance norm while painting.
    ``sizes``: of the network, None as it ships.
    """

    styled: str = "all"
    step: str = "multiply-add"
    memory: float = 0.0
    sizes: dict[str, int] | None = None


class _Step(nn.Module):
    """Stands in for a StyledConv of `fast`: the same convolution, another step after it."""

    def __init__(self, conv: nn.Conv2d, step: str, memory: float) -> None:
        super().__init__()
        self.conv, self.step, self.memory = conv, step, memory
        self.seen: tuple[Tensor, Tensor] | None = None
        if step == "batch norm":
            self.norm = nn.BatchNorm2d(conv.out_channels, affine=False)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        x = self.conv(x)
        if self.step == "none":
            return x
        scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
        if self.step == "add":
            return x + shift
        if self.step == "instance norm":
            x = self._instance_norm(x)
        elif self.step == "batch norm":
            x = self.norm(x)
        elif self.step == "filter response norm":
            x = x * torch.rsqrt(x.square().mean((2, 3), keepdim=True) + 1e-6)
        return x * (1 + scale) + shift

    def _instance_norm(self, x: Tensor) -> Tensor:
        if self.training or not self.memory:
            return F.instance_norm(x)
        now = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
        before = self.seen or now
        self.seen = tuple(
            self.memory * b + (1 - self.memory) * n for b, n in zip(before, now, strict=True)
        )
        mean, variance = self.seen
        return (x - mean) * torch.rsqrt(variance + 1e-5)


def build_variant(paintings: int, variant: Variant) -> nn.Module:
    """Return the network that ships, changed in nothing but ``variant``.

    Its weights are random: its time does not depend on them.
    """
    network = build_network("fast", paintings, **(variant.sizes or {}))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.05)
    restep(network, variant)
    return network.eval()


def restep(network: nn.Module, variant: Variant) -> None:
    """Give a `fast` the steps of ``variant`` after its convolutions.

    The convolutions' parameters stay the same objects.
    """
    for name, layer in [(n, m) for n, m in network.named_modules() if isinstance(m, StyledConv)]:
        styled = variant.styled == "all" or (
            variant.styled == "first" and not name.endswith(".second")
        )
        parent, _, own = name.rpartition(".")
        step = variant.step if styled else "none"
        setattr(network.get_submodule(parent), own, _Step(layer.conv, step, variant.memory))
