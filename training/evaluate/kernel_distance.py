"""How far one set of pictures lies from another, without pairs: the kernel distance of features.

The kernel inception distance of Binkowski et al. 2018 (section 4: an unbiased estimate, a
polynomial kernel of the third degree), of what VGG16 sees instead of Inception: figures compare
with each other, not with those of papers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data import resize_short_side
from training.vgg import Vgg16

_LAYER = "relu4_3"
_SHORT_PX = 224


@dataclass(frozen=True)
class WayGone:
    """Kernel distances to paintings: of photos untouched, and translated."""

    untouched: float
    translated: float

    @property
    def share(self) -> float:
        """How much of the way is gone: 0 is untouched, 1 is there."""
        return 1 - self.translated / self.untouched if self.untouched > 0 else float("nan")


def way_gone(
    vgg: Vgg16,
    photos: list[np.ndarray],
    translated: list[np.ndarray],
    paintings: list[np.ndarray],
) -> WayGone:
    """Measure how much nearer to ``paintings`` translation has brought photos.

    All are (H, W, 3) uint8 RGB, at least two of each. Features are divided by their root mean
    square over photos and paintings, so that it does not matter which weights VGG16 has.
    """
    seen = [see(vgg, pictures) for pictures in (photos, translated, paintings)]
    scale = torch.cat([seen[0], seen[2]]).square().mean().sqrt()
    before, after, wanted = (features / scale for features in seen)
    return WayGone(kernel_distance(before, wanted), kernel_distance(after, wanted))


def see(vgg: Vgg16, pictures: list[np.ndarray]) -> Tensor:
    """Return the means of relu4_3 over each picture at 224 lines, (N, 512) fp64 on the CPU."""
    first = next(vgg.parameters())
    found = []
    for picture in pictures:
        small = resize_short_side(picture, _SHORT_PX)
        image = torch.from_numpy(small).to(first.device).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            found.append(vgg(image, (_LAYER,))[_LAYER].double().mean((2, 3)).cpu())
    return torch.cat(found)


def kernel_distance(found: Tensor, wanted: Tensor) -> float:
    """Return the squared maximum mean discrepancy of two sets of features, (M, C) and (N, C).

    Gretton et al. 2012, eq. 3, unbiased, so it may be a little below 0. The kernel is
    (x y / C + 1)^3. Raises ValueError for fewer than two of either.
    """
    if min(len(found), len(wanted)) < 2:
        raise ValueError("a kernel distance needs two pictures of each kind")

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: Tensor) -> Tensor:
        table = kernel(x, x)
        return (table.sum() - table.trace()) / (len(x) * (len(x) - 1))

    return float(within(found) + within(wanted) - 2 * kernel(found, wanted).mean())
