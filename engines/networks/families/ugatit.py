"""`ugatit`: the translator of U-GAT-IT, light or whole.

Source: Kim et al. 2020, section 2 and appendix (attention by class activation, AdaLIN); names as in
the authors' PyTorch code (MIT). Two conventions of the variance were published, and the weights do
not tell which they were trained with: `plain`, over the picture, and the first one, `nested`, the
variance along columns of the variances along rows. The whole network has a layer of one size of
picture: every picture is brought to it and back. It works on -1..1.
"""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import Parameter

from engines.networks.checkpoint import Reading
from engines.networks.layers import grow_edge, pad_edge
from engines.networks.style_network import StyleNetwork

_CELL_PX = 4
_SMALLEST_PX = 32
_EPSILON = 1e-5
_OURS = ("DownBlock.1.weight", "gap_fc.weight", "gmp_fc.weight", "conv1x1.weight", "FC.0.weight")


class LayerInstanceNorm(nn.Module):
    """Instance and layer norm, mixed by a learnt share for each channel (equation 1)."""

    def __init__(self, channels: int, variance: str, has_scale: bool) -> None:
        super().__init__()
        self.variance = variance
        self.rho = Parameter(torch.zeros(1, channels, 1, 1))
        if has_scale:
            self.gamma = Parameter(torch.ones(1, channels, 1, 1))
            self.beta = Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None) -> Tensor:
        """Normalise ``x``, (N, C, h, w); gamma, beta: (N, C, 1, 1), absent: the layer's own."""
        instance = self._normalise(x, (2, 3))
        layer = self._normalise(x, (1, 2, 3))
        mixed = self.rho * instance + (1 - self.rho) * layer
        scale = self.gamma if gamma is None else gamma
        shift = self.beta if beta is None else beta
        return mixed * scale + shift

    def _normalise(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        variance = x
        if self.variance == "nested":
            for axis in axes:
                variance = variance.var(axis, keepdim=True)
        else:
            variance = x.var(axes, keepdim=True)
        return (x - x.mean(axes, keepdim=True)) / torch.sqrt(variance + _EPSILON)


class Block(nn.Module):
    """Two 3x3 convolutions with instance norm, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False)),
            *(nn.InstanceNorm2d(channels), nn.ReLU()),
            *(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=False)),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, (N, C, h, w), and what the convolutions add."""
        added: Tensor = self.conv_block(x)
        return x + added


class AdaptiveBlock(nn.Module):
    """The same with norms that are told their scale and shift."""

    def __init__(self, channels: int, variance: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm1 = LayerInstanceNorm(channels, variance, has_scale=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm2 = LayerInstanceNorm(channels, variance, has_scale=False)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        """Return ``x``, (N, C, h, w), and what the convolutions add."""
        y = F.relu(self.norm1(self.conv1(_mirror(x, 1)), gamma, beta))
        added: Tensor = self.norm2(self.conv2(_mirror(y, 1)), gamma, beta)
        return x + added


class UGatIt(StyleNetwork):
    """The network: one translation, so ``mix`` changes nothing."""

    cell_px = _CELL_PX
    takes_statistics = True

    def __init__(self, width: int, blocks: int, size_px: int | None, variance: str) -> None:
        """size_px: the side of the pictures of the whole network, None for light."""
        super().__init__()
        self.size_px, self.blocks = size_px, blocks
        deep = 4 * width
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in (
            *((3, width, 7, 1), (width, 2 * width, 3, 2)),
            (2 * width, deep, 3, 2),
        ):
            layers += [nn.ReflectionPad2d(kernel // 2)]
            layers += [nn.Conv2d(inputs, outputs, kernel, stride, bias=False)]
            layers += [nn.InstanceNorm2d(outputs), nn.ReLU()]
        self.DownBlock = nn.Sequential(*layers, *(Block(deep) for _ in range(blocks)))
        self.gap_fc, self.gmp_fc = nn.Linear(deep, 1, bias=False), nn.Linear(deep, 1, bias=False)
        self.conv1x1 = nn.Conv2d(2 * deep, deep, 1)
        first = deep if size_px is None else deep * (size_px // 4) ** 2
        self.FC = nn.Sequential(
            *(nn.Linear(first, deep, bias=False), nn.ReLU()),
            *(nn.Linear(deep, deep, bias=False), nn.ReLU()),
        )
        self.gamma, self.beta = (nn.Linear(deep, deep, bias=False) for _ in range(2))
        for i in range(1, blocks + 1):
            setattr(self, f"UpBlock1_{i}", AdaptiveBlock(deep, variance))
        layers = []
        for channels in (deep, deep // 2):
            layers += [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1)]
            layers += [nn.Conv2d(channels, channels // 2, 3, bias=False)]
            layers += [LayerInstanceNorm(channels // 2, variance, has_scale=True), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7, bias=False), nn.Tanh()]
        self.UpBlock2 = nn.Sequential(*layers)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``."""
        height, width = image.shape[-2], image.shape[-1]
        if self.size_px:
            small = F.interpolate(image, (self.size_px,) * 2, mode="bilinear")
            return F.interpolate(self._paint(small), (height, width), mode="bilinear")
        return self._paint(grow_edge(pad_edge(image, _CELL_PX), _SMALLEST_PX))[
            :, :, :height, :width
        ]

    def trace(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Paint ``image``, of this network's own size, and tell what it attends to.

        Returns the picture; the logits (N, 2) of its class activation, by mean and by maximum; and
        the heat map (N, 1, H / 4, W / 4).
        """
        x = self.DownBlock(image * 2 - 1)
        logits = torch.cat([self.gap_fc(x.mean((2, 3))), self.gmp_fc(x.amax((2, 3)))], 1)
        attended = self._attend(x)
        return self._redraw(attended), logits, attended.sum(1, keepdim=True)

    def code(self, image: Tensor) -> Tensor:
        """Return the numbers (N, C) that scale and shift of the adaptive norms are made of."""
        return self._code(self._attend(self.DownBlock(image * 2 - 1)))

    def _paint(self, image: Tensor) -> Tensor:
        return self._redraw(self._attend(self.DownBlock(image * 2 - 1)))

    def _attend(self, x: Tensor) -> Tensor:
        attended = [x * fc.weight[:, :, None, None] for fc in (self.gap_fc, self.gmp_fc)]
        return F.relu(self.conv1x1(torch.cat(attended, 1)))

    def _code(self, x: Tensor) -> Tensor:
        code: Tensor = self.FC(x.mean((2, 3)) if self.size_px is None else x.flatten(1))
        return code

    def _redraw(self, x: Tensor) -> Tensor:
        code = self._code(x)
        gamma, beta = (fc(code)[:, :, None, None] for fc in (self.gamma, self.beta))
        for i in range(1, self.blocks + 1):
            x = getattr(self, f"UpBlock1_{i}")(x, gamma, beta)
        painted: Tensor = self.UpBlock2(x)
        return painted * 0.5 + 0.5


def _mirror(x: Tensor, cells: int) -> Tensor:
    return F.pad(x, (cells,) * 4, mode="reflect")


def build(
    paintings: int,
    width: int = 64,
    blocks: int = 4,
    size_px: int | None = None,
    variance: str = "plain",
) -> UGatIt:
    """Build the network. Raises TypeError for more than one painting."""
    if paintings != 1:
        raise TypeError(f"ugatit holds one painting, not {paintings}")
    return UGatIt(width, blocks, size_px, variance)


def take_checkpoint(state: dict[str, Tensor]) -> list[Reading]:
    """Read a checkpoint of this layout, once for each convention of the variance."""
    if not set(_OURS) <= set(state):
        return []
    width = state["DownBlock.1.weight"].shape[0]
    blocks = len({m[1] for name in state if (m := re.match(r"UpBlock1_(\d+)\.", name))})
    deep, first = state["FC.0.weight"].shape
    size_px = None if first == deep else 4 * round((first / deep) ** 0.5)
    kind = "light" if size_px is None else f"whole, of {size_px} px"
    return [
        Reading(
            "ugatit" if variance == "plain" else "ugatit_nested",
            "ugatit",
            f"a U-GAT-IT generator ({kind}, {blocks} blocks, {variance} variance)",
            "it has DownBlock, gap_fc, gmp_fc, FC and UpBlock1_N",
            {"width": width, "blocks": blocks, "size_px": size_px, "variance": variance},
            state,
        )
        for variance in ("plain", "nested")
    ]
