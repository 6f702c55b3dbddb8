"""How close a picture comes to a painting, and how far it has gone from the photo.

Both are VGG16 distances at one size, in fp32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.data import resize_short_side
from training.losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    content_loss,
    gram_matrix,
    masked_gram,
    style_loss,
)
from training.vgg import Vgg16

SHORT_SIDE_PX = 384
_LEAST_SHARE = 0.01  # of a picture


@dataclass(frozen=True)
class Features:
    """What VGG16 sees in a picture.

    picture: as it was seen, (H, W, 3) uint8 RGB. grams: one (1, C, C) for each style layer;
    regions: the same, of the features inside of each region alone. content: (1, C, H, W) at
    relu3_3.
    """

    picture: np.ndarray
    grams: list[Tensor]
    content: Tensor
    regions: dict[str, list[Tensor]] = field(default_factory=dict)


class Likeness:
    """Describes (H, W, 3) uint8 RGB pictures at a short side of 384 px.

    ``vgg`` in fp32, on any device.
    """

    def __init__(self, vgg: Vgg16) -> None:
        self._vgg = vgg.to(memory_format=torch.channels_last)
        self._device = next(vgg.parameters()).device

    def features(
        self, picture: np.ndarray, regions: Mapping[str, np.ndarray] | None = None
    ) -> Features:
        """Return what VGG16 sees in ``picture``, (H, W, 3) uint8 RGB, in one pass.

        regions: masks (H, W) bool of the picture's size when seen; of those that fill less than 1 %
        nothing is said, since it would be mostly chance.
        """
        small = at_size_seen(picture)
        image = torch.from_numpy(small).to(self._device).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            seen = self._vgg(image, STYLE_LAYERS)
            layers = [seen[layer] for layer in STYLE_LAYERS]
            by_region = {
                name: self._grams_inside(layers, mask)
                for name, mask in (regions or {}).items()
                if mask.mean() >= _LEAST_SHARE
            }
        return Features(small, [gram_matrix(f) for f in layers], seen[CONTENT_LAYER], by_region)

    def _grams_inside(self, layers: list[Tensor], mask: np.ndarray) -> list[Tensor]:
        inside = torch.from_numpy(mask).to(self._device)[None, None].float()
        return [masked_gram(f, F.adaptive_avg_pool2d(inside, f.shape[-2:])) for f in layers]


def at_size_seen(picture: np.ndarray) -> np.ndarray:
    """Return an (H, W, 3) picture at the size at which all are seen."""
    return resize_short_side(picture, SHORT_SIDE_PX)


def style_distance(picture: Features, painting: Features, region: str | None = None) -> float:
    """Return how far a picture's texture, or a region's of it, is from the whole painting's.

    Mean over the layers of |G(picture) - G(painting)|^2 / |G(painting)|^2 (Johnson et al. 2016, eq.
    4-5, made relative); of a region G is that of the features inside of it.
    """
    grams = picture.grams if region is None else picture.regions[region]
    return float(style_loss(grams, painting.grams))


def layer_distance(picture: Features, painting: Features, layer: str) -> float:
    """Return the part of ``style_distance`` that one layer of ``STYLE_LAYERS`` says."""
    index = STYLE_LAYERS.index(layer)
    return float(style_loss([picture.grams[index]], [painting.grams[index]]))


def content_distance(picture: Features, photo: Features) -> float:
    """Return how far a picture has gone from the photo, both of one size.

    |F(picture) - F(photo)|^2 / |F(photo)|^2 at relu3_3 (Johnson et al. 2016, eq. 2, made relative).
    """
    return float(content_loss(picture.content, photo.content))
