"""Black-outs, also of a picture that stands still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.controls.curtain import Curtain
from realtime.controls.state import State
from realtime.live.sources.synthetic import Synthetic
from realtime.look import Look
from realtime.picture.layers import LookPictures
from realtime.picture.veil import Veil
from tests.realtime.live.test_run import SIZE, Screen, live

STATE = State(("a",), Look((("a", 1.0),)))


def test_a_black_out_is_at_once_and_a_fade_takes_its_time():
    curtain = Curtain()
    assert curtain.level(STATE, 1.0) == 1.0 and not curtain.moves(STATE)
    assert curtain.level(replace(STATE, black=True), 2.0) == 0.0
    assert curtain.level(STATE, 3.0) == 1.0
    fades = replace(STATE, black=True, black_fade_s=2.0)
    levels = [curtain.level(fades, time_s) for time_s in (10.0, 10.5, 11.0, 12.5)]
    assert levels == pytest.approx([1.0, 0.75, 0.5, 0.0])
    back = replace(STATE, black_fade_s=2.0)
    assert curtain.moves(back)
    assert [curtain.level(back, t) for t in (20.0, 21.0, 23.0)] == pytest.approx([0.0, 0.5, 1.0])


def test_pixels_get_dark_and_the_frame_stays():
    pixels, veil = np.full((4, 6, 3), 200, np.uint8), Veil(None)
    assert veil.over(pixels, 1.0) is pixels
    assert (veil.over(pixels, 0.5) == 100).all() and not veil.over(pixels, 0.0).any()
    assert (pixels == 200).all()


def test_a_veil_covers_what_is_seen_through():
    pixels = np.full((4, 6, 4), 200, np.uint8)
    pixels[..., 3] = 0
    half, gone = (Veil(None).over(pixels, level) for level in (0.5, 0.0))
    assert (half[..., :3] == 100).all() and (np.abs(half[..., 3].astype(int) - 128) <= 1).all()
    assert (gone == (0, 0, 0, 255)).all()


def test_a_still_stands_in_the_middle_of_black():
    veil = Veil(np.full((10, 10, 3), 80, np.uint8))
    shown = veil.over(np.full((20, 60, 3), 200, np.uint8), 0.0)
    assert (shown[:, 20:40] == 80).all() and not shown[:, :20].any() and not shown[:, 40:].any()
    shown[:] = 0  # whoever has it may draw on it
    assert veil.over(np.full((20, 60, 3), 200, np.uint8), 0.0).any()
    half = veil.over(np.full((20, 60, 3), 200, np.uint8), 0.5)
    assert (half[:, 20:40] == 140).all() and (half[:, :20] == 100).all()
    odd = veil.over(np.full((9, 9, 3), 200, np.uint8), 0.0)
    assert odd.shape == (9, 9, 3) and (odd[:8, :8] == 80).all()


def test_a_still_is_shown_in_place_of_black():
    still = np.full((48, 64, 3), (10, 200, 30), np.uint8)
    screen = Screen({8: ["x"], 30: ["q"]}, size=SIZE)
    live(Synthetic(SIZE, fps=30), screen, pictures=LookPictures(still=still), duration_s=6).run()
    assert (screen.pictures[-1] == (10, 200, 30)).all(axis=2).mean() > 0.5


@pytest.mark.parametrize("before", [[], ["space"], ["c"]], ids=["runs", "frozen", "compared"])
def test_nobody_sees_anything_of_a_black_picture(before: list[str]):
    screen = Screen({4: before, 8: ["x"], 30: ["q"]}, size=(480, 640))
    live(Synthetic(SIZE, fps=30), screen, duration_s=6).run()
    assert (screen.pictures[5] > 100).mean() > 0.3
    # Only the line and the names of a comparison are drawn over it.
    assert (screen.pictures[-1] > 0).mean() < 0.07
