"""The matting Laplacian: as it is written in the paper, blind to what is linear in the colours."""

from __future__ import annotations

import numpy as np
import pytest

from tests.small_frame import small_frame
from training.photoreal.matting import (
    EPSILON,
    apply_maps,
    local_maps,
    matting_energy,
    matting_laplacian,
)


def laplacian_as_written(photo: np.ndarray) -> np.ndarray:
    """Levin et al. 2008, equation 12, pair by pair."""
    height, width = photo.shape[:2]
    colours = photo.reshape(-1, 3) / 255
    matrix = np.zeros((height * width, height * width))
    for y in range(height - 2):
        for x in range(width - 2):
            places = [(y + a) * width + x + b for a in range(3) for b in range(3)]
            window = colours[places]
            mean, covariance = window.mean(0), np.cov(window.T, bias=True)
            inverse = np.linalg.inv(covariance + EPSILON / 9 * np.eye(3))
            for i in places:
                for j in places:
                    leaned = (colours[i] - mean) @ inverse @ (colours[j] - mean)
                    matrix[i, j] += (i == j) - (1 + leaned) / 9
    return matrix


@pytest.mark.parametrize("size", [(3, 3), (5, 8), (9, 6)])
def test_is_what_the_paper_says(size: tuple[int, int]):
    photo = small_frame(*size, 1)
    found = matting_laplacian(photo)
    np.testing.assert_allclose(found.toarray(), laplacian_as_written(photo), atol=1e-9)
    assert found.nnz <= 25 * size[0] * size[1]


def test_what_is_constant_and_what_is_linear_in_the_colours_costs_nothing():
    photo = small_frame(12, 10, 1)
    laplacian = matting_laplacian(photo)
    assert np.abs(laplacian @ np.ones(120)).max() < 1e-9
    linear = (photo.reshape(-1, 3) / 255) @ [0.3, -0.2, 0.7] + 0.1
    other = small_frame(12, 10, 2).reshape(-1, 3)[:, 0] / 255
    assert linear @ laplacian @ linear < 1e-3 * (other @ laplacian @ other)


def test_a_photo_of_one_colour_has_one_too():
    laplacian = matting_laplacian(np.full((4, 5, 3), 90, np.uint8))
    assert np.isfinite(laplacian.data).all()
    assert np.abs(laplacian @ np.ones(20)).max() < 1e-9


def test_the_measure_is_its_energy_per_window():
    photo, picture = small_frame(12, 10, 1), small_frame(12, 10, 2)
    colours = picture.reshape(-1, 3) / 255
    energy = (colours * (matting_laplacian(photo) @ colours)).sum() / (10 * 8)
    assert matting_energy(picture, photo) == pytest.approx(energy, rel=1e-6)
    assert matting_energy(photo, photo) < 1e-4 * energy


def test_smoothing_keeps_what_is_linear_and_takes_away_what_the_photo_has_not():
    photo = small_frame(40, 48, 1)
    dimmed = (photo * 0.5 + 40).astype(np.uint8)
    kept = apply_maps(local_maps(photo, dimmed, 3, 1e-4), photo)
    assert np.abs(kept.astype(int) - dimmed).max() <= 2
    spotted = dimmed.copy()
    spotted[::5, ::5] = 255
    cleaned = apply_maps(local_maps(photo, spotted, 3, 1e-4), photo)
    assert matting_energy(cleaned, photo) < 0.1 * matting_energy(spotted, photo)


def test_maps_are_for_the_photo_at_any_size():
    photo = small_frame(40, 48, 1)
    dimmed = (photo * 0.5 + 40).astype(np.uint8)
    large = photo.repeat(3, 0).repeat(2, 1)
    found = apply_maps(local_maps(photo, dimmed, 3, 1e-6), large)
    assert (found.shape, found.dtype) == (large.shape, np.uint8)
    assert np.abs(found - (large * 0.5 + 40)).max() <= 3
