from __future__ import annotations

import numpy as np
import pytest

from engines.networks.families import fast
from training.canvas import CELL_PX, CHANNELS, cell_centres, draw_field, moved, sample_canvas


def test_its_cells_are_those_of_the_network():
    assert CELL_PX == fast.CELL_PX
    assert cell_centres(64, 96).shape == (9, 13, 2)


@pytest.mark.parametrize("offset", [(0, 0), (0.5, 0.5), (0.25, 0.9), (-3.5, 1e4 + 0.5)])
def test_it_is_as_strong_at_any_offset(offset: tuple[float, float]):
    """Bilinear interpolation alone leaves a quarter of the variance between four grains."""
    y, x = np.mgrid[:64, :64].astype(float)
    points = np.stack([x + offset[0], y + offset[1]], axis=-1)
    canvases = [
        sample_canvas(draw_field(np.random.default_rng(seed)), points * [1, 1]) for seed in range(8)
    ]
    fine = np.stack(canvases)[:, 0]
    assert fine.dtype == np.float32
    assert fine.var() == pytest.approx(1, abs=0.03)
    broad = [
        sample_canvas(draw_field(np.random.default_rng(seed)), points * 3)[1] for seed in range(8)
    ]
    assert np.stack(broad).var() == pytest.approx(1, abs=0.03)


def test_it_is_the_same_for_a_seed():
    points = cell_centres(64, 64) / CELL_PX
    one, same, other = (
        sample_canvas(draw_field(np.random.default_rng(seed)), points) for seed in (1, 1, 2)
    )
    assert one.shape == (CHANNELS, 9, 9)
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).mean() > 0.3


def test_points_go_through_a_homography():
    motion = np.array([[0, -1, 5], [1, 0, 2], [0, 0.01, 1]])
    points = np.array([[[1.0, 2.0]]])
    np.testing.assert_allclose(moved(points, motion), [[[3 / 1.02, 3 / 1.02]]])
