"""`reconet`: the network of ReCoNet, in its three widths.

Source: Gao et al. 2018, section 4.1; names as in the author's test code (MIT). It is
`transformer_net` with other names and a bounded end, tanh(x / 255) * 150 + 127.5, and works on
0..255.
"""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.checkpoint import Reading, drop_statistics
from engines.networks.layers import ConvLayer, ResidualBlock, grow_edge, pad_edge
from engines.networks.style_network import StyleNetwork

_CELL_PX = 4
_SMALLEST_PX = 32


class NormedConv(ConvLayer):
    """A convolution with instance norm and ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, upsample: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, upsample)
        self.instance = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x``, (N, C, h, w)."""
        return F.relu(self.instance(super().forward(x)))


class ReCoNet(StyleNetwork):
    """The network: one painting, so ``mix`` changes nothing."""

    cell_px = _CELL_PX
    takes_statistics = True

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.blocks = blocks
        self.style_conv1 = NormedConv(3, width, 9)
        self.style_conv2 = NormedConv(width, 2 * width, 3, stride=2)
        self.style_conv3 = NormedConv(2 * width, 4 * width, 3, stride=2)
        for i in range(1, blocks + 1):
            setattr(self, f"style_res{i}", ResidualBlock(4 * width))
        self.style_deconv1 = NormedConv(4 * width, 2 * width, 3, upsample=2)
        self.style_deconv2 = NormedConv(2 * width, width, 3, upsample=2)
        self.style_deconv3 = ConvLayer(width, 3, 9)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``."""
        height, width = image.shape[-2], image.shape[-1]
        x = grow_edge(pad_edge(image, _CELL_PX), _SMALLEST_PX) * 255
        x = self.style_conv3(self.style_conv2(self.style_conv1(x)))
        for i in range(1, self.blocks + 1):
            x = getattr(self, f"style_res{i}")(x)
        x = self.style_deconv3(self.style_deconv2(self.style_deconv1(x)))
        painted = (torch.tanh(x / 255) * 150 + 127.5)[:, :, :height, :width]
        return painted / 255


def build(paintings: int, width: int = 32, blocks: int = 5) -> ReCoNet:
    """Build the network. Raises TypeError for more than one painting."""
    if paintings != 1:
        raise TypeError(f"reconet holds one painting, not {paintings}")
    return ReCoNet(width, blocks)


def take_checkpoint(state: dict[str, Tensor]) -> list[Reading]:
    """Read a checkpoint of this layout; none where its names are others."""
    first = state.get("style_conv1.conv2d.weight")
    if first is None or "style_deconv3.conv2d.weight" not in state:
        return []
    blocks = len({m[1] for name in state if (m := re.match(r"style_res(\d+)\.", name))})
    return [
        Reading(
            "reconet",
            "reconet",
            f"a ReCoNet of {first.shape[0]} channels and {blocks} blocks",
            "it has style_conv1 to style_deconv3",
            {"width": first.shape[0], "blocks": blocks},
            drop_statistics(state),
        )
    ]
