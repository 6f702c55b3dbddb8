"""`fast` as it could have been: where the style enters and how the border is padded, for timing only. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks import build_network


@dataclass(frozen=True)
class Variant:
    """What is other than in the network that ships.

    ``styled``: which convolutions the style follows: "all", "first" of each block, or "none". ``step``: what it does there:
    "multiply-add", "add", or "instance norm", which normalises before it multiplies and adds. ``zeros``: convolutions
    pad with zeros instead of repeating the edge. None: as it ships.
    """

    styled: str = "all"
    step: str = "multiply-add"
    zeros: bool = False
    width: int | None = None
    blocks: int | None = None


class _Step(nn.Module):
    """Stands in for a StyledConv of `fast`: the same convolution, another step after it."""

    def __init__(self, conv: nn.Conv2d, step: str) -> None:
        super().__init__()
        self.conv, self.step = conv, step

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        x = self.conv(x)
        if self.step == "none":
            return x
        scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
        if self.step == "add":
            return x + shift
        return (F.instance_norm(x) if self.step == "instance norm" else x) * (1 + scale) + shift


def build_variant(paintings: int, variant: Variant) -> nn.Module:
    """The network that ships, changed in nothing but ``variant``, with random weights: its time does not depend on them."""
    changes = {name: value for name, value in (("width", variant.width), ("blocks", variant.blocks)) if value is not None}
    network = build_network("fast", paintings, **changes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.05)
    network.head = _Step(network.head.conv, "none" if variant.styled == "none" else variant.step)
    for index, layer in enumerate(network.body):
        styled = variant.styled == "all" or (variant.styled == "first" and index % 2 == 0)
        network.body[index] = _Step(layer.conv, variant.step if styled else "none")
    if variant.zeros:
        for conv in (network.head.conv, *(layer.conv for layer in network.body), network.tail):
            conv.padding_mode = "zeros"
    return network.eval()
