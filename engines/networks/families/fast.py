"""`fast`: one small network for many styles, on cells of a few pixels.

Source: the residual transform network of Johnson et al. 2016 with the conditional scale and shift
of Dumoulin et al. 2017, between pixel-unshuffles and pixel-shuffles (Shi et al. 2016, sub-pixel
convolution). Most of it works on deep cells of 8 x 8 or 12 x 12 pixels, where a convolution sees
far and costs little; what is fine goes past it on cells half as wide. There is no normalisation:
instance statistics are slow, move with the content and draw rings, and a network that starts as the
identity needs none to learn. Every padding repeats the edge: zeros would tell where the border is,
and the style loss makes a frame of that. So that the last convolutions do not tell it either, they
pad nothing: the features reach a cell beyond the picture. Measured choices: docs/networks.md.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.layers import ByteConv2d, pad_edge
from engines.networks.style_network import CellNetwork, TrainableNetwork

DEPTH = 2  # the deep cells are so many of the fine ones wide
RING = 1  # cells around the picture that are computed too, as what the last convolution sees
# The small steps of the optimiser move the canvas's strengths as fast as the rest of a row.
_CANVAS_GAIN = 2


@dataclass(frozen=True)
class FastConfig:
    """How large the network is."""

    fine_px: int = 4
    """Side of the fine cells; the deep ones are two of them wide."""
    width: int = 48
    """Channels of the fine cells."""
    deep: int = 64
    """Channels of the deep ones."""
    blocks: int = 4
    """Residual blocks of two 3x3 convolutions at the deep cells; one more is at the fine ones."""
    canvas: int = 0
    """Channels of noise that even areas are painted from."""


class StyledConv(nn.Module):
    """Convolution without padding, then ``x * (1 + scale) + shift`` of the style.

    Source: Dumoulin et al. 2017, eq. 5.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = ByteConv2d(inputs, outputs, kernel, stride)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """Convolve ``x``, (N, C, h, w), and apply ``modulation``, (N, 2C), scales first."""
        return _modulate(self.conv(x), modulation)


class Block(nn.Module):
    """Residual block of two convolutions, padded once for both.

    Each padding is a pass over memory.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = StyledConv(width, width), StyledConv(width, width)
        with torch.no_grad():
            self.second.conv.weight.mul_(0.1)

    def forward(self, x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return ``x``, (N, C, h, w), and what the convolutions with their modulations add."""
        added: Tensor = self.second(F.relu(self.first(repeat_edge(x, 2), first)), second)
        return x + added


class Fast(TrainableNetwork):
    """The network that ships.

    ``rows`` (P, 2 * all modulated channels) holds each painting's scales and shifts, one layer
    after the other, and at its end the strengths of the canvas.

    It begins by giving the picture back: head and tail pass it on (Dirac filters), what lies
    between hardly speaks. From noise, the first thing that the losses find is grey, and the way out
    of it is long; a picture, on the other hand, is near a painting of it, and it has no sub-pixel
    grid that would have to be unlearned.
    """

    def __init__(self, paintings: int, config: FastConfig) -> None:
        super().__init__()
        self.config = config
        self.cell_px, self.fine_px = DEPTH * config.fine_px, config.fine_px
        self.canvas_channels = config.canvas
        self.reach_px = _reach_px(config)
        width, deep, values = config.width, config.deep, 3 * config.fine_px**2
        self.head = StyledConv(values, width)
        self.down = StyledConv(width, deep, kernel=3 * DEPTH, stride=DEPTH)
        self.body = nn.ModuleList(Block(deep) for _ in range(config.blocks))
        # Without biases: they could only tell the sub-pixels of a cell apart; the style shifts
        # after the shuffle.
        self.up = ByteConv2d(deep, width * DEPTH**2, 3, bias=False)
        self.detail = Block(width)
        self.tail = ByteConv2d(width, values, 3, bias=False)
        self._modulated = [width, deep, *[deep] * (2 * config.blocks), width, width, width, 3]
        self._strengths = (config.blocks + 1) * deep * config.canvas
        self.row_length = 2 * sum(self._modulated) + self._strengths
        self.tint_at = 2 * sum(self._modulated[:-1])
        self.rows = nn.Parameter(torch.zeros(paintings, self.row_length))
        nn.init.dirac_(self.head.conv.weight)
        nn.init.dirac_(self.tail.weight)
        with torch.no_grad():
            self.up.weight.mul_(0.1)

    def forward(
        self,
        image: Tensor,
        mix: Tensor,
        canvas: Tensor | None = None,
        row: Tensor | None = None,
    ) -> Tensor:
        """Paint ``image`` in ``mix``.

        canvas: (N, C, H / cell_px + 1, W / cell_px + 1) noise at the deep cells, H and W rounded up
        to whole ones; the first cell reaches half beyond the picture. Absent: as zeros.
        """
        height, width = image.shape[-2], image.shape[-1]
        cells = F.pixel_unshuffle(pad_edge(image, self.cell_px), self.fine_px)
        mixed = self.mixed_row(mix, row)
        painted = self.paint(self.features(cells, mixed, canvas), mixed)
        return F.pixel_shuffle(painted, self.fine_px)[:, :, :height, :width]

    def paint_traced(
        self, image: Tensor, mix: Tensor, canvas: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Paint as ``forward``; the features are (N, width, H / fine_px, W / fine_px)."""
        row = self.mixed_row(mix)
        features = self.features(F.pixel_unshuffle(image, self.fine_px), row, canvas)
        painted = F.pixel_shuffle(self.paint(features, row), self.fine_px)
        return painted, features[:, :, RING:-RING, RING:-RING]

    def in_cells(self) -> FastInRows:
        """Return a copy for pictures as bytes lie."""
        return FastInRows(self)

    def mixed_row(self, mix: Tensor, row: Tensor | None = None) -> Tensor:
        """Return the row that ``mix`` is, (N, R).

        row: (N, R), that of the last weight of ``mix``; absent: all weights are of paintings.
        """
        if row is None:
            return mix @ self.rows
        return mix[:, :-1] @ self.rows + mix[:, -1:] * row

    def features(self, cells: Tensor, row: Tensor, canvas: Tensor | None = None) -> Tensor:
        """Return the features of the cells and of ``RING`` around them, (N, width, h + 2, w + 2).

        cells: (N, 3 * fine_px^2, h, w) RGB 0..1, pixel-unshuffled, h and w even. row: (N, R).
        canvas: (N, C, h / 2 + 1, w / 2 + 1), as ``forward`` takes it.
        """
        # Around zero: with features of one sign, every step of the optimiser would change the
        # brightness of all first.
        return self.features_of(repeat_edge(cells - 0.5, RING + 1), row, canvas)

    def features_of(self, margined: Tensor, row: Tensor, canvas: Tensor | None = None) -> Tensor:
        """Return the ``features`` of cells around zero with their margin.

        margined: (N, 3 * fine_px^2, h + 4, w + 4), the edge repeated ``RING`` + 1 times. canvas: as
        ``features`` takes it.
        """
        head, down, *body, up, first, second, _ = self._split_modulations(row)
        fine = self.head(margined, head)
        x = self.down(repeat_edge(fine, DEPTH), down)
        noise = None if canvas is None else self._noise(canvas, row)
        if noise is not None:
            x = x + noise[:, 0]
        for i, block in enumerate(self.body):
            x = block(x, body[2 * i], body[2 * i + 1])
            if noise is not None:
                x = x + noise[:, i + 1]
        fine = fine + _modulate(F.pixel_shuffle(self.up(repeat_edge(x, 1)), DEPTH), up)
        features: Tensor = self.detail(fine, first, second)
        return features

    def paint(self, features: Tensor, row: Tensor) -> Tensor:
        """Return the picture of what ``features`` gave, in cells like its input; not clamped."""
        tint = self.tint(row).repeat_interleave(self.fine_px**2, dim=1)
        return _modulate(self.tail(features), tint) + 0.5

    def tint(self, row: Tensor) -> Tensor:
        """Return what the picture's colours are multiplied by, less 1, and shifted by: (N, 6)."""
        return self._split_modulations(row)[-1]

    def _noise(self, canvas: Tensor, row: Tensor) -> Tensor:
        """Return what is added after the way down and after each block.

        Karras et al. 2019, section 3.2. (N, blocks + 1, deep, h, w).
        """
        strengths = _CANVAS_GAIN * row[:, row.shape[1] - self._strengths :]
        places, deep = self.config.blocks + 1, self.config.deep
        strengths = strengths.reshape(-1, places, deep, self.config.canvas, 1).to(canvas.dtype)
        # Plane by plane: Turing GPUs have no product of fp32 matrices (TensorRT for RTX).
        planes = canvas[:, :, None, None]
        noise = strengths[:, :, :, 0, :, None] * planes[:, 0]
        for channel in range(1, self.config.canvas):
            noise = noise + strengths[:, :, :, channel, :, None] * planes[:, channel]
        return noise

    def _split_modulations(self, row: Tensor) -> list[Tensor]:
        sizes = [2 * channels for channels in self._modulated]
        if self._strengths:
            sizes.append(self._strengths)
        return list(torch.split(row, sizes, dim=1))[: len(self._modulated)]


class FastInRows(CellNetwork):
    """`fast` on pictures as bytes lie: channels last, and in a cell row by row.

    So cells are cut out and put back in pieces of four pixels instead of value by value. It gives
    the same numbers in a seventh less time in int8 on OpenVINO.

    It is a copy of ``network`` whose first and last convolutions have the channels of a cell in the
    order of its rows. Channels stay last on the outside, transposed right at the convolutions,
    where runtimes need not move anything for it. The tint is repeated, not concatenated: a Concat
    of floats makes OpenVINO align steps of quantisation throughout the network, wrongly, on
    processors without AMX (2026.4).
    """

    def __init__(self, network: Fast) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.cell_px, self.scale = network.cell_px, network.fine_px
        in_rows = torch.arange(3 * self.scale**2).reshape(3, -1).T.flatten()
        head, tail = self.network.head.conv, self.network.tail
        head.weight.data = head.weight.data[:, in_rows].contiguous(
            memory_format=torch.channels_last
        )
        tail.weight.data = tail.weight.data[in_rows].contiguous(memory_format=torch.channels_last)

    def forward(
        self,
        cells: Tensor,
        mix: Tensor,
        canvas: Tensor | None = None,
        row: Tensor | None = None,
    ) -> Tensor:
        """Paint ``cells``, (N, h, w, 3 * scale^2) RGB in 0..1, h and w even."""
        mixed = self.network.mixed_row(mix, row)
        ring = (RING + 1,) * 4
        margined = F.pad(cells - 0.5, (0, 0, *ring), mode="replicate").permute(0, 3, 1, 2)
        features = self.network.features_of(margined, mixed, canvas)
        scale, shift = (
            part.repeat(1, self.scale**2)[:, None, None]
            for part in self.network.tint(mixed).chunk(2, dim=1)
        )
        painted: Tensor = self.network.tail(features).permute(0, 2, 3, 1)
        return painted * (1 + scale) + shift + 0.5


def _reach_px(config: FastConfig) -> int:
    """Return how far the network sees: added up backwards from the border of a deep cell.

    The ring of fine cells moves the deep ones by half, which takes a fine cell off this; models
    without the ring still lie with users.
    """
    # Tail and detail take 3 fine cells, so they end in the second deep one; then up, and the body.
    deep_cells = 2 + 1 + 2 * config.blocks
    fine_cells = DEPTH * deep_cells + 2 + 1  # down, head
    return -(-fine_cells // DEPTH) * DEPTH * config.fine_px


def _modulate(x: Tensor, modulation: Tensor) -> Tensor:
    scale, shift = modulation[:, :, None, None].chunk(2, dim=1)
    return x * (1 + scale) + shift


def repeat_edge(x: Tensor, cells: int) -> Tensor:
    """Repeat the border of ``x``, (N, C, h, w), ``cells`` times on each side."""
    return F.pad(x, (cells,) * 4, mode="replicate")


def build(paintings: int, **config: int) -> Fast:
    """Build the network for so many paintings; ``config``: the fields of FastConfig."""
    return Fast(paintings, FastConfig(**config))
