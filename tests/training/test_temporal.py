from __future__ import annotations

import cv2
import numpy as np
import torch

from training.data import draw_motion
from training.temporal import output_temporal_loss, warp


def test_warp_by_hand():
    """A shift by one column: each later pixel lies one to the right in the earlier frame; the last column has no source."""
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    shift = torch.eye(3)[None].clone()
    shift[0, 0, 2] = 1
    warped, inside = warp(image, shift)
    torch.testing.assert_close(warped[0, 0, :, :3], image[0, 0, :, 1:])
    assert inside[0, 0].tolist() == [[1, 1, 1, 0]] * 4


def test_warp_agrees_with_opencv():
    random = np.random.default_rng(3)
    image = cv2.GaussianBlur(random.random((64, 64, 3), dtype=np.float32), (0, 0), 2)
    motion = draw_motion(random, 64)
    expected = cv2.warpPerspective(image, motion, (64, 64), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    warped, inside = warp(torch.from_numpy(image).permute(2, 0, 1)[None], torch.from_numpy(motion).float()[None])
    seen = inside[0, 0].bool().numpy()
    assert seen.mean() > 0.7
    assert np.abs(warped[0].permute(1, 2, 0).numpy() - expected)[seen].max() < 0.01


def test_temporal_loss_follows_light_and_counts_visible_pixels_only():
    before = torch.full((1, 3, 2, 2), 0.4)
    change = torch.full((1, 1, 2, 2), 0.1)
    visible = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    after = before + 0.1
    after[..., 1, 1] = 0.9
    assert output_temporal_loss(after, before, visible, change).item() < 1e-12
    torch.testing.assert_close(output_temporal_loss(after, before, visible, change * 0), torch.tensor([0.01]))
