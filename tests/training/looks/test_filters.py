"""Each look: a filter that is what it says, here and now, whatever lies far away."""

from __future__ import annotations

import numpy as np
import pytest

from tests.small_frame import small_frame
from training.looks.filters import LOOKS
from training.looks.structure import along, flatten, lines, steps, tangents

SIZE = (160, 200)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return small_frame(*SIZE).astype(np.float32) / 255


@pytest.fixture(scope="module")
def drawn(photo: np.ndarray) -> dict[str, np.ndarray]:
    return {name: draw(photo) for name, draw in LOOKS.items()}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_a_picture_of_its_own(name, photo, drawn):
    look = drawn[name]
    assert look.shape == photo.shape and look.dtype == np.float32
    assert look.min() >= 0 and look.max() <= 1
    for other, picture in [("photo", photo), *drawn.items()]:
        if other != name:
            assert np.abs(look - picture).mean() > 0.02, other


@pytest.mark.parametrize("name", LOOKS)
def test_what_lies_far_away_changes_nothing_here(name, photo, drawn):
    other = photo.copy()
    other[:, 150:] = 1 - other[:, 150:]
    again = LOOKS[name](other)
    assert np.abs(again - drawn[name])[:, :60].mean() < 1e-4


@pytest.mark.parametrize("name", LOOKS)
def test_a_little_noise_changes_little(name, photo, drawn):
    noise = np.random.default_rng(0).normal(0, 1 / 255, photo.shape)
    again = LOOKS[name](np.clip(photo + noise, 0, 1).astype(np.float32))
    assert np.abs(again - drawn[name]).mean() < 0.02


def test_lines_run_where_it_is_dark_beside_an_edge_and_nowhere_else():
    light = np.full((60, 60), 0.2, np.float32)
    light[:, 30:] = 0.8
    found = lines(light, 1.3, 38)
    assert found[30, 27:30].max() > 0.8
    assert found[:, :20].max() < 0.01 and found[:, 40:].max() < 0.01


def test_tangents_run_along_an_edge():
    light = np.tile(np.linspace(0, 1, 40, dtype=np.float32), (40, 1))
    assert np.abs(tangents(light, 2.0)[20, 20]) == pytest.approx([0, 1], abs=1e-3)


def test_averages_are_taken_along_and_not_across():
    stripes = np.tile(np.float32([0, 0, 1, 1] * 10), (40, 1))
    ways = np.tile(np.float32([0, 1]), (40, 40, 1))
    assert along(stripes, ways, 5) == pytest.approx(stripes, abs=1e-5)
    across = along(stripes, ways[..., ::-1], 5)
    assert across[:, 10:30].std() < 0.2 * stripes.std()


def test_areas_become_flat_and_edges_stay():
    random = np.random.default_rng(0)
    picture = np.zeros((60, 60, 3), np.float32) + 0.3
    picture[:, 30:] = 0.7
    flat = flatten(picture + random.normal(0, 0.05, picture.shape).astype(np.float32), 4)
    assert flat[10:50, 5:25].std() < 0.02
    assert flat[10:50, 32:].mean() - flat[10:50, :28].mean() > 0.38


def test_steps_are_few_and_never_turn_back():
    light = np.linspace(0, 1, 500, dtype=np.float32)
    stepped = steps(light, 5, 12)
    assert (np.diff(stepped) >= -1e-6).all()
    near = np.abs(5 * stepped - np.round(5 * stepped)) < 0.1
    assert near.mean() > 0.7
    assert np.abs(stepped - light).max() <= 0.11
