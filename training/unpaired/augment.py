"""Augmentation for small sets: what is judged is moved, cut into and recoloured first.

Real and translated pictures alike, so that the discriminator cannot learn a small set by heart and
the generator learns nothing of it. Source: Zhao et al. 2020, section 3.3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL_SET = 500
"""Pictures below which a set is small."""
_MOVED = 1 / 8  # of the side, at most
_CUT = 1 / 3  # of the side
_BRIGHTER, _SATURATION, _CONTRAST = 0.1, (0.7, 1.3), (0.8, 1.2)  # the palette is to be judged, too


def augment(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Return ``pictures``, (N, 3, H, W) RGB in 0..1, each changed in its own way; differentiable.

    random: of the CPU.
    """
    return _cut(_move(_recolour(pictures, random), random), random)


def _recolour(pictures: Tensor, random: torch.Generator) -> Tensor:
    brighter = _draw(pictures, (-_BRIGHTER, _BRIGHTER), random)
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * _draw(pictures, _SATURATION, random)
    mean = pictures.mean((1, 2, 3), keepdim=True)
    return mean + (pictures - mean) * _draw(pictures, _CONTRAST, random) + brighter


def _draw(pictures: Tensor, between: tuple[float, float], random: torch.Generator) -> Tensor:
    low, high = between
    drawn = low + (high - low) * torch.rand(len(pictures), 1, 1, 1, generator=random)
    return drawn.to(pictures.device)


def _move(pictures: Tensor, random: torch.Generator) -> Tensor:
    side = pictures.shape[-1]
    most = round(side * _MOVED)
    padded = F.pad(pictures, (most,) * 4, mode="reflect")
    tops, lefts = torch.randint(2 * most + 1, (2, len(pictures)), generator=random).tolist()
    moved = [
        picture[:, top : top + side, left : left + side]
        for picture, top, left in zip(padded, tops, lefts, strict=True)
    ]
    return torch.stack(moved)


def _cut(pictures: Tensor, random: torch.Generator) -> Tensor:
    side = pictures.shape[-1]
    cut = round(side * _CUT)
    kept = torch.ones(len(pictures), 1, side, side)
    places = torch.randint(1 - cut, side, (2, len(pictures)), generator=random).T.tolist()
    for mask, (top, left) in zip(kept, places, strict=True):
        mask[:, max(0, top) : top + cut, max(0, left) : left + cut] = 0
    return 0.5 + (pictures - 0.5) * kept.to(pictures.device)
