"""What the paintings look like to VGG16: what the style losses compare with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.config import StyleConfig, TrainingConfig
from training.data import read_photo, resize_short_side
from training.losses import STYLE_LAYERS, gram_matrix, statistics
from training.vgg import Vgg16


class Targets:
    """The config's paintings at ``scale`` times the size of their ``texture``."""

    def __init__(
        self, config: TrainingConfig, data: Path, vgg: Vgg16, scale: float, device: str
    ) -> None:
        grams, moments = [], []
        for style in config.styles:
            painting = read_painting(data, style, config.painting_px * style.texture * scale)
            image = torch.from_numpy(painting).permute(2, 0, 1)[None].to(device).float() / 255
            with torch.no_grad():
                features = vgg(image, STYLE_LAYERS)
            grams.append([gram_matrix(features[layer])[0] for layer in STYLE_LAYERS])
            moments.append([statistics(features[layer])[0] for layer in STYLE_LAYERS])
        self._grams = [torch.stack(layer) for layer in zip(*grams, strict=True)]
        self._statistics = [torch.stack(layer) for layer in zip(*moments, strict=True)]

    def grams(self, mix: Tensor) -> list[Tensor]:
        """Return the Gram matrices of the mixes (N, P), one (N, C, C) a style layer."""
        return [torch.einsum("np,pij->nij", mix, layer) for layer in self._grams]

    def statistics(self, mix: Tensor) -> list[Tensor]:
        """Return ``losses.statistics`` of the mixes (N, P), one (N, 2, C) a style layer."""
        return [torch.einsum("np,psc->nsc", mix, layer) for layer in self._statistics]


def read_painting(data: Path, style: StyleConfig, short_px: float) -> np.ndarray:
    """Return the part of a painting that is looked at, (H, W, 3) uint8 RGB.

    short_px: short side of the whole painting.
    """
    painting = resize_short_side(read_photo(data / style.image), short_px)
    height, width = painting.shape[:2]
    sides = (height, width, height, width)
    top, left, bottom, right = (
        round(share * side) for share, side in zip(style.crop, sides, strict=True)
    )
    return np.ascontiguousarray(painting[top:bottom, left:right])
