"""A leak shows through what comes and goes."""

from __future__ import annotations

import numpy as np

from bench.tools.growth import slope_of_lows

FRAMES = np.arange(0, 8000, 20)
COMES_AND_GOES = np.random.default_rng(0).choice([0, 0, 900, 4000], len(FRAMES))


def test_a_leak_of_a_twentieth_of_a_kib_a_frame_is_seen():
    leaking = 200_000 + 0.06 * FRAMES + COMES_AND_GOES
    assert slope_of_lows(FRAMES, leaking) > 0.05


def test_what_comes_and_goes_is_none():
    assert abs(slope_of_lows(FRAMES, 200_000 + COMES_AND_GOES)) < 0.01
