"""The picture losses, relative to their target's own energy.

So weights keep their meaning across layers and paintings.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT_LAYER = "relu3_3"
_FACE_CELLS_PX = (3, 4, 6, 8, 12)  # a face is seen in about 20 x 20 of them
_LEAST_REGION = 0.03  # of a crop; Gram matrices of less say little


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


def masked_gram(features: Tensor, mask: Tensor) -> Tensor:
    """``gram_matrix`` over the places of ``mask``, each counted by its share.

    features: (N, C, h, w). mask: (N, 1, h, w) in 0..1. Returns (N, C, C) fp32.
    """
    n, c, h, w = features.shape
    flat = (features * mask.sqrt().to(features.dtype)).permute(0, 2, 3, 1).reshape(n, h * w, c)
    return _Gram.apply(flat) / (c * mask.sum((1, 2, 3)).clamp(min=1))[:, None, None]


def even_areas(photo: Tensor, cell_px: int = 32) -> Tensor:
    """Return 1 in cells in which nothing is to be seen but the light, (N, 1, H, W).

    There luma, blurred over 5 px, spans less than 14 levels of 255 and deviates by less than 4.5
    (ours). photo: (N, 3, H, W) in 0..1, sides divisible by ``cell_px``.
    """
    luma = F.avg_pool2d(_luma(photo), 5, 1, 2, count_include_pad=False)
    span = F.max_pool2d(luma, cell_px) + F.max_pool2d(-luma, cell_px)
    mean = F.avg_pool2d(luma, cell_px)
    deviation = (F.avg_pool2d(luma.square(), cell_px) - mean.square()).clamp(min=0).sqrt()
    even = (span < 14 / 255) & (deviation < 4.5 / 255)
    return even.float().repeat_interleave(cell_px, 2).repeat_interleave(cell_px, 3)


def style_loss(
    grams: list[Tensor], targets: list[Tensor], weights: tuple[float, ...] | None = None
) -> Tensor:
    """Mean over layers of |G - T|^2 / |T|^2 (Frobenius norms).

    Each list: one (N, C, C) a layer. weights: of the layers, absent: equal. Returns (N,).
    """
    per_layer = [
        (g - t).square().sum((1, 2)) / t.square().sum((1, 2))
        for g, t in zip(grams, targets, strict=True)
    ]
    shares = torch.tensor(weights or (1.0,) * len(grams), device=grams[0].device)
    return torch.einsum("l,ln->n", shares / shares.sum(), torch.stack(per_layer))


def style_loss_by_region(
    features: list[Tensor],
    targets: list[Tensor],
    regions: list[tuple[Tensor, float]],
    weights: tuple[float, ...] | None = None,
) -> Tensor:
    """Return the mean of the ``style_loss`` of each region over those that there are.

    features: one (N, C, h, w) a layer. regions: (N, 1, H, W) masks in 0..1 over the same area, and
    how much each counts; one of less than 3 % of it is not there, and the first should be all of
    it. weights: of the layers. Returns (N,).
    """
    losses, present = [], []
    for region, share in regions:
        there = share * (region.mean((1, 2, 3)) > _LEAST_REGION).float()
        present.append(there)
        if not there.any():
            losses.append(torch.zeros_like(there))
            continue
        grams = [
            masked_gram(layer, F.adaptive_avg_pool2d(region, layer.shape[-2:]))
            for layer in features
        ]
        losses.append(style_loss(grams, targets, weights) * there)
    return torch.stack(losses).sum(0) / torch.stack(present).sum(0)


def statistics(features: Tensor) -> Tensor:
    """Return mean and deviation of each channel, (N, 2, C) fp32.

    features: (N, C, H, W).
    """
    flat = features.float().flatten(2)
    return torch.stack([flat.mean(2), flat.std(2)], dim=1)


def statistics_loss(found: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Mean over layers, means and deviations of |s - t|^2 / |t|^2.

    Huang & Belongie 2017, eq. 13, made relative. Each list: one (N, 2, C) a layer. Returns (N,).
    """
    per_layer = [
        ((s - t).square().sum(2) / t.square().sum(2)).mean(1)
        for s, t in zip(found, targets, strict=True)
    ]
    return torch.stack(per_layer).mean(0)


def colours(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (N, 3) and covariance (N, 3, 3) of the colours of ``image``, (N, 3, H, W)."""
    flat = image.flatten(2)
    mean = flat.mean(2)
    apart = flat - mean[..., None]
    return mean, apart @ apart.transpose(1, 2) / flat.shape[2]


def palette_loss(image: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """Return how far the colours of ``image`` are from those of a painting.

    |m - M|^2 / tr C + |c - C|^2 / |C|^2 of their means and covariances (ours, after Reinhard et al.
    2001). Gram matrices hardly notice a palette: most of their energy is in light and dark.
    image: (N, 3, H, W) in 0..1. mean: (N, 3), covariance: (N, 3, 3) of the paintings. Returns (N,).
    """
    found, spread = colours(image)
    # The floor: a picture of one colour has none to be relative to.
    size = covariance.diagonal(dim1=1, dim2=2).sum(1) + 0.01
    apart = (found - mean).square().sum(1) / size
    return apart + (spread - covariance).square().sum((1, 2)) / (
        covariance.square().sum((1, 2)) + 1e-4
    )


def contrast_loss(image: Tensor, photo: Tensor) -> Tensor:
    """Return by how much the deviation of luma falls short of the photo's.

    max(0, 1 - image / photo)^2, over cells of 1 and of 16 px (ours). Both (N, 3, H, W) in 0..1.
    Returns (N,).
    """
    losses = []
    for cell_px in (1, 16):
        found, wanted = (
            F.avg_pool2d(_luma(picture), cell_px).flatten(1).std(1) for picture in (image, photo)
        )
        # The floor asks for no contrast where the photo has none but noise.
        losses.append((1 - found / (wanted + 0.02)).clamp(min=0).square())
    return torch.stack(losses).mean(0)


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


def likeness_loss(image: Tensor, target: Tensor, face: Tensor) -> Tensor:
    """Return how far light and dark inside of faces are from the photo's, whatever the palette.

    About 2 - 2 * correlation, of luminance over cells of about a twentieth of the face: where eyes,
    brows, nose and mouth are, not what skin is made of (ours). ``tone_loss`` hardly sees it, since
    a face is a small part of most pictures and small faces have few of its cells.

    Both (N, 3, H, W) in 0..1. face: (N, 1, H, W) in 0..1. Returns (N,), 0 where there is none.
    """
    losses = []
    for picture, photo, inside in zip(image[:, None], target[:, None], face[:, None], strict=True):
        side_px = float(inside.sum()) ** 0.5
        cell_px = min(_FACE_CELLS_PX, key=lambda cell: abs(20 * cell - side_px))
        weight = F.avg_pool2d(inside, cell_px)
        weight = weight / weight.sum().clamp(min=1e-6)
        ours, theirs = (_standardised(_luma(p), weight, cell_px) for p in (picture, photo))
        losses.append(((ours - theirs).square() * weight).sum())
    return torch.stack(losses)


def _standardised(luma: Tensor, weight: Tensor, cell_px: int) -> Tensor:
    cells = F.avg_pool2d(luma, cell_px)
    cells = cells - (cells * weight).sum()
    # The floor keeps the noise of an even picture from being taken for a face.
    return cells / ((cells.square() * weight).sum() + 0.02**2).sqrt()


def _tone(image: Tensor, cell_px: int) -> Tensor:
    cells = F.avg_pool2d(_luma(image), cell_px)
    # The floor keeps the noise of an even picture from being taken for its light and shade.
    return (cells - cells.mean((2, 3), keepdim=True)) / (cells.std((2, 3), keepdim=True) + 0.03)


def _luma(image: Tensor) -> Tensor:
    weights = torch.tensor([0.2126, 0.7152, 0.0722], device=image.device)
    return (image * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


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
