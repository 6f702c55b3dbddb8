"""The last translated pictures: a discriminator judges old ones beside new ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class History:
    """Up to ``size`` pictures. Source: Shrivastava et al. 2017, section 2.3; Zhu et al. 2017, 4."""

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.pictures: list[Tensor] = []

    def swap(self, pictures: Tensor, random: np.random.Generator) -> Tensor:
        """Return what is to be judged in place of ``pictures``, (N, C, H, W), which are kept.

        Until it is full they are returned. Then each in one of two cases takes the place of an
        older one, which is returned.
        """
        judged = []
        for picture in pictures.detach():
            if len(self.pictures) < self.size:
                self.pictures.append(picture)
                judged.append(picture)
            elif random.random() < 0.5:
                place = int(random.integers(self.size))
                judged.append(self.pictures[place])
                self.pictures[place] = picture
            else:
                judged.append(picture)
        return torch.stack(judged)
