"""`fast`: one small network for many styles, at a quarter and an eighth of the resolution.

Source: the residual transform network of Johnson et al. 2016 with the conditional scale and shift of Dumoulin et al.
2017, between pixel-unshuffles and pixel-shuffles (Shi et al. 2016, sub-pixel convolution). Most of it works on cells of
8 x 8 pixels, where a convolution sees far and costs little; what is fine goes past it on cells of 4 x 4. There is no
normalisation: instance statistics are slow, move with the content and draw rings, and a network that starts as the
identity needs none to learn. Every padding repeats the edge: zeros would tell where the border is, and the style loss
makes a frame of that. So that the last convolutions do not tell it either, they pad nothing: the features reach a cell
beyond the picture. Measured choices: docs/networks.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.layers import ByteConv2d, pad_edge

SCALE = 4
DEPTH = 2  # the deep cells are so many of the fine ones wide
RING = 1  # cells around the picture that are computed too, as what the last convolution sees
CELL_PX = SCALE * DEPTH
_IN = 3 * SCALE * SCALE
_CANVAS_GAIN = 2  # so that the small steps of the optimiser move the canvas's strengths as fast as the rest of a row


@dataclass(frozen=True)
class FastConfig:
    """width: channels at a quarter of the resolution; deep: at an eighth. blocks: residual blocks of two 3x3 convolutions at
    an eighth; there is one more at a quarter. canvas: channels of noise that even areas are painted from."""

    width: int = 48
    deep: int = 64
    blocks: int = 4
    canvas: int = 0


class StyledConv(nn.Module):
    """Convolution without padding, then ``x * (1 + scale) + shift`` of the style (Dumoulin et al. 2017, eq. 5)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = ByteConv2d(inputs, outputs, kernel, stride)
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """x: (N, C, h, w). modulation: (N, 2C), scales first."""
        return _styled(self.conv(x), modulation)


class Block(nn.Module):
    """Residual block of two convolutions, padded once for both: each padding is a pass over memory."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = StyledConv(width, width), StyledConv(width, width)
        with torch.no_grad():
            self.second.conv.weight.mul_(0.1)

    def forward(self, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """x: (N, C, h, w). first, second: the convolutions' modulations."""
        return x + self.second(F.relu(self.first(repeat_edge(x, 2), first)), second)


class Fast(nn.Module):
    """The network. ``rows`` (P, 2 * all modulated channels) holds each painting's scales and shifts, one layer after the other.

    It begins by giving the picture back: head and tail pass it on (Dirac filters), what lies between hardly speaks. From
    noise, the first thing that the losses find is grey, and the way out of it is long; a picture, on the other hand, is
    near a painting of it, and it has no sub-pixel grid that would have to be unlearned.
    """

    def __init__(self, paintings: int, config: FastConfig) -> None:
        super().__init__()
        self.config = config
        width, deep = config.width, config.deep
        self.head = StyledConv(_IN, width)
        self.down = StyledConv(width, deep, kernel=3 * DEPTH, stride=DEPTH)
        self.body = nn.ModuleList(Block(deep) for _ in range(config.blocks))
        # Without biases: they could only tell the sub-pixels of a cell apart; the style shifts after the shuffle.
        self.up = ByteConv2d(deep, width * DEPTH**2, 3, bias=False)
        self.detail = Block(width)
        self.tail = ByteConv2d(width, _IN, 3, bias=False)
        self._modulated = [width, deep, *[deep] * (2 * config.blocks), width, width, width, 3]
        self._strengths = (config.blocks + 1) * deep * config.canvas
        self.rows = nn.Parameter(torch.zeros(paintings, 2 * sum(self._modulated) + self._strengths))
        nn.init.dirac_(self.head.conv.weight)
        nn.init.dirac_(self.tail.weight)
        with torch.no_grad():
            self.up.weight.mul_(0.1)

    def forward(self, image: Tensor, mix: Tensor, canvas: Tensor | None = None) -> Tensor:
        height, width = image.shape[-2], image.shape[-1]
        cells = F.pixel_unshuffle(pad_edge(image, CELL_PX), SCALE)
        return F.pixel_shuffle(self.paint(self.features(cells, mix, canvas), mix), SCALE)[:, :, :height, :width]

    def features(self, cells: Tensor, mix: Tensor, canvas: Tensor | None = None) -> Tensor:
        """cells: (N, 48, h, w) RGB 0..1, pixel-unshuffled by 4, h and w even. mix: (N, P). Returns (N, width, h + 2, w + 2): of
        the cells and of ``RING`` around them."""
        # Around zero: with features of one sign, every step of the optimiser would change the brightness of all first.
        return self.features_of(repeat_edge(cells - 0.5, RING + 1), mix, canvas)

    def features_of(self, margined: Tensor, mix: Tensor, canvas: Tensor | None = None) -> Tensor:
        """``features`` of cells around zero with their edge repeated ``RING`` + 1 times: (N, 48, h + 4, w + 4).

        canvas: (N, C, h / 2 + 1, w / 2 + 1) noise at the deep cells, of which the first reaches half beyond the picture."""
        head, down, *body, up, first, second, _ = self._modulations(mix)
        fine = self.head(margined, head)
        x = self.down(repeat_edge(fine, DEPTH), down)
        noise = None if canvas is None else self._noise(canvas, mix)
        if noise is not None:
            x = x + noise[:, 0]
        for i, block in enumerate(self.body):
            x = block(x, body[2 * i], body[2 * i + 1])
            if noise is not None:
                x = x + noise[:, i + 1]
        fine = fine + _styled(F.pixel_shuffle(self.up(repeat_edge(x, 1)), DEPTH), up)
        return self.detail(fine, first, second)

    def paint(self, features: Tensor, mix: Tensor) -> Tensor:
        """The picture of what ``features`` returned, in cells like its input; not clamped."""
        tint = self.tint(mix).repeat_interleave(SCALE**2, dim=1)
        return _styled(self.tail(features), tint) + 0.5

    def tint(self, mix: Tensor) -> Tensor:
        """(N, 6): what the picture's red, green and blue are multiplied by, less 1, and shifted by."""
        return self._modulations(mix)[-1]

    def _noise(self, canvas: Tensor, mix: Tensor) -> Tensor:
        """(N, blocks + 1, deep, h, w): what is added after the way down and after each block (Karras et al. 2019, section 3.2)."""
        strengths = _CANVAS_GAIN * (mix @ self.rows[:, -self._strengths :])
        strengths = strengths.view(len(mix), self.config.blocks + 1, self.config.deep, self.config.canvas)
        return torch.einsum("nbdc,nchw->nbdhw", strengths.to(canvas.dtype), canvas)

    def _modulations(self, mix: Tensor) -> list[Tensor]:
        modulations = (mix @ self.rows)[:, : 2 * sum(self._modulated)]
        return list(modulations.split([2 * channels for channels in self._modulated], dim=1))


def _styled(x: Tensor, modulation: Tensor) -> Tensor:
    scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
    return x * (1 + scale) + shift


def repeat_edge(x: Tensor, cells: int) -> Tensor:
    return F.pad(x, (cells,) * 4, mode="replicate")


def build(paintings: int, **config: object) -> Fast:
    return Fast(paintings, FastConfig(**config))
