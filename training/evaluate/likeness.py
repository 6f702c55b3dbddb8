"""How close a picture comes to a painting, and how far it has gone from the photo.

Both are VGG16 distances at one size, in fp32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data import resize_short_side
from training.losses import CONTENT_LAYER, STYLE_LAYERS, content_loss, gram_matrix, style_loss
from training.vgg import Vgg16

SHORT_SIDE_PX = 384


@dataclass(frozen=True)
class Features:
    """What VGG16 sees in a picture.

    grams: one (1, C, C) for each style layer; content: (1, C, H, W) at relu3_3.
    """

    grams: list[Tensor]
    content: Tensor


class Likeness:
    """Describes (H, W, 3) uint8 RGB pictures at a short side of 384 px.

    ``vgg`` in fp32, on any device.
    """

    def __init__(self, vgg: Vgg16) -> None:
        self._vgg = vgg.to(memory_format=torch.channels_last)
        self._device = next(vgg.parameters()).device

    def features(self, picture: np.ndarray) -> Features:
        """Return what VGG16 sees in ``picture``, (H, W, 3) uint8 RGB."""
        small = resize_short_side(picture, SHORT_SIDE_PX)
        image = torch.from_numpy(small).to(self._device).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            seen = self._vgg(image, STYLE_LAYERS)
        return Features([gram_matrix(seen[layer]) for layer in STYLE_LAYERS], seen[CONTENT_LAYER])


def style_distance(picture: Features, painting: Features) -> float:
    """Return how far a picture's texture is from the painting's.

    Mean over the layers of |G(picture) - G(painting)|^2 / |G(painting)|^2 (Johnson et al. 2016, eq.
    4-5, made relative).
    """
    return float(style_loss(picture.grams, painting.grams))


def content_distance(picture: Features, photo: Features) -> float:
    """Return how far a picture has gone from the photo, both of one size.

    F(picture) - F(photo)|^2 / |F(photo)|^2 at relu3_3 (Johnson et al. 2016, eq. 2, made relative).
    """
    return float(content_loss(picture.content, photo.content))
