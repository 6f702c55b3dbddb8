"""`resnet_generator`: the translator of CycleGAN, and of pix2pix with a ResNet.

Source: Zhu et al. 2017, appendix 7.2, after Johnson et al. 2016. Places of the layers as in the
authors' `networks.py` (BSD): one Sequential `model`. Of the same shape are files whose blocks are
called `block`, that had dropout in their blocks, whose norms are affine or of batches, and that
enlarge by repetition instead of transposed convolutions. It works on -1..1.
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, nn

from engines.networks.checkpoint import Reading, drop_statistics
from engines.networks.layers import grow_edge, pad_edge
from engines.networks.style_network import StyleNetwork

_CELL_PX = 4  # the blocks work at a quarter of the size
_SMALLEST_PX = 32
_FIRST_BLOCK = 10
_KEY = re.compile(
    r"(?:model|net|main)\.(\d+)(?:\.(?:conv_block|block)\.(\d+))?\."
    r"(weight|bias|running_mean|running_var|num_batches_tracked)"
)


class Block(nn.Module):
    """Two 3x3 convolutions between mirrored borders, added to what came in."""

    def __init__(self, channels: int, norm: str, bias: bool) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            _norm(norm, channels),
            nn.ReLU(),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3, bias=bias),
            _norm(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``, (N, C, h, w), and what the convolutions add."""
        added: Tensor = self.conv_block(x)
        return x + added


class ResnetGenerator(StyleNetwork):
    """The network: one translation, so ``mix`` changes nothing."""

    cell_px = _CELL_PX
    takes_statistics = True

    def __init__(self, width: int, blocks: int, norm: str, bias: bool, upsample: str) -> None:
        """norm: instance, affine or batch. upsample: transposed or nearest."""
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7, bias=bias)]
        layers += [_norm(norm, width), nn.ReLU()]
        for channels in (width, 2 * width):
            layers.append(nn.Conv2d(channels, 2 * channels, 3, 2, padding=1, bias=bias))
            layers += [_norm(norm, 2 * channels), nn.ReLU()]
        layers += [Block(4 * width, norm, bias) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += _make_enlarging(channels, upsample, bias)
            layers += [_norm(norm, channels // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``."""
        height, width = image.shape[-2], image.shape[-1]
        grown = grow_edge(pad_edge(image, _CELL_PX), _SMALLEST_PX)
        painted: Tensor = self.model(grown * 2 - 1)[:, :, :height, :width]
        return painted * 0.5 + 0.5


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=kind == "affine")


def _make_enlarging(channels: int, upsample: str, bias: bool) -> list[nn.Module]:
    if upsample == "nearest":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(channels, channels // 2, 3, padding=1)]
    return [
        nn.ConvTranspose2d(channels, channels // 2, 3, 2, padding=1, output_padding=1, bias=bias)
    ]


def build(
    paintings: int,
    width: int = 64,
    blocks: int = 9,
    norm: str = "instance",
    bias: bool = True,
    upsample: str = "transposed",
) -> ResnetGenerator:
    """Build the network. Raises TypeError for more than one painting."""
    if paintings != 1:
        raise TypeError(f"resnet_generator holds one painting, not {paintings}")
    return ResnetGenerator(width, blocks, norm, bias, upsample)


def take_checkpoint(state: dict[str, Tensor]) -> list[Reading]:
    """Read a checkpoint of this layout; none where its names are others."""
    parts = {name: (m[1], m[2], m[3]) for name in state if (m := _KEY.fullmatch(name))}
    if len(parts) != len(state) or not parts:
        return []
    blocks = sorted({int(place) for place, inner, _ in parts.values() if inner is not None})
    first = state.get(next((n for n, p in parts.items() if p == ("1", None, "weight")), ""))
    is_consecutive = blocks == list(range(_FIRST_BLOCK, _FIRST_BLOCK + len(blocks)))
    if not blocks or not is_consecutive or first is None or first.shape[1:] != (3, 7, 7):
        return []
    inner = sorted({int(p[1]) for p in parts.values() if p[1] and p[2] == "weight"})
    convs = [n for n in inner if _rank(state, parts, blocks[0], n) == 4]
    if len(convs) != 2:
        return []
    config: dict[str, Any] = {"width": first.shape[0], "blocks": len(blocks)}
    norms = [n for n in inner if n not in convs]
    named = {parts_of: state[name] for name, parts_of in parts.items()}
    has_batch = (str(blocks[0]), str(convs[0] + 1), "running_var") in named and bool(norms)
    config["bias"] = (str(blocks[0]), str(convs[0]), "bias") in named
    if norms:
        config["norm"] = "batch" if has_batch and not config["bias"] else "affine"
    up = named.get((str(blocks[-1] + 1), None, "weight"))
    config["upsample"] = "nearest" if up is None else "transposed"
    kept = {_rename(parts_of, convs): value for parts_of, value in named.items()}
    if config.get("norm") != "batch":
        kept = drop_statistics(kept)
    shift = ", moved by dropout" if convs[1] != convs[0] + 4 else ""
    said = {"batch": "norms of batches", "affine": "affine norms"}.get(
        config.get("norm", ""), "plain norms"
    )
    return [
        Reading(
            "resnet_generator",
            "resnet_generator",
            f"a CycleGAN generator of {len(blocks)} blocks, {first.shape[0]} channels, {said}",
            f"its layers are named model.N, with blocks from {_FIRST_BLOCK} on{shift}",
            config,
            kept,
        )
    ]


def _rank(state: dict[str, Tensor], parts: dict[str, Any], block: int, inner: int) -> int:
    wanted = (str(block), str(inner), "weight")
    return next((state[name].ndim for name, part in parts.items() if part == wanted), 0)


def _rename(part: tuple[str, str | None, str], convs: list[int]) -> str:
    """Return the name here: blocks are `conv_block`, their convolutions 1 and 5, norms behind."""
    place, inner, what = part
    if inner is None:
        return f"model.{place}.{what}"
    here = {convs[0]: 1, convs[0] + 1: 2, convs[1]: 5, convs[1] + 1: 6}[int(inner)]
    return f"model.{place}.conv_block.{here}.{what}"
