"""The three translators: their networks, how they begin, and what they are trained by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.canvas import draw_canvas
from engines.networks import build_network
from engines.networks.families.ugatit import LayerInstanceNorm, UGatIt
from engines.networks.style_network import StyleNetwork
from training.muon import MuonAdam
from training.unpaired.discriminators import (
    FeatureDiscriminator,
    LocalAndWhole,
    PatchDiscriminator,
)
from training.vgg import Vgg16

_BETAS = (0.5, 0.999)
_LARGER = 286 / 256  # pictures than their crops, as in both papers
_FIRST_SHARE = 0.9  # of the instance norm in adaptive norms, as the authors of U-GAT-IT begin


@dataclass(frozen=True)
class Weights:
    """Of the losses. Those of the first two kinds: Zhu et al. 2017; of the third: Kim et al. 2020.

    grid, range: as docs/training.md has them.
    """

    adversarial: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0
    attention: float = 0.0
    grid: float = 0.0
    range: float = 0.0


@dataclass(frozen=True)
class Kind:
    """What ``--family`` names.

    network, config: as weights files have them. judged: channels of the first layer of the
    discriminators. rate: of all; where Muon moves the generators, of the discriminators. lines_px:
    short sides between which pictures are seen; None: a little more than the size of the crops.
    """

    network: str
    config: dict[str, Any]
    judged: int
    rate: float
    weight_decay: float = 0.0
    weights: Weights = field(default_factory=Weights)
    lines_px: tuple[int, int] | None = None
    default_px: int = 256
    is_heavy: bool = True

    def seen_lines_px(self, size_px: int) -> tuple[int, int]:
        """Return between which short sides pictures are seen in crops of ``size_px``."""
        low, high = self.lines_px or (round(_LARGER * size_px),) * 2
        return max(low, size_px), max(high, size_px)

    def painted_px(self, size_px: int) -> int:
        """Return at how many lines it paints previews, and what is measured."""
        return self.seen_lines_px(size_px)[1] if self.lines_px else size_px

    def build(self) -> StyleNetwork:
        """Return a generator with fresh weights."""
        network = build_network(self.network, 1, **self.config)
        if self.network == "resnet_generator":
            for layer in network.modules():
                if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                    nn.init.normal_(layer.weight, 0, 0.02)
        return network

    def build_discriminator(
        self, size_px: int, vgg: Vgg16 | None = None, pictures: Tensor | None = None
    ) -> nn.Module:
        """Return what judges one of the two sets.

        With ``vgg`` and some ``pictures`` (N, 3, H, W) of both sets, ``fast`` is judged by what it
        sees, too.
        """
        if self.network == "ugatit":
            return LocalAndWhole(self.judged, size_px)
        if self.network == "fast" and vgg is not None and pictures is not None:
            return FeatureDiscriminator(self.judged, vgg, pictures)
        return PatchDiscriminator(self.judged, sees_palette=self.network == "fast")

    def optimizers(
        self, generators: nn.Module, discriminators: nn.Module
    ) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
        """Return what moves the generators, and what moves the discriminators."""
        adam = {"lr": self.rate, "betas": _BETAS, "weight_decay": self.weight_decay}
        second = torch.optim.Adam(discriminators.parameters(), **adam)
        if self.network == "fast":
            return MuonAdam(generators, **FAST_RATES), second
        return torch.optim.Adam(generators.parameters(), **adam), second


FAST_RATES = {"muon_rate": 1e-3, "adam_rate": 2e-4, "rows_rate": 2e-3}
# Cells of 4 and 8 pixels, so that it begins by giving the picture back whole (training/distil).
_FAST = {"fine_px": 4, "width": 48, "deep": 64, "blocks": 4, "canvas": 2}
KINDS = {
    "fast": Kind(
        "fast",
        _FAST,
        judged=32,
        rate=4e-4,
        weights=Weights(grid=100, range=10),
        # Strokes are learnt at the size at which it paints: 480 lines, or from farther away.
        lines_px=(256, 480),
        default_px=128,
        is_heavy=False,
    ),
    "resnet": Kind("resnet_generator", {"width": 64, "blocks": 9}, judged=64, rate=2e-4),
    "ugatit-light": Kind(
        "ugatit",
        {"width": 64, "blocks": 4},
        judged=64,
        rate=1e-4,
        weight_decay=1e-4,
        weights=Weights(identity=10, attention=1000),
    ),
}


@dataclass(frozen=True)
class Translated:
    """A translated picture, (N, 3, H, W) RGB in 0..1, not clamped, and what was attended to.

    logits (N, 2), heat (N, 1, h, w): None where the network has no class activation.
    """

    picture: Tensor
    logits: Tensor | None = None
    heat: Tensor | None = None

    def split(self, count: int) -> tuple[Translated, Translated]:
        """Return the first ``count`` of them, and the others."""
        parts = [(None, None) if p is None else (p[:count], p[count:]) for p in self._parts()]
        first, others = zip(*parts, strict=True)
        return Translated(*first), Translated(*others)

    def _parts(self) -> tuple[Tensor | None, ...]:
        return self.picture, self.logits, self.heat


def translate(network: StyleNetwork, image: Tensor, random: np.random.Generator) -> Translated:
    """Translate ``image``, (N, 3, H, W) RGB in 0..1 of whole cells; a canvas is drawn for each."""
    if isinstance(network, UGatIt):
        return Translated(*(part.float() for part in network.trace(image)))
    mix = torch.ones(len(image), 1, device=image.device)
    if not network.canvas_channels:
        return Translated(network(image, mix).float())
    size = (image.shape[-2], image.shape[-1])
    drawn = [
        draw_canvas(size, network.cell_px, int(random.integers(1, 2**31))) for _ in range(len(mix))
    ]
    canvas = torch.from_numpy(np.stack(drawn)).to(image.device)
    return Translated(network(image, mix, canvas).float())


@torch.no_grad()
def begin_near_identity(network: UGatIt, pictures: Tensor) -> None:
    """Have the adaptive norms begin with a scale of about 1 and a shift of about 0.

    As published they begin with what two random layers make of averages that hardly differ: a few
    hundredths, which silences the blocks, and light networks give blank pictures for it. So the
    last layers, which have no bias, are set by the numbers c that pictures like these,
    (N, 3, H, W), give: rows of c / |c|^2 make 1 of them.
    """
    for norm in (m for m in network.modules() if isinstance(m, LayerInstanceNorm)):
        if not hasattr(norm, "gamma"):
            norm.rho.fill_(_FIRST_SHARE)
    code = network.code(pictures).mean(0)
    network.gamma.weight.copy_((code / code.square().sum()).expand_as(network.gamma.weight))
    network.beta.weight.zero_()


@torch.no_grad()
def clip_shares(network: nn.Module) -> None:
    """Keep the share of the instance norm between 0 and 1. Source: Kim et al. 2020, eq. 2."""
    for module in network.modules():
        if isinstance(module, LayerInstanceNorm):
            module.rho.clamp_(0, 1)


@torch.no_grad()
def follow(kept: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the averaged weights ``kept`` towards those of ``network``: keep * kept + the rest."""
    pairs: Iterable[tuple[Tensor, Tensor]] = zip(
        kept.parameters(), network.parameters(), strict=True
    )
    for average, now in pairs:
        average.lerp_(now, 1 - keep)
