"""The figures of a picture on pictures whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from training.evaluate.looks import (
    colourfulness,
    contrast,
    correlation,
    face_details,
    luma,
    tone,
)
from training.evaluate.regions import EVEN, FACE, REST, even_areas, find_regions


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage.data import astronaut

    return astronaut()[:384]


def test_luma_is_that_of_bt_601():
    picture = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert luma(picture)[0] == pytest.approx([76.2, 149.7, 29.1, 255], abs=0.1)


def test_a_picture_is_all_like_itself_and_its_negative_is_the_opposite(photo: np.ndarray):
    assert tone(photo, photo) == contrast(photo, photo) == pytest.approx(1)
    assert tone(255 - photo, photo) == pytest.approx(-1)
    assert contrast(photo // 2, photo) == pytest.approx(0.5, abs=0.01)


def test_what_is_even_has_no_tone_and_says_so(photo: np.ndarray):
    grey = np.full_like(photo, 100)
    assert math.isnan(tone(grey, photo))
    assert math.isnan(contrast(photo, grey))


def test_tone_sees_broad_light_and_not_what_is_inside_of_a_cell(photo: np.ndarray):
    checks = np.where(np.indices(photo.shape[:2]).sum(0) % 2, 40, -40)[..., None]
    striped = np.clip(photo // 2 + 64 + checks, 0, 255).astype(np.uint8)
    assert tone(striped, photo) > 0.999
    noise = np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8)
    assert abs(tone(noise, photo)) < 0.1


def test_colourfulness_is_that_of_the_paper():
    grey = np.repeat(np.random.default_rng(0).integers(0, 256, (8, 8, 1), np.uint8), 3, axis=2)
    assert colourfulness(grey) == 0
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200  # rg = 200, yb = 100 everywhere
    assert colourfulness(red) == pytest.approx(0.3 * math.hypot(200, 100))
    half = red.copy()
    half[:4] = 0
    assert colourfulness(half) == pytest.approx((1 + 0.3) * math.hypot(100, 50))


def test_detail_is_what_a_blur_takes_away_inside_of_the_box(photo: np.ndarray):
    (detail,) = face_details(photo, [(200, 60, 280, 140)])
    assert detail.shape == (80, 80)
    brighter = np.clip(photo.astype(int) // 2 + 60, 0, 255).astype(np.uint8)
    assert correlation(detail, face_details(brighter, [(200, 60, 280, 140)])[0]) > 0.98
    noise = np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8)
    assert abs(correlation(detail, face_details(noise, [(200, 60, 280, 140)])[0])) < 0.1
    (cut,) = face_details(photo, [(-20, -10, 30, 40)])
    assert cut.shape == (40, 30)


def test_even_areas_are_cells_that_hardly_vary():
    picture = np.full((96, 202, 3), 120, np.uint8)
    down = np.linspace(0, 1, 32)[:, None, None]
    picture[:32, :32] += (11 * down).astype(np.uint8)
    picture[:32, 64:96] += (15 * down).astype(np.uint8)  # spans too much
    picture[:32, 128:160] += (9 * (down > 0.5)).astype(np.uint8)  # deviates by 4.5
    picture[64:, 0:32] += np.random.default_rng(0).integers(0, 9, (32, 32, 3), np.uint8)  # grain
    even = even_areas(picture)
    cells = {at: bool(even[at]) for at in ((5, 5), (5, 70), (5, 140), (70, 5), (70, 100))}
    assert list(cells.values()) == [True, False, False, True, True]
    assert not even[:, 192:].any()  # less than a cell


def test_regions_cover_a_picture_once():
    picture = np.full((96, 96, 3), 120, np.uint8)
    picture[64:] = np.random.default_rng(0).integers(0, 256, (32, 96, 3))
    found = find_regions(picture, [(-4, 10, 20, 50)])
    assert (sum(mask.astype(int) for mask in found.values()) == 1).all()
    assert found[FACE].sum() == 20 * 40
    assert found[EVEN][2, 2] and not found[EVEN][20, 10]
    assert found[REST][80].all()
