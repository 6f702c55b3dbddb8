"""The lattice and the texture of pictures whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.gradients import SIZE, smooth_gradients, texture

Y, X = np.indices(SIZE)


def on_a_gradient(drawn: np.ndarray) -> np.ndarray:
    """The wall, and (H, W) levels on it."""
    wall = smooth_gradients()[1] + drawn[..., None]
    return np.clip(np.rint(wall), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("gradient", smooth_gradients())
def test_smooth_gradients_have_no_texture(gradient: np.ndarray):
    assert gradient.shape == (*SIZE, 3)
    assert texture(gradient).levels < 0.5  # of rounding to whole levels


def test_the_gradients_are_the_colours_that_are_promised():
    sky, wall, dark = smooth_gradients()
    assert sky[0, 0].tolist() == [90, 130, 200] and sky[-1, -1].tolist() == [150, 190, 180]
    assert wall[-1, -1].tolist() == [150, 140, 135]
    assert dark[0, 0].tolist() == [35, 35, 40]


@pytest.mark.parametrize("cell", [4, 8])
def test_what_repeats_every_cell_is_a_lattice(cell: int):
    pattern = np.random.default_rng(0).normal(0, 8, (cell, cell))
    drawn = np.tile(pattern, (SIZE[0] // cell, SIZE[1] // cell))
    found = texture(on_a_gradient(drawn))
    assert found.lattice > 0.98
    assert found.levels == pytest.approx(pattern.std(), rel=0.06)


def test_white_noise_has_its_share_of_bins_and_its_deviation():
    noise = np.random.default_rng(0).normal(0, 6, SIZE)
    found = texture(on_a_gradient(noise))
    assert found.lattice == pytest.approx(5 / 60 * 5 / 80, rel=0.2)
    assert found.levels == pytest.approx(6, rel=0.05)


def test_a_lattice_in_one_direction_alone_is_none():
    """Strokes that run along the rows repeat in one direction, and are paint."""
    stripes = 8 * np.sin(2 * np.pi * X / 8 + np.random.default_rng(0).normal(0, 1, SIZE))
    assert texture(on_a_gradient(stripes)).lattice < 0.5


def test_own_cells_of_another_size_count_if_they_repeat_more():
    pattern = np.random.default_rng(0).normal(0, 8, (12, 12))
    drawn = np.tile(pattern, (SIZE[0] // 12, SIZE[1] // 12 + 1))[:, : SIZE[1]]
    found = on_a_gradient(drawn)
    assert texture(found).lattice < 0.3
    assert texture(found, [(12, 12)]).lattice > 0.95
    assert texture(found, [(5, 5)]) == texture(found)


def test_light_that_changes_slowly_is_no_texture():
    slow = 20 * np.sin(2 * np.pi * Y / 200)
    assert texture(on_a_gradient(slow)).levels < 1


def test_nothing_drawn_has_no_lattice():
    assert texture(np.full((*SIZE, 3), 90, np.uint8)) == type(texture(on_a_gradient(0 * X)))(0, 0)
