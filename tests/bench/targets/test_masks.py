"""How masks are compared."""

import numpy as np
import pytest

from bench.targets.masks import edge_score, overlap


def square(left: int) -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[20:40, left : left + 20] = True
    return mask


def test_masks_that_lie_on_each_other_are_alike():
    assert overlap(square(10), square(10)) == edge_score(square(10), square(10)) == 1
    assert overlap(square(10), square(50)) == edge_score(square(10), square(50)) == 0
    assert overlap(square(10), square(20)) == pytest.approx(1 / 3)
    assert edge_score(square(10), np.zeros((60, 80), bool)) == 0


def test_edges_count_as_met_within_three_pixels():
    assert edge_score(square(10), square(13)) == 1
    assert edge_score(square(10), square(16)) < 0.75


def test_the_border_of_a_picture_is_no_edge():
    whole = np.ones((60, 80), bool)
    assert edge_score(whole, whole) == 0
