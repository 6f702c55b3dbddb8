"""Deep Photo Style Transfer (Luan et al. 2017) with our losses: a photo in the light of another.

The differences from the paper: VGG16 up to conv4_3 in place of VGG19, so that style is seen at
relu1_1, 2_1, 3_1 and 4_1 and not at relu5_1; content and style are relative to their targets'
own energy (training/losses.py), and the energy of the matting Laplacian is per pixel, so that the
weights mean the same at any size; the first stage is at half the size, and what it finds is made
linear in the photo's colours before the second begins from it, at the full size; both begin at the
photo, not at noise, and take 150 evaluations instead of 1000 steps; the smoothing at the end is the
guided filter (He et al. 2013), whose maps are applied to the photo at its own size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor

from training.data import resize_short_side
from training.losses import content_loss, masked_gram, range_loss, style_loss
from training.photoreal.matting import apply_maps, local_maps, matting_laplacian
from training.photoreal.regions import Region
from training.pixels import RANGE_WEIGHT, Step, descend, seen_by
from training.vgg import Vgg16

MATTING_WEIGHT = 1e4
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT_LAYER = "relu4_2"
_LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)
# Of each stage: its size, when it ends where time is limited, the weight of the matting energy.
_STAGES = ((0.5, 0.25, 0.0), (1.0, 1.0, MATTING_WEIGHT))
_RADIUS, _EPSILON = 1 / 70, 1e-4  # of the smoothing: of the short side; for colours of 0..1


def relight(
    vgg: Vgg16,
    photo: np.ndarray,
    reference: np.ndarray,
    regions: list[Region],
    size_px: int,
    evaluations: int,
    style_weight: float,
    on_step: Callable[[Step], None] = lambda _: None,
    every: int = 10,
    seconds: float = math.inf,
) -> np.ndarray:
    """Return ``photo`` in the light of ``reference``, of the photo's own size and shape.

    photo, reference: (H, W, 3) uint8 RGB, which are looked at with short sides of ``size_px``.
    regions: what belongs together in both; empty: all. evaluations: of the losses, in each of the
    two stages; seconds: that both take at most. Returns uint8 RGB. Raises TrainingError if the
    losses stop being numbers.
    """
    begun_s, maps = time.monotonic(), None
    for number, (share, share_of_time, matting) in enumerate(_STAGES):
        small, wanted = (resize_short_side(p, size_px * share) for p in (photo, reference))
        found = descend(
            small if maps is None else apply_maps(maps, small),
            _Wanted(vgg, small, wanted, regions).losses,
            {"content": 1.0, "style": style_weight, "range": RANGE_WEIGHT, "matting": matting},
            evaluations,
            partial(_go_on, on_step, number * evaluations),
            every,
            begun_s + share_of_time * seconds,
        )
        maps = _smooth_maps(small, found)
    return apply_maps(maps, photo)


class _Wanted:
    """What a picture is to have of the photo and, region by region, of the reference."""

    def __init__(
        self, vgg: Vgg16, photo: np.ndarray, reference: np.ndarray, regions: list[Region]
    ) -> None:
        seen, wanted = (seen_by(vgg, picture, _LAYERS) for picture in (photo, reference))
        whole = [np.ones((1, 1), bool)]
        insides = [_masks([r.photo for r in regions] or whole, f) for f in _style(seen)]
        others = [_masks([r.reference for r in regions] or whole, f) for f in _style(wanted)]
        self._vgg = vgg
        self._laplacian = matting_laplacian(photo)
        self._content = seen[CONTENT_LAYER]
        self._insides = list(zip(*insides, strict=True))  # of each region, of each layer
        self._targets = [
            [masked_gram(f, mask) for f, mask in zip(_style(wanted), masks, strict=True)]
            for masks in zip(*others, strict=True)
        ]

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Return content, style, range and matting, of a (1, 3, H, W) picture in about 0..1."""
        seen = self._vgg(image.clamp(0, 1), _LAYERS)
        style = torch.zeros(())
        for masks, targets in zip(self._insides, self._targets, strict=True):
            grams = [masked_gram(f, mask) for f, mask in zip(_style(seen), masks, strict=True)]
            # A region counts by how much of the photo it is.
            style = style + masks[0].mean() * style_loss(grams, targets).squeeze(0)
        return {
            "content": content_loss(seen[CONTENT_LAYER], self._content).squeeze(0),
            "style": style,
            "range": range_loss(image).squeeze(0),
            "matting": _MattingEnergy.apply(image, self._laplacian),
        }


class _MattingEnergy(torch.autograd.Function):
    """V'MV per pixel, summed over red, green and blue; its gradient is 2 M V."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, image: Tensor, laplacian: sparse.csr_array
    ) -> Tensor:
        colours = image[0].flatten(1).T.double().numpy()  # (H W, 3)
        product = laplacian @ colours
        pixels = len(colours)
        gradient = torch.from_numpy(2 / pixels * product.T).float()
        ctx.save_for_backward(gradient.reshape(image.shape))
        return torch.tensor(float((colours * product).sum() / pixels))

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return grad * gradient, None


def _go_on(on_step: Callable[[Step], None], before: int, step: Step) -> None:
    """Count on from the evaluations of the stages ``before``."""
    on_step(replace(step, evaluations=before + step.evaluations))


def _style(seen: dict[str, Tensor]) -> list[Tensor]:
    return [seen[layer] for layer in STYLE_LAYERS]


def _masks(regions: list[np.ndarray], features: Tensor) -> list[Tensor]:
    """Return the share of each place of ``features`` that lies in each region, (1, 1, h, w)."""
    masks = [torch.from_numpy(region).float()[None, None] for region in regions]
    return [F.adaptive_avg_pool2d(mask, features.shape[-2:]) for mask in masks]


def _smooth_maps(photo: np.ndarray, picture: np.ndarray) -> np.ndarray:
    radius_px = max(1, round(_RADIUS * min(photo.shape[:2])))
    return local_maps(photo, picture, radius_px, _EPSILON)
