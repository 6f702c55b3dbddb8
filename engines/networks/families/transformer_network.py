"""`transformer_network`: the per-style network of rrmina's fast-neural-style-pytorch.

Source: Johnson et al. 2016 with its supplementary material: instance norm, transposed convolutions;
names as in that code (`ConvBlock`, `ResidualBlock`, `DeconvBlock`). Its residual blocks are plain,
or narrowed as in ResNeXt, which the weights tell. It works on 0..255 in the order B, G, R.
"""

from __future__ import annotations

import re

import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.checkpoint import Reading, drop_statistics
from engines.networks.layers import grow_edge, pad_edge
from engines.networks.style_network import StyleNetwork

_CELL_PX = 4
_SMALLEST_PX = 32


class Conv(nn.Module):
    """Mirror the border, convolve, normalise."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, norm: bool = True
    ) -> None:
        super().__init__()
        self.padding = kernel // 2
        self.conv_layer = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm_layer = nn.InstanceNorm2d(outputs, affine=True) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x``, (N, C, h, w)."""
        convolved: Tensor = self.conv_layer(F.pad(x, (self.padding,) * 4, mode="reflect"))
        normed: Tensor = self.norm_layer(convolved)
        return normed


class Enlarge(nn.Module):
    """A transposed convolution to twice the size, and norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_transpose = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)
        self.norm_layer = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge ``x``, (N, C, h, w)."""
        enlarged: Tensor = self.norm_layer(self.conv_transpose(x))
        return enlarged


class Block(nn.Module):
    """Convolutions with norm and ReLU between them, added to what came in."""

    def __init__(self, channels: int, inner: int | None) -> None:
        """inner: the channels that a narrowed block works on, None for a plain one."""
        super().__init__()
        if inner is None:
            convs = [Conv(channels, channels, 3) for _ in range(2)]
        else:
            convs = [Conv(channels, inner, 1), Conv(inner, inner, 3), Conv(inner, channels, 1)]
        self.names = [f"conv{i}" for i in range(1, len(convs) + 1)]
        for name, conv in zip(self.names, convs, strict=True):
            self.add_module(name, conv)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, (N, C, h, w), and what the convolutions add."""
        first, *others = self.names
        y: Tensor = getattr(self, first)(x)
        for name in others:
            y = getattr(self, name)(F.relu(y))
        return x + y


class TransformerNetwork(StyleNetwork):
    """The network: one painting, so ``mix`` changes nothing."""

    cell_px = _CELL_PX
    takes_statistics = True

    def __init__(self, width: int, blocks: int, inner: int | None) -> None:
        super().__init__()
        deep = 4 * width
        self.ConvBlock = nn.Sequential(
            *(Conv(3, width, 9), nn.ReLU(), Conv(width, 2 * width, 3, 2), nn.ReLU()),
            *(Conv(2 * width, deep, 3, 2), nn.ReLU()),
        )
        self.ResidualBlock = nn.Sequential(*(Block(deep, inner) for _ in range(blocks)))
        self.DeconvBlock = nn.Sequential(
            *(Enlarge(deep, 2 * width), nn.ReLU(), Enlarge(2 * width, width), nn.ReLU()),
            Conv(width, 3, 9, norm=False),
        )

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``."""
        height, width = image.shape[-2], image.shape[-1]
        x = grow_edge(pad_edge(image, _CELL_PX), _SMALLEST_PX).flip(1) * 255
        painted: Tensor = self.DeconvBlock(self.ResidualBlock(self.ConvBlock(x)))
        return painted[:, :, :height, :width].flip(1) / 255


def build(
    paintings: int, width: int = 32, blocks: int = 5, inner: int | None = None
) -> TransformerNetwork:
    """Build the network. Raises TypeError for more than one painting."""
    if paintings != 1:
        raise TypeError(f"transformer_network holds one painting, not {paintings}")
    return TransformerNetwork(width, blocks, inner)


def take_checkpoint(state: dict[str, Tensor]) -> list[Reading]:
    """Read a checkpoint of this layout; none where its names are others."""
    first = state.get("ConvBlock.0.conv_layer.weight")
    if first is None or "DeconvBlock.4.conv_layer.weight" not in state:
        return []
    blocks = len({m[1] for name in state if (m := re.match(r"ResidualBlock\.(\d+)\.", name))})
    narrowed = "ResidualBlock.0.conv3.conv_layer.weight" in state
    inner = state["ResidualBlock.0.conv1.conv_layer.weight"].shape[0] if narrowed else None
    kind = f"narrowed to {inner} channels" if narrowed else "plain"
    return [
        Reading(
            "transformer_network",
            "transformer_network",
            f"a fast-neural-style network as rrmina's, of {blocks} blocks, {kind}",
            "it has ConvBlock, ResidualBlock and DeconvBlock",
            {"width": first.shape[0], "blocks": blocks, "inner": inner},
            drop_statistics(state),
        )
    ]
