"""`fast`: one small network for many styles, all of it at a quarter of the resolution.

Source: the residual transform network of Johnson et al. 2016 with the conditional scale and shift of Dumoulin et al.
2017, between a pixel-unshuffle and a pixel-shuffle by 4 (Shi et al. 2016, sub-pixel convolution). There is no
normalisation: instance statistics are slow, move with the content and draw rings, and a network that starts as the
identity needs none to learn. Every convolution repeats the edge: zeros would tell where the border is, and the style
loss makes a frame of that. Measured choices: docs/networks.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.layers import pad_edge

SCALE = 4
_IN = 3 * SCALE * SCALE


@dataclass(frozen=True)
class FastConfig:
    """width: channels at a quarter of the resolution. blocks: residual blocks of two 3x3 convolutions."""

    width: int = 48
    blocks: int = 5


class StyledConv(nn.Module):
    """3x3 convolution that repeats the edge, then ``x * (1 + scale) + shift`` of the style (Dumoulin et al. 2017, eq. 5)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate")

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """x: (N, C, h, w). modulation: (N, 2C), scales first."""
        scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
        return self.conv(x) * (1 + scale) + shift


class Fast(nn.Module):
    """The network. ``rows`` (P, 2 * all channels) holds each painting's scales and shifts, one layer after the other."""

    def __init__(self, paintings: int, config: FastConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.head = StyledConv(_IN, width)
        self.body = nn.ModuleList(StyledConv(width, width) for _ in range(2 * config.blocks))
        # Without a bias: it could only tell the sub-pixels of a cell apart; colours are shifted after the shuffle.
        self.tail = nn.Conv2d(width, _IN, 3, padding=1, padding_mode="replicate", bias=False)
        self.rows = nn.Parameter(torch.zeros(paintings, 2 * (width * (1 + 2 * config.blocks) + 3)))
        self._start_as_identity()

    def _start_as_identity(self) -> None:
        """Begin by giving the picture back: head and tail pass it on (Dirac filters), the residual branches hardly speak.

        From noise, the first thing that the losses find is grey, and the way out of it is long; a picture, on the other
        hand, is near a painting of it, and it has no sub-pixel grid that would have to be unlearned.
        """
        nn.init.dirac_(self.head.conv.weight)
        nn.init.dirac_(self.tail.weight)
        nn.init.zeros_(self.head.conv.bias)
        for second in self.body[1::2]:
            nn.init.zeros_(second.conv.bias)
            with torch.no_grad():
                second.conv.weight.mul_(0.1)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        height, width = image.shape[-2], image.shape[-1]
        modulations = (mix @ self.rows).split(self._splits(), dim=1)
        # Around zero: with features of one sign, every step of the optimiser would change the brightness of all first.
        x = F.pixel_unshuffle(pad_edge(image, SCALE) - 0.5, SCALE)
        x = self.head(x, modulations[0])
        for first in range(0, len(self.body), 2):
            y = F.relu(self.body[first](x, modulations[1 + first]))
            x = x + self.body[first + 1](y, modulations[2 + first])
        x = F.pixel_shuffle(self.tail(x), SCALE)
        scale, shift = modulations[-1][:, :, None, None].chunk(2, dim=1)
        return (x * (1 + scale) + shift + 0.5)[:, :, :height, :width]

    def _splits(self) -> list[int]:
        return [2 * layer.conv.out_channels for layer in (self.head, *self.body)] + [2 * 3]


def build(paintings: int, **config: object) -> Fast:
    return Fast(paintings, FastConfig(**config))
