"""Pictures laid over each other where masks say so."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.picture.layers import NO_PICTURES, Backdrops, LookPictures, lay_over, shares
from tests.small_frame import small_frame

FRAME, OTHER = small_frame(70, 90, 1), small_frame(70, 90, 2)


def half_mask(size: tuple[int, int] = (70, 90)) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    mask[:, : size[1] // 2] = 255
    return mask


def test_a_whole_share_is_bit_for_bit():
    out = lay_over(FRAME, OTHER, shares(half_mask(), 0, 1))
    np.testing.assert_array_equal(out[:, :45], OTHER[:, :45])
    np.testing.assert_array_equal(out[:, 45:], FRAME[:, 45:])


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_a_part_of_a_share_is_rounded_to_the_nearest(share: float):
    out = lay_over(FRAME, OTHER, shares(half_mask(), share, share))
    exact = FRAME + (OTHER.astype(float) - FRAME) * share
    assert np.abs(out - exact).max() <= 0.51
    assert abs((out - exact).mean()) < 0.26  # halves go one way


def test_shares_between_two_follow_their_weights():
    grey = np.full((1, 1), 128, np.uint8)
    assert shares(grey, 0, 1)[0, 0] == pytest.approx(0.5, abs=0.01)
    assert shares(grey, 0, 1, weigh_out=1, weigh_in=0)[0, 0] == 0
    assert shares(grey, 0, 1, weigh_out=0.25, weigh_in=0.75)[0, 0] == pytest.approx(0.75, abs=0.01)


def test_a_colour_and_a_picture_stand_behind_a_person():
    mask = half_mask()
    red = Backdrops(None).behind(FRAME, mask, blur=False, color=(200, 10, 20))
    assert (red == (200, 10, 20)).all() and red.shape == FRAME.shape
    wide = np.zeros((50, 400, 3), np.uint8)
    wide[:, 150:250] = 255  # what is left of it is its middle
    covered = Backdrops(wide).behind(FRAME, mask, blur=False, color=None)
    assert covered.shape == FRAME.shape and (covered[:, 20:70] == 255).all()


def test_a_blurred_room_has_nothing_of_who_stands_before_it():
    room, mask = np.full((240, 320, 3), 90, np.uint8), np.zeros((240, 320), np.uint8)
    room[60:, 100:200], mask[60:, 100:200] = 255, 255
    blurred = Backdrops(None).behind(room, mask, blur=True, color=None)
    assert np.abs(blurred.astype(int) - 90).max() <= 3


def test_a_blur_has_no_edges_left():
    room = np.zeros((240, 320, 3), np.uint8)
    room[:, 160:] = 255
    blurred = Backdrops(None).behind(room, np.zeros((240, 320), np.uint8), blur=True, color=None)
    steps = np.abs(np.diff(blurred[120, :, 0].astype(int)))
    assert steps.max() < 20 and np.ptp(blurred) > 200


def test_pictures_are_told_apart_by_their_pixels():
    one, two = LookPictures(backdrop=FRAME), LookPictures(backdrop=OTHER)
    assert NO_PICTURES.digest == "" and one.digest != two.digest != ""
    assert one.digest == LookPictures(backdrop=FRAME.copy()).digest
