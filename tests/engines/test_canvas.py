from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from engines.canvas import CHANNELS, STILL, Canvas, View, canvas_shape, draw_canvas


def view(zoom: float = 1, turn: float = 0, right: float = 0, down: float = 0) -> View:
    cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)
    return ((cos, -sin, right), (sin, cos, down))


def test_has_noise_for_every_cell_and_half_a_one_more():
    assert canvas_shape((480, 640), 12) == (41, 55)
    assert canvas_shape((1, 13), 12) == (2, 3)
    assert draw_canvas((480, 640), 12).shape == (CHANNELS, 41, 55)
    assert draw_canvas((480, 640), 12).dtype == np.float32


def test_a_hash_that_any_language_can_give():
    """Other runtimes draw the same canvas; these numbers are theirs to meet."""
    drawn = draw_canvas((12, 12), 12, seed=3)[:, 0]
    np.testing.assert_allclose(drawn, EXPECTED, atol=1e-6)


EXPECTED = [[-0.588281, 0.339764], [0.309626, 1.155188]]


@pytest.mark.parametrize(
    "seen",
    [STILL, view(right=1 / 80, down=1 / 80), view(0.7, 0.3), view(1.9, right=-1e4), view(0.11)],
    ids=["still", "between grains", "turned", "far away", "close"],
)
def test_it_is_as_strong_through_any_view(seen: View):
    drawn = np.stack([draw_canvas((480, 640), 12, seed, seen) for seed in range(12)])
    assert drawn.mean() == pytest.approx(0, abs=0.02)
    np.testing.assert_allclose(drawn.std((0, 2, 3)), 1, atol=0.04)


def test_it_is_the_same_for_a_seed_alone():
    one, other = (draw_canvas((96, 96), 12, seed) for seed in (1, 2))
    np.testing.assert_array_equal(one, draw_canvas((96, 96), 12))
    assert np.abs(one - other).mean() > 0.5


def test_a_pan_of_whole_cells_moves_it():
    now = draw_canvas((480, 640), 12, view=view(right=12 / 480, down=-24 / 480))
    before = draw_canvas((480, 640), 12)
    np.testing.assert_allclose(now[:, 2:, :-1], before[:, :-2, 1:], atol=1e-4)


@pytest.mark.parametrize("lines", [360, 432, 540, 660])
def test_another_size_of_the_network_leaves_the_room_as_it_is(lines: int):
    """The same place has nearly the same noise, averaged over what both can show."""
    whole, other = (draw_canvas((height, height * 4 // 3), 12)[1] for height in (480, lines))
    import cv2

    shrunk = [cv2.resize(plane, (16, 12), interpolation=cv2.INTER_AREA) for plane in (whole, other)]
    assert np.corrcoef(shrunk[0].ravel(), shrunk[1].ravel())[0, 1] > 0.6


def test_octaves_change_without_a_step():
    """A slow zoom never changes much from one frame to the next."""
    zooms = np.exp2(np.linspace(-1, 1, 401))
    seen = [draw_canvas((240, 320), 12, view=view(zoom)) for zoom in zooms]
    steps = [np.abs(after - before).mean() for before, after in itertools.pairwise(seen)]
    assert max(steps) < 4 * np.median(steps)


def test_a_style_has_the_strength_that_it_is_meant_to_have():
    canvas = Canvas(12, (1.0, 0.5, 1.5))
    style = np.array([[0, 1, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [1, 0, 0]], np.float32)
    drawn = canvas.draw((24, 24), style)
    noise = draw_canvas((24, 24), 12)
    assert drawn.shape == (4, *canvas.shape((24, 24)))
    for one, strength in zip(drawn, (0.5, 1.5, 1.0, 0.0), strict=True):
        np.testing.assert_allclose(one, noise * strength, atol=1e-6)
    np.testing.assert_allclose(canvas.draw((24, 24), style, strength=0.5)[0], noise * 0.25)
