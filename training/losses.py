"""The picture losses, relative to their target's own energy.

So weights keep their meaning across layers and paintings.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT_LAYER = "relu3_3"


def gram_matrix(features: Tensor) -> Tensor:
    """G = F F^T / (C H W) (Johnson et al. 2016, eq. 4).

    features: (N, C, H, W) in any float type. Returns (N, C, C) fp32.
    """
    n, c, h, w = features.shape
    flat = features.permute(0, 2, 3, 1).reshape(n, h * w, c)
    return _Gram.apply(flat) / (c * h * w)


class _Gram(torch.autograd.Function):
    """F^T F for (N, HW, C).

    Its gradient F (g + g^T) is one product in the type of F; autograd would make two and add them.
    """

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        return (flat.transpose(1, 2) @ flat).float()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        return flat @ (grad + grad.transpose(1, 2)).to(flat.dtype)


def style_loss(grams: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Mean over layers of |G - T|^2 / |T|^2 (Frobenius norms).

    Each list: one (N, C, C) a layer. Returns (N,).
    """
    per_layer = [
        (g - t).square().sum((1, 2)) / t.square().sum((1, 2))
        for g, t in zip(grams, targets, strict=True)
    ]
    return torch.stack(per_layer).mean(0)


def content_loss(features: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return |F - T|^2 / |T|^2, the difference weighted by place.

    Johnson et al. 2016, eq. 2, normalised.

    features, target: (N, C, h, w). weight: (N, 1, H, W) with H and W whole multiples of h and w,
    absent: 1. Returns (N,).
    """
    features, target = features.float(), target.float()
    error = (features - target).square().sum(1, keepdim=True)
    if weight is not None:
        error = error * F.avg_pool2d(weight, weight.shape[-1] // error.shape[-1])
    return error.sum((1, 2, 3)) / target.square().sum((1, 2, 3)).clamp(min=1e-6)


def tone_loss(
    image: Tensor, target: Tensor, weight: Tensor | None = None, cell_px: int = 8
) -> Tensor:
    """Return how far light and dark areas are from the photo's, whatever the palette.

    About 2 - 2 * correlation.

    Mean squared difference of luminance averaged over ``cell_px`` and standardised per picture.
    Gram matrices do not know places and VGG's deeper features hardly know brightness, so without it
    a painting's colours are strewn evenly over everything. Both (N, 3, H, W) in 0..1. weight: (N,
    1, H, W) by place, absent: 1. Returns (N,).
    """
    error = (_tone(image, cell_px) - _tone(target, cell_px)).square()
    if weight is not None:
        error = error * F.avg_pool2d(weight, cell_px)
    return error.mean((1, 2, 3))


def _tone(image: Tensor, cell_px: int) -> Tensor:
    luminance = (
        image * torch.tensor([0.2126, 0.7152, 0.0722], device=image.device).view(1, 3, 1, 1)
    ).sum(1, keepdim=True)
    cells = F.avg_pool2d(luminance, cell_px)
    # The floor keeps the noise of an even picture from being taken for its light and shade.
    return (cells - cells.mean((2, 3), keepdim=True)) / (cells.std((2, 3), keepdim=True) + 0.03)


def tv_loss(image: Tensor) -> Tensor:
    """Return the anisotropic total variation, the mean squared difference of neighbours.

    Mahendran & Vedaldi 2015, beta = 2. Returns (N,).
    """
    down = (image[:, :, 1:] - image[:, :, :-1]).square().mean((1, 2, 3))
    right = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().mean((1, 2, 3))
    return down + right


def calm_loss(image: Tensor, photo: Tensor, cell_px: int = 8) -> Tensor:
    """Return the total variation of the picture where the photo has nothing.

    That is of each 8-px cell, times exp(-(slope / 0.03)^2) of the photo.

    Rings and dots are how a small network brings a painting's statistics into an even area; a
    painting whose own sky is even needs none (ours). slope: difference of a cell's mean luminance
    to its neighbours'. Both (N, 3, H, W) in 0..1, sides divisible by ``cell_px``. Returns (N,).
    """
    cells = F.avg_pool2d(photo.mean(1, keepdim=True), cell_px)
    slope = (F.max_pool2d(cells, 3, 1, 1) + F.max_pool2d(-cells, 3, 1, 1)) / 2
    restless = F.pad(image[:, :, 1:] - image[:, :, :-1], (0, 0, 0, 1)).square()
    restless = restless + F.pad(image[..., 1:] - image[..., :-1], (0, 1)).square()
    return (F.avg_pool2d(restless, cell_px) * torch.exp(-((slope / 0.03) ** 2))).mean((1, 2, 3))


def grid_loss(image: Tensor, scale: int = 8, window: int = 8) -> Tensor:
    """Return how much the sub-pixel phases of a pixel-shuffle differ on average.

    That is the energy of its checkerboard.

    Within windows of ``window`` x ``window`` cells of ``scale`` x ``scale`` pixels, the variance
    over the phases of their means. Small windows would take edges of the picture for a grid, large
    ones miss a grid that differs from place to place. image: (N, 3, H, W), sides divisible by scale
    * window. Returns (N,).
    """
    n, c, h, w = image.shape
    cell = scale * window
    tiles = image.reshape(n, c, h // cell, window, scale, w // cell, window, scale)
    phases = tiles.mean((3, 6))  # (n, c, rows, scale, columns, scale)
    return (phases - phases.mean((3, 5), keepdim=True)).square().mean((1, 2, 3, 4, 5))


def range_loss(raw: Tensor) -> Tensor:
    """Return the mean squared excess of the unclamped output over 0..1.

    Clamping leaves it without a gradient. Returns (N,).
    """
    return (raw - raw.clamp(0, 1)).square().mean((1, 2, 3))
