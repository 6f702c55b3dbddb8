"""The temporal loss and its warp. Motion is synthetic and so exactly known: two views of one photo (training/data.py)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(image: Tensor, homography: Tensor) -> tuple[Tensor, Tensor]:
    """Sample ``image`` (N, C, H, W) where each pixel of the next frame came from.

    homography: (N, 3, 3) maps next-frame pixel coordinates (x, y, 1), pixel centres at whole numbers, to this frame's.
    Returns the warped image and a mask (N, 1, H, W): 1 where the source lies inside this frame, else 0.
    """
    n, _, h, w = image.shape
    y, x = torch.meshgrid(torch.arange(h, dtype=torch.float32), torch.arange(w, dtype=torch.float32), indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], dim=-1).reshape(-1, 3).to(image.device)  # (h*w, 3)
    mapped = points @ homography.transpose(1, 2)  # (n, h*w, 3)
    source = mapped[..., :2] / mapped[..., 2:]
    grid = source * 2 / torch.tensor([w - 1, h - 1], device=image.device) - 1  # align_corners: -1 and 1 are pixel centres
    inside = ((grid.abs() <= 1).all(-1)).float().reshape(n, 1, h, w)
    warped = F.grid_sample(image, grid.reshape(n, h, w, 2), mode="bilinear", padding_mode="border", align_corners=True)
    return warped, inside


def output_temporal_loss(now: Tensor, warped_before: Tensor, visible: Tensor, luminance_change: Tensor) -> Tensor:
    """Masked mean of (O_t - W(O_t-1) - dY)^2: ReCoNet's output-temporal loss with luminance warping (Gao et al. 2018, eq. 7).

    now, warped_before: (N, 3, H, W) in 0..1. visible: (N, 1, H, W). luminance_change dY: (N, 1, H, W), the known change of
    the input's luminance along the motion, without its noise, so that noise is to be suppressed and light to be followed.
    Returns (N,).
    """
    error = (now - warped_before - luminance_change).square() * visible
    return error.sum((1, 2, 3)) / (3 * visible.sum((1, 2, 3))).clamp(min=1)
