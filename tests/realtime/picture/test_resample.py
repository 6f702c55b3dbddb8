import numpy as np
import pytest

from realtime.picture.resample import Scaler, box_mean, fit_size, network_size
from tests.conftest import moving_square


@pytest.mark.parametrize(
    ("frame", "brush", "expected"),
    [
        ((480, 640), 1.0, (480, 640)),
        ((480, 512), 1.0, (480, 512)),
        ((1080, 1920), 1.0, (480, 854)),
        ((1920, 1080), 1.0, (854, 480)),
        ((272, 640), 1.0, (480, 1130)),
        ((480, 640), 2.0, (240, 320)),
        ((480, 640), 0.5, (960, 1280)),
        ((481, 641), 1.0, (481, 641)),  # within 5 %: as it is
        ((1, 1), 1.0, (480, 480)),
    ],
)
def test_brush_1_is_the_look_at_480_lines_whatever_the_frame(frame, brush, expected):
    assert network_size(frame, brush) == expected


@pytest.mark.parametrize("frame", [(1, 4000), (4000, 1), (1, 100_000), (4320, 7680), (3, 3), (2, 9000)])
def test_the_network_size_stays_harmless(frame):
    for brush in (0.5, 1.0, 2.0):
        height, width = network_size(frame, brush)
        assert min(height, width) >= 1
        assert height * width <= 1.02 * max(2_000_000, frame[0] * frame[1]) or min(frame) == 1
        assert max(height, width) <= max(16_384, *frame)


def test_fit_size_keeps_the_shape_and_is_even():
    assert fit_size((1080, 1920), (480, 640)) == (360, 640)
    assert fit_size((1080, 1920), (480, 640), stretch=True) == (480, 640)
    assert fit_size((99, 33), (50, 50)) == (50, 16)
    assert fit_size((1, 4000), (2, 2)) == (2, 2)


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
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [200, 100, 50]]], np.uint8)
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
    assert np.abs(scaler.guided_upsample(painting, frame, scaler.resize(frame, (24, 24))).astype(int) - 90).max() <= 1
