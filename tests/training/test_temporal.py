from __future__ import annotations

import torch

from training.temporal import (
    feature_temporal_loss,
    frame_difference_loss,
    output_temporal_loss,
    relative_temporal_loss,
    warp,
)


def test_warp_by_hand():
    """A shift by one column: each later pixel lies one to the right in the earlier frame; the last
    column repeats the edge.
    """
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    flow = torch.zeros(1, 2, 4, 4)
    flow[:, 0] = 1
    warped = warp(image, flow)
    torch.testing.assert_close(warped[0, 0, :, :3], image[0, 0, :, 1:])
    torch.testing.assert_close(warped[0, 0, :, 3], image[0, 0, :, 3])


def test_temporal_loss_follows_light_and_counts_visible_pixels_only():
    before = torch.full((1, 3, 2, 2), 0.4)
    change = torch.full((1, 1, 2, 2), 0.1)
    visible = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    after = before + 0.1
    after[..., 1, 1] = 0.9
    assert output_temporal_loss(after, before, visible, change).item() < 1e-12
    torch.testing.assert_close(
        output_temporal_loss(after, before, visible, change * 0), torch.tensor([0.01])
    )


def test_relative_loss_is_the_ratio_to_the_input_and_hard_on_still_places():
    visible = torch.ones(1, 1, 64, 64)
    noise = torch.full((1, 3, 64, 64), 0.1)
    before = torch.full((1, 3, 64, 64), 0.4)
    twice = relative_temporal_loss(before + 0.2, before, noise, visible).item()
    assert 3.5 < twice <= 4, "twice the input's own change counts four, less what nobody sees"
    noise[..., :32] = 0
    error = torch.zeros_like(before)
    error[..., :16] = 0.05
    still = relative_temporal_loss(before + error, before, noise, visible).item()
    noisy = relative_temporal_loss(before + error.flip(3), before, noise, visible).item()
    assert still > 50 * noisy
    assert (
        relative_temporal_loss(before + error, before, noise, visible * (error[:, :1] == 0)).item()
        == 0
    )


def test_feature_loss_moves_features_by_their_own_size():
    """Four pixels to the left in the picture are one feature to the left."""
    features = torch.rand(1, 3, 8, 8)
    flow = torch.zeros(1, 2, 32, 32)
    flow[:, 0] = 4
    visible = torch.ones(1, 1, 32, 32)
    visible[..., -4:] = 0  # comes from outside
    moved = torch.roll(features, -1, dims=3)
    assert feature_temporal_loss(moved, features, flow, visible).item() < 1e-9
    assert feature_temporal_loss(features, features, flow, visible).item() > 0.1


def test_difference_loss_lets_the_painting_change_as_the_input_does():
    input_before, before = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    change = torch.rand(1, 3, 8, 8) - 0.5
    assert (
        frame_difference_loss(before + change, before, input_before + change, input_before).item()
        < 1e-12
    )
    assert frame_difference_loss(before + change, before, input_before, input_before).item() > 0.01
