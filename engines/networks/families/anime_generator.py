"""`anime_generator`: the generator of AnimeGAN v2, in its PyTorch form.

Source: Chen, Liu, Chen 2020 (AnimeGAN), with depthwise blocks as in MobileNetV2; names as in the
widely used PyTorch port, whose weights come from the authors'. Its norm takes statistics of all
channels of the whole picture. It works on -1..1.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.checkpoint import Reading
from engines.networks.layers import grow_edge, pad_edge
from engines.networks.style_network import StyleNetwork

_CELL_PX = 4
_SMALLEST_PX = 32
_SLOPE = 0.2


def _conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Return a mirrored border, a convolution, a norm of the whole picture, LeakyReLU."""
    # With a stride, the border is on the far sides alone.
    border = (0, 1, 0, 1) if stride == 2 else (kernel // 2,) * 4
    return nn.Sequential(
        nn.ReflectionPad2d(border),
        nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=groups > 1),
        nn.GroupNorm(1, outputs),
        nn.LeakyReLU(_SLOPE),
    )


class InvertedBlock(nn.Module):
    """Widen, convolve each channel alone, narrow; added to what came in where that fits."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        wide = 2 * inputs
        self.is_residual = inputs == outputs
        self.layers = nn.Sequential(
            _conv(inputs, wide, kernel=1),
            _conv(wide, wide, groups=wide),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.GroupNorm(1, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Run on ``x``, (N, C, h, w)."""
        y: Tensor = self.layers(x)
        return x + y if self.is_residual else y


class AnimeGenerator(StyleNetwork):
    """The network: one style, so ``mix`` changes nothing."""

    cell_px = _CELL_PX
    takes_statistics = True

    def __init__(self) -> None:
        super().__init__()
        self.block_a = nn.Sequential(_conv(3, 32, 7), _conv(32, 64, stride=2), _conv(64, 64))
        self.block_b = nn.Sequential(_conv(64, 128, stride=2), _conv(128, 128))
        self.block_c = nn.Sequential(
            _conv(128, 128),
            InvertedBlock(128, 256),
            *(InvertedBlock(256, 256) for _ in range(3)),
            _conv(256, 128),
        )
        self.block_d = nn.Sequential(_conv(128, 128), _conv(128, 128))
        self.block_e = nn.Sequential(_conv(128, 64), _conv(64, 64), _conv(64, 32, 7))
        self.out_layer = nn.Sequential(nn.Conv2d(32, 3, 1, bias=False), nn.Tanh())

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``."""
        height, width = image.shape[-2], image.shape[-1]
        grown = grow_edge(pad_edge(image, _CELL_PX), _SMALLEST_PX)
        half = self.block_a(grown * 2 - 1)
        x = self.block_c(self.block_b(half))
        x = self.block_d(_enlarge(x, half))
        x = self.block_e(_enlarge(x, grown))
        painted: Tensor = self.out_layer(x)[:, :, :height, :width]
        return painted * 0.5 + 0.5


def _enlarge(x: Tensor, like: Tensor) -> Tensor:
    size = (like.shape[-2], like.shape[-1])
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


def build(paintings: int) -> AnimeGenerator:
    """Build the network. Raises TypeError for more than one painting."""
    if paintings != 1:
        raise TypeError(f"anime_generator holds one painting, not {paintings}")
    return AnimeGenerator()


def take_checkpoint(state: dict[str, Tensor]) -> list[Reading]:
    """Read a checkpoint of this layout; none where its names are others."""
    if not {"block_a.0.1.weight", "block_c.1.layers.0.1.weight", "out_layer.0.weight"} <= set(
        state
    ):
        return []
    return [
        Reading(
            "anime_generator",
            "anime_generator",
            "an AnimeGAN v2 generator",
            "it has block_a to block_e and out_layer",
            {},
            state,
            "the authors of AnimeGAN allow non-commercial use only",
        )
    ]
