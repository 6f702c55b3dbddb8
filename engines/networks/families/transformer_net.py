"""`transformer_net`: the classic per-style network of 1,679,235 parameters.

It has the layout of the widely used checkpoints. Source: Johnson et al. 2016 with instance norm
(Ulyanov et al. 2016) and resize-convolutions (Odena et al. 2016); names and shapes as in the
`fast_neural_style` example of the PyTorch project (BSD-3), so that candy, mosaic, rain_princess,
udnie and their like load as they are. It works on 0..255; ``forward`` takes and gives 0..1 as every
family does.
"""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.checkpoint import Reading
from engines.networks.layers import ConvLayer, ResidualBlock, grow_edge, pad_edge
from engines.networks.style_network import StyleNetwork

_DEPRECATED = re.compile(r"in\d+\.(running_(mean|var)|num_batches_tracked)$")
# Reflection padding by 4 of the 9x9 convolutions and by 1 at a quarter of the size both need room.
_SMALLEST_PX = 32
_CELL_PX = 4  # the deepest convolutions work at a quarter of the size


class TransformerNet(StyleNetwork):
    """The network: one painting, so ``mix`` changes nothing."""

    cell_px = _CELL_PX
    takes_statistics = True

    def __init__(self) -> None:
        super().__init__()
        self.reach_px = _reach_px()
        self.conv1, self.in1 = ConvLayer(3, 32, 9), nn.InstanceNorm2d(32, affine=True)
        self.conv2, self.in2 = ConvLayer(32, 64, 3, stride=2), nn.InstanceNorm2d(64, affine=True)
        self.conv3, self.in3 = ConvLayer(64, 128, 3, stride=2), nn.InstanceNorm2d(128, affine=True)
        self.res1, self.res2, self.res3, self.res4, self.res5 = (
            ResidualBlock(128) for _ in range(5)
        )
        self.deconv1, self.in4 = (
            ConvLayer(128, 64, 3, upsample=2),
            nn.InstanceNorm2d(64, affine=True),
        )
        self.deconv2, self.in5 = (
            ConvLayer(64, 32, 3, upsample=2),
            nn.InstanceNorm2d(32, affine=True),
        )
        self.deconv3 = ConvLayer(32, 3, 9)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``."""
        height, width = image.shape[-2], image.shape[-1]
        x = F.relu(self._run_first(grow_edge(pad_edge(image, _CELL_PX), _SMALLEST_PX)))
        x = F.relu(self.in2(self.conv2(x)))
        x = F.relu(self.in3(self.conv3(x)))
        for block in (self.res1, self.res2, self.res3, self.res4, self.res5):
            x = block(x)
        x = F.relu(self.in4(self.deconv1(x)))
        x = F.relu(self.in5(self.deconv2(x)))
        painted: Tensor = self.deconv3(x)[:, :, :height, :width]
        return painted / 255

    def _run_first(self, image: Tensor) -> Tensor:
        """Return ``in1(conv1(255 * image))``.

        In half precision those sums can overflow, so it is taken as norm(conv1(image)) with bias /
        255 and epsilon / 255**2, which is the same by algebra.
        """
        conv, norm = self.conv1.conv2d, self.in1
        if image.dtype != torch.float16 or conv.bias is None:
            normed: Tensor = norm(self.conv1(image * 255))
            return normed
        x = F.conv2d(
            F.pad(image, (self.conv1.padding,) * 4, mode="reflect"), conv.weight, conv.bias / 255
        )
        return F.instance_norm(x, weight=norm.weight, bias=norm.bias, eps=norm.eps / 255**2)


def _reach_px() -> int:
    """Return how far the network sees: added up backwards from a quarter-size cell."""
    full = 4 + 1  # deconv3, deconv2
    half = -(-full // 2) + 1  # deconv1
    quarter = -(-half // 2) + 10  # five blocks of two
    half = 2 * quarter + 1  # conv3
    full = 2 * half + 1 + 4  # conv2, conv1
    return -(-full // _CELL_PX) * _CELL_PX


def build(paintings: int) -> TransformerNet:
    """Build the network. Raises TypeError for more than one painting."""
    if paintings != 1:
        raise TypeError(f"transformer_net holds one painting, not {paintings}")
    return TransformerNet()


def take_checkpoint(state: dict[str, Tensor]) -> list[Reading]:
    """Read a checkpoint of this layout; none where its names are others."""
    if not {"conv1.conv2d.weight", "deconv3.conv2d.weight", "res5.in2.weight"} <= set(state):
        return []
    return [
        Reading(
            "transformer_net",
            "transformer_net",
            "a fast neural style network, as candy, mosaic, rain_princess and udnie",
            "it has conv1 to deconv3 with conv2d and res1 to res5",
            {},
            checkpoint_to_state_dict(state),
        )
    ]


def checkpoint_to_state_dict(checkpoint: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a published checkpoint as a strict ``load_state_dict`` takes it.

    Deprecated statistics and ``module.`` are dropped.
    """
    return {
        k.removeprefix("module."): v for k, v in checkpoint.items() if not _DEPRECATED.search(k)
    }
