"""Layers and arithmetic of more than one network family; torch only."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# 7 bits, sign included: products of unsigned and signed bytes saturate in 16 bits on CPUs without
# VNNI.
WEIGHT_LEVELS = 63
Network = TypeVar("Network", bound=nn.Module)


class ByteConv2d(nn.Conv2d):
    """A convolution trained for bytes.

    It computes with weights that ``settle_bytes`` leaves as they are. While training, the rounding
    lets the gradient through (straight-through estimator, Bengio et al. 2013, section 4).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x``, (N, C, h, w)."""
        if not self.training:
            return super().forward(x)
        weight = self.weight + (round_to_bytes(self.weight) - self.weight).detach()
        convolved: Tensor = self._conv_forward(x, weight, self.bias)
        return convolved


class ConvLayer(nn.Module):
    """Reflection pad, convolve; with ``upsample``, after nearest-neighbour enlargement."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, upsample: int = 1
    ) -> None:
        super().__init__()
        self.upsample, self.padding = upsample, kernel // 2
        self.conv2d = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x``, (N, C, h, w)."""
        if self.upsample > 1:
            x = F.interpolate(x, scale_factor=self.upsample, mode="nearest")
        convolved: Tensor = self.conv2d(F.pad(x, (self.padding,) * 4, mode="reflect"))
        return convolved


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with instance norm; no activation after the addition."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = ConvLayer(channels, channels, 3), ConvLayer(channels, channels, 3)
        self.in1, self.in2 = (
            nn.InstanceNorm2d(channels, affine=True),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, (N, C, h, w), and what the convolutions add."""
        added: Tensor = self.in2(self.conv2(F.relu(self.in1(self.conv1(x)))))
        return x + added


def round_to_bytes(weight: Tensor) -> Tensor:
    """Put ``weight`` (O, I, h, w) on the steps that its int8 form has, see ``byte_step``."""
    with torch.no_grad():
        step = byte_step(weight)
        return torch.round(weight / step).clamp(-WEIGHT_LEVELS, WEIGHT_LEVELS) * step


def byte_step(weight: Tensor) -> Tensor:
    """Return the step of each output channel's bytes, (O, 1, 1, 1).

    It is 1/63 of the channel's largest magnitude, rounded down to 5 significant bits. So a rounded
    weight has 6 + 5 bits, which float16 holds exactly, and rounding it again changes nothing.
    """
    step = weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12) / WEIGHT_LEVELS
    mantissa, exponent = torch.frexp(step)
    return torch.ldexp(torch.floor(mantissa * 32) / 32, exponent)


def settle_bytes(network: Network) -> Network:
    """Put the weights of ``network`` on the steps that they have in files, and return it.

    Those of every ``ByteConv2d`` on the steps of its int8 form, the paintings' rows on those of
    float16.
    """
    for module in network.modules():
        if isinstance(module, ByteConv2d):
            module.weight.data = round_to_bytes(module.weight)
    for name, parameter in network.named_parameters():
        if name == "rows":
            parameter.data = parameter.half().float()
    return network


def pad_edge(image: Tensor, multiple: int, channels_last: bool = False) -> Tensor:
    """Repeat the last row and column of ``image`` until both sides divide by ``multiple``.

    image: (N, C, H, W), or with ``channels_last`` (N, H, W, C). Edge, not reflection: reflection
    fails on pictures smaller than the padding.
    """
    sides = image.shape[1:3] if channels_last else image.shape[-2:]
    below, right = ((multiple - side % multiple) % multiple for side in sides)
    return F.pad(image, (*((0, 0) if channels_last else ()), 0, right, 0, below), mode="replicate")


def grow_edge(image: Tensor, smallest_px: int) -> Tensor:
    """Repeat the last row and column of ``image``, (N, C, H, W), up to ``smallest_px``.

    By clamping, so that an exported graph does it for any size.
    """
    rows, columns = (
        _grown_places(image.shape[axis], smallest_px, image.device) for axis in (-2, -1)
    )
    return image.index_select(2, rows).index_select(3, columns)


def _grown_places(side: Any, smallest_px: int, device: torch.device) -> Tensor:
    """Return which rows to take; ``side`` is a number, and while exporting a tensor."""
    is_traced = isinstance(side, Tensor)
    wanted: Any = side.clamp(min=smallest_px) if is_traced else max(side, smallest_px)
    return torch.arange(wanted, device=device).clamp(max=side - 1)


def parameter_count(network: nn.Module) -> int:
    """Return the number of scalars in the network's parameters."""
    return sum(p.numel() for p in network.parameters())


def to_cells(picture: Tensor, scale: int) -> Tensor:
    """Cut ``picture``, (N, H, W, C) with sides divisible by ``scale``, into cells.

    Returns (N, H / scale, W / scale, scale * scale * C), the channels row by row: whole rows of a
    cell are moved.
    """
    n, h, w, c = picture.shape
    rows = picture.reshape(n, h // scale, scale, w // scale, scale * c).permute(0, 1, 3, 2, 4)
    return rows.reshape(n, h // scale, w // scale, scale * scale * c)


def from_cells(cells: Tensor, scale: int) -> Tensor:
    """Put the cells of ``to_cells`` together again."""
    n, h, w, c = cells.shape
    rows = cells.reshape(n, h, w, scale, c // scale).permute(0, 1, 3, 2, 4)
    return rows.reshape(n, h * scale, w * scale, c // scale**2)
