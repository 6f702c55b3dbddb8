from __future__ import annotations

import numpy as np
import torch

from training.losses import (
    calm_loss,
    colours,
    content_loss,
    contrast_loss,
    even_areas,
    gram_matrix,
    grid_loss,
    likeness_loss,
    masked_gram,
    palette_loss,
    range_loss,
    statistics,
    statistics_loss,
    style_loss,
    style_loss_by_region,
    tone_loss,
    tv_loss,
)


def test_gram_matrix_is_the_definition():
    features = torch.randn(2, 3, 4, 5)
    flat = features[1].reshape(3, 20).numpy()
    np.testing.assert_allclose(gram_matrix(features)[1].numpy(), flat @ flat.T / 60, rtol=1e-5)


def test_gram_matrix_gradient_is_autograds():
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    target = torch.randn(1, 3, 3)
    (gram_matrix(features) - target).square().sum().backward()
    ours = features.grad.clone()
    features.grad = None
    flat = features.reshape(1, 3, 20)
    ((flat @ flat.transpose(1, 2) / 60).float() - target).square().sum().backward()
    torch.testing.assert_close(ours, features.grad, rtol=1e-4, atol=1e-7)


def test_style_and_content_losses_are_relative():
    gram = torch.rand(2, 4, 4)
    assert style_loss([gram, gram], [gram, gram]).abs().max() == 0
    torch.testing.assert_close(style_loss([gram * 0], [gram]), torch.ones(2))
    torch.testing.assert_close(style_loss([gram * 20], [gram * 10]), torch.ones(2))
    features = torch.rand(2, 4, 3, 3)
    torch.testing.assert_close(content_loss(features * 0, features), torch.ones(2))


def test_masked_gram_is_that_of_what_is_inside():
    features, mask = torch.randn(2, 3, 6, 8), torch.zeros(2, 1, 6, 8)
    torch.testing.assert_close(masked_gram(features, mask + 1), gram_matrix(features))
    mask[..., 1:4, 2:7] = 1
    inside = features[..., 1:4, 2:7]
    torch.testing.assert_close(masked_gram(features, mask), gram_matrix(inside))
    assert masked_gram(features, mask * 0).abs().max() == 0


def test_style_layers_have_weights():
    one, two = torch.rand(2, 4, 4), torch.rand(2, 4, 4)
    both = style_loss([one, one], [two, one])
    torch.testing.assert_close(style_loss([one, one], [two, one], (3.0, 1.0)), 1.5 * both)


def test_style_by_region_is_the_mean_of_those_that_there_are():
    features, targets = torch.rand(2, 4, 16, 16), [torch.rand(2, 4, 4)]
    whole, face = torch.ones(2, 1, 32, 32), torch.zeros(2, 1, 32, 32)
    face[0, :, 8:24, 8:24] = 1
    face[1, :, :2, :2] = 1  # too little to tell
    parts = [
        style_loss([masked_gram(features, mask[..., ::2, ::2])], targets) for mask in (whole, face)
    ]
    loss = style_loss_by_region([features], targets, [(whole, 1), (face, 1), (whole * 0, 1)])
    torch.testing.assert_close(loss[0], (parts[0][0] + parts[1][0]) / 2)
    torch.testing.assert_close(loss[1], parts[0][1])


def test_even_areas_are_those_without_anything_but_light():
    photo = torch.linspace(0.4, 0.5, 128).expand(1, 3, 64, 128).clone()  # six levels a cell
    photo += torch.randn(1, 3, 64, 128) * 0.004  # the camera's noise
    photo[..., 64:] = torch.rand(1, 1, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    even = even_areas(photo)
    assert even.shape == (1, 1, 64, 128)
    assert even[..., :32].all() and not even[..., 64:].any()


def test_statistics_are_mean_and_deviation_and_their_loss_is_relative():
    features = torch.rand(2, 5, 6, 7)
    found = statistics(features)
    torch.testing.assert_close(found[1, 0, 3], features[1, 3].mean())
    torch.testing.assert_close(found[1, 1, 3], features[1, 3].std())
    assert statistics_loss([found, found], [found, found]).abs().max() == 0
    torch.testing.assert_close(statistics_loss([found * 0], [found]), torch.ones(2))


def test_contrast_loss_asks_for_no_more_than_the_photo_has():
    photo = torch.rand(2, 3, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3) / 2
    assert contrast_loss(2 * photo, photo).abs().max() == 0
    assert contrast_loss(photo, photo).max() < 0.05
    faint, none = contrast_loss(photo / 2, photo), contrast_loss(photo * 0, photo)
    assert (none > faint).all() and (faint > 0.2).all()
    torch.testing.assert_close(none, torch.ones(2))
    # Fine strokes do not pay for light and dark over areas.
    strokes = torch.rand(2, 1, 64, 64).round().expand(2, 3, 64, 64)
    assert (contrast_loss(strokes, photo) > 0.1).all()


def test_grid_loss_sees_a_checkerboard_and_no_edge():
    grid = torch.zeros(1, 1, 64, 64)
    grid[:, :, ::4] = 1
    torch.testing.assert_close(grid_loss(grid), torch.tensor([3 / 16]))
    edge = torch.zeros(1, 1, 64, 64)
    edge[:, :, 32:] = 1
    assert grid_loss(edge).item() == 0


def test_calm_loss_counts_paint_on_even_areas_alone():
    photo = torch.full((1, 3, 32, 64), 0.5)
    photo[..., 32:] = torch.rand(1, 1, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    on_wall, on_things = photo * 0, photo * 0
    on_wall[..., 4:20:2] = 0.2
    on_things[..., 44:60:2] = 0.2
    assert calm_loss(on_wall, photo) > 20 * calm_loss(on_things, photo)
    assert calm_loss(on_wall * 0 + 0.7, photo) == 0


def test_tv_and_range_by_hand():
    image = torch.zeros(1, 1, 2, 2)
    image[0, 0, 0, 0] = 1
    torch.testing.assert_close(tv_loss(image), torch.tensor([1.0]))
    torch.testing.assert_close(
        range_loss(torch.tensor([[[[1.5, -0.5], [0.3, 1.0]]]])), torch.tensor([0.125])
    )


def test_tone_loss_is_blind_to_palette_and_sees_shade():
    photo = torch.rand(1, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    luminance = (photo * torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)).sum(
        1, keepdim=True
    )
    tinted = torch.cat([luminance * 0.9, luminance * 0.9, luminance * 0.9 + 0.1], 1)
    assert tone_loss(tinted, photo).item() < 0.05
    assert tone_loss(1 - photo, photo).item() > 1
    assert tone_loss(photo * 0 + 0.5, photo).item() > 0.3


def test_tone_counts_by_place():
    photo = torch.rand(1, 3, 32, 32)
    seen = photo.clone()
    seen[..., :8, :8] = 1 - seen[..., :8, :8]
    weight = torch.ones(1, 1, 32, 32)
    weight[..., :8, :8] = 5
    assert tone_loss(seen, photo, weight).item() > 2 * tone_loss(seen, photo).item() > 0


def test_likeness_sees_features_of_large_and_small_faces():
    """Eyes that are moved cost as much in a small face; palette and skin cost next to nothing."""

    def drawn(side_px: int, eyes: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        head = torch.full((1, 3, 20, 20), 0.7)
        head[..., 6:8, eyes[0] : eyes[0] + 4] = head[..., 6:8, eyes[1] : eyes[1] + 4] = 0.1
        picture = torch.rand(1, 3, 240, 240)
        face = torch.zeros(1, 1, 240, 240)
        scale = side_px // 20
        large = head.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
        picture[..., :side_px, :side_px], face[..., :side_px, :side_px] = large, 1
        return picture, face

    for side_px in (60, 240):
        photo, face = drawn(side_px, (3, 13))
        skin = photo + 0.1 * (torch.rand(1, 1, 240, 240) - 0.5)
        assert likeness_loss(skin * 0.5 + 0.2, photo, face).item() < 0.1
        assert likeness_loss(drawn(side_px, (7, 13))[0], photo, face).item() > 0.5
        assert likeness_loss(1 - photo, photo, face).item() > 3
    assert likeness_loss(1 - photo, photo, face * 0).item() == 0


def test_content_counts_by_place():
    target, seen = torch.ones(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
    seen[..., 0, 0] = 2
    weight = torch.ones(1, 1, 8, 8)
    weight[..., :2, :2] = 5
    plain, weighted = content_loss(seen, target), content_loss(seen, target, weight)
    torch.testing.assert_close(weighted, 5 * plain)


def test_a_palette_is_near_when_the_colours_are_wherever_they_lie():
    painting = torch.rand(1, 3, 16, 16, generator=torch.manual_seed(0)) * 0.5
    painting[:, 0] += 0.4
    mean, covariance = colours(painting)
    moved = painting.flip(2).transpose(2, 3)
    assert palette_loss(moved, mean, covariance).item() < 1e-6
    grey = painting.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert palette_loss(grey, mean, covariance).item() > 0.5
    flat = torch.full_like(painting, 0.5)
    assert torch.isfinite(palette_loss(painting, *colours(flat))).all()
