import numpy as np
import pytest

from realtime.picture.resample import Scaler, box_mean
from tests.conftest import moving_square


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (7, 9), (47, 63), (1, 4000), (4000, 1)])
def test_every_size_can_be_scaled_to_every_other(size):
    scaler = Scaler()
    pixels = moving_square(0, size)
    for target in ((1, 1), (2, 3), (31, 17), (480, 480)):
        assert scaler.resize(pixels, target).shape == (*target, 3)
        assert scaler.resize(pixels[..., 0].copy(), target).shape == target


def test_the_same_size_is_the_same_array():
    pixels = moving_square(0, (48, 64))
    assert Scaler().resize(pixels, (48, 64)) is pixels


def test_luma_is_bt601_full_range():
    colors = np.array(
        [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 100, 50]]],
        np.uint8,
    )
    expected = colors @ np.array([0.299, 0.587, 0.114])
    assert np.abs(Scaler().luma(colors).astype(float) - expected).max() <= 1


def test_averaging_down_is_averaging():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    expected = pixels.reshape(16, 4, 16, 4, 3).mean((1, 3))
    assert np.abs(Scaler().resize(pixels, (16, 16)) - expected).max() < 2


def test_box_mean_of_a_ramp_is_the_ramp():
    ramp = np.add.outer(np.arange(20.0), np.arange(30.0)).astype(np.float32)
    np.testing.assert_allclose(box_mean(ramp, 2), ramp[2:-2, 2:-2], atol=1e-4)


def test_guided_upsampling_gives_edges_of_the_frame_back_to_the_painting():
    frame = np.full((96, 96, 3), 30, np.uint8)
    frame[:, 50:] = 210
    scaler = Scaler()
    low = scaler.resize(frame, (24, 24))
    painting = 255 - low  # follows the frame with slope -1
    plain, guided = scaler.resize(painting, (96, 96)), scaler.guided_upsample(painting, frame, low)
    wanted = (255 - frame).astype(int)
    assert np.abs(guided - wanted).mean() < 0.4 * np.abs(plain - wanted).mean()


def test_guided_upsampling_pastes_no_texture_onto_flat_paint():
    random = np.random.default_rng(0)
    frame = np.clip(random.normal(128, 20, (96, 96, 1)), 0, 255).astype(np.uint8).repeat(3, 2)
    scaler = Scaler()
    painting = np.full((24, 24, 3), 90, np.uint8)
    assert (
        np.abs(
            scaler.guided_upsample(painting, frame, scaler.resize(frame, (24, 24))).astype(int) - 90
        ).max()
        <= 1
    )
