"""The temporal losses and their warp, on pairs whose motion is known (training/pairs.py)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_NEIGHBOURHOOD_PX = 15
_JUST_SEEN = 2.5 / 255


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Draw ``image`` (N, C, H, W) of the earlier moment where its parts are now.

    Bilinear, edges repeated. flow: (N, 2, H, W) in pixels, from each pixel now to where it was,
    right and down.
    """
    h, w = image.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(h, device=flow.device), torch.arange(w, device=flow.device), indexing="ij"
    )
    # align_corners: -1 and 1 are the centres of the first and the last pixel.
    grid = torch.stack(
        [(flow[:, 0] + x) * 2 / (w - 1) - 1, (flow[:, 1] + y) * 2 / (h - 1) - 1], dim=-1
    )
    return F.grid_sample(
        image, grid.to(image.dtype), mode="bilinear", padding_mode="border", align_corners=True
    )


def output_temporal_loss(
    now: Tensor, warped_before: Tensor, visible: Tensor, luminance_change: Tensor
) -> Tensor:
    """Return the masked mean of (O_t - W(O_t-1) - dY)^2.

    It is ReCoNet's output-temporal loss with luminance warping (Gao et al. 2018, eq. 7).

    now, warped_before: (N, 3, H, W) in 0..1. visible: (N, 1, H, W). luminance_change dY: (N, 1, H,
    W), the known change of the input's luminance along the motion, without its noise, so that noise
    is to be suppressed and light to be followed. Returns (N,).
    """
    error = (now - warped_before - luminance_change).square() * visible
    return error.sum((1, 2, 3)) / (3 * visible.sum((1, 2, 3))).clamp(min=1)


def relative_temporal_loss(
    now: Tensor, warped_before: Tensor, input_error: Tensor, visible: Tensor
) -> Tensor:
    """Return the masked mean of ``(O_t - W(O_t-1) - dY)^2`` over what the input itself does there.

    dY is included in both (ours).

    A picture should move as much as its input. The absolute loss is ruled by pairs with strong
    noise; a webcam's still areas change by a hundredth of that, and there every flicker is seen.
    input_error: (N, 3, H, W), I_t - W(I_t-1) - dY; its square is averaged over
    ``_NEIGHBOURHOOD_PX``, and ``_JUST_SEEN`` is what nobody sees. Others as in
    ``output_temporal_loss``, ``now`` less dY. Returns (N,): 1 where the picture changes as its
    input does.
    """
    own = (input_error.square() * visible).mean(1, keepdim=True)
    own = F.avg_pool2d(own, _NEIGHBOURHOOD_PX, 1, _NEIGHBOURHOOD_PX // 2, count_include_pad=False)
    error = (now - warped_before).square().mean(1, keepdim=True) * visible / (own + _JUST_SEEN**2)
    return error.sum((1, 2, 3)) / visible.sum((1, 2, 3)).clamp(min=1)


def feature_temporal_loss(now: Tensor, before: Tensor, flow: Tensor, visible: Tensor) -> Tensor:
    """Return the masked mean of (F_t - W(F_t-1))^2 over the features' energy.

    It is ReCoNet's feature-temporal loss (Gao et al. 2018, eq. 5).

    now, before: (N, C, h, w), features of the two moments. flow: (N, 2, H, W) and visible: (N, 1,
    H, W) of the picture, a whole multiple larger; both are averaged down, the flow into units of
    features. Returns (N,).
    """
    cell = flow.shape[-1] // now.shape[-1]
    small, seen = F.avg_pool2d(flow, cell) / cell, F.avg_pool2d(visible, cell)
    now, before = now.float(), before.float()
    error = ((now - warp(before, small)).square() * seen).sum((1, 2, 3)) / (
        now.shape[1] * seen.sum((1, 2, 3))
    ).clamp(min=1)
    return error / now.square().mean((1, 2, 3)).detach().clamp(min=1e-6)


def frame_difference_loss(
    now: Tensor, before: Tensor, input_now: Tensor, input_before: Tensor
) -> Tensor:
    """Return the mean of ((O_t - O_t-1) - (I_t - I_t-1))^2.

    It is the alternative without flow; the painting may change as the input does.

    All (N, 3, H, W) in 0..1. Returns (N,).
    """
    return ((now - before) - (input_now - input_before)).square().mean((1, 2, 3))
