"""How near a student is to its teacher, on pictures that it has not learnt from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engines.networks.style_network import StyleNetwork
from training.data import resize_short_side
from training.distil.pictures import PairFiles, read_pair
from training.losses import content_loss
from training.preview import stylise_photo
from training.vgg import Vgg16

LAYERS = ("relu2_2", "relu3_3", "relu4_3")
"""Where a student is to be like its teacher."""
_SHORT_PX = 288


def features_apart(found: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Return the mean over the layers of |F - T|^2 / |T|^2, (N,)."""
    layers = [content_loss(f, w) for f, w in zip(found, wanted, strict=True)]
    return torch.stack(layers).mean(0)


class HeldOut:
    """Pairs that nothing is learnt from, to measure with: VGG16 sees them at 288 lines."""

    def __init__(self, pairs: list[PairFiles], vgg: Vgg16) -> None:
        self.pairs = pairs
        self.pictures = [read_pair(pair) for pair in pairs]
        self._vgg = vgg
        self._targets = [self._see(picture[..., 3:]) for picture in self.pictures]
        inputs = [self._see(picture[..., :3]) for picture in self.pictures]
        self._way = [self._apart(*both) for both in zip(inputs, self._targets, strict=True)]

    def distance(self, painted: list[np.ndarray]) -> float:
        """Return how far pictures are from the targets, over how far the untouched ones are.

        Of both the mean over pictures and over relu2_2, 3_3, 4_3 of |F(painted) - F(target)|^2 /
        |F(target)|^2: 0 is the target, 1 as far as untouched. painted: (H, W, 3) uint8 RGB for each
        of ``pictures``, or for the first of them.
        """
        targets = self._targets[: len(painted)]
        found = [self._apart(self._see(p), t) for p, t in zip(painted, targets, strict=True)]
        return float(np.mean(found) / max(float(np.mean(self._way[: len(found)])), 1e-6))

    def distance_of(self, network: StyleNetwork, most: int = 100) -> float:
        """Return the ``distance`` of what a network with one row paints of ``most`` pictures."""
        pictures = self.pictures[:most]
        return self.distance([stylise_photo(network, p[..., :3], 0, 1) for p in pictures])

    def _see(self, picture: np.ndarray) -> list[Tensor]:
        small = resize_short_side(picture, _SHORT_PX)
        device = next(self._vgg.parameters()).device
        image = torch.from_numpy(small).to(device).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            seen = self._vgg(image, LAYERS)
        return [seen[layer] for layer in LAYERS]

    @staticmethod
    def _apart(found: list[Tensor], wanted: list[Tensor]) -> float:
        return float(features_apart(found, wanted))
