from itertools import pairwise

import numpy as np

from realtime.resample import Scaler
from realtime.steadiness import Steadiness

SIZE = (120, 160)


def shimmering(seed: int) -> np.ndarray:
    """A painting that changes although the picture does not."""
    return np.clip(np.random.default_rng(seed).normal(128, 12, (*SIZE, 3)), 0, 255).astype(np.uint8)


def still(seed: int) -> np.ndarray:
    """A still picture with a camera's noise."""
    return np.clip(np.random.default_rng(seed).normal(100, 2, (*SIZE, 3)), 0, 255).astype(np.uint8)


def shimmer(paintings: list[np.ndarray]) -> float:
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairwise(paintings)]))


def test_still_areas_do_not_shimmer():
    steady = Steadiness(Scaler())
    held = [steady.hold(still(i), shimmering(100 + i), 0.9) for i in range(20)]
    assert shimmer(held[5:]) < 0.3 * shimmer([shimmering(100 + i) for i in range(20)])


def test_what_moves_does_not_ghost():
    steady = Steadiness(Scaler())
    dark, light = np.full((*SIZE, 3), 20, np.uint8), np.full((*SIZE, 3), 220, np.uint8)
    for _ in range(5):
        steady.hold(dark, dark, 1.0)
    np.testing.assert_array_equal(steady.hold(light, light, 1.0), light)


def test_a_slow_drift_is_let_go():
    steady = Steadiness(Scaler())
    for level in range(60, 161):
        picture = np.full((*SIZE, 3), level, np.uint8)
        shown = steady.hold(picture, picture, 1.0)
    assert abs(int(shown[60, 80, 0]) - 160) <= 12


def test_reset_and_a_new_size_start_anew():
    steady = Steadiness(Scaler())
    steady.hold(still(0), shimmering(0), 1.0)
    steady.reset()
    np.testing.assert_array_equal(steady.hold(still(1), shimmering(1), 1.0), shimmering(1))
    small = shimmering(2)[:60, :80].copy()
    np.testing.assert_array_equal(steady.hold(still(2)[:60, :80].copy(), small, 1.0), small)
