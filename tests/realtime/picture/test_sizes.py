import pytest

from engines.errors import UsageError
from realtime.picture.sizes import fit_size, network_size, parse_size, scaled, size_text


def test_sizes_are_written_as_a_user_does():
    assert size_text((480, 640)) == "640x480"


@pytest.mark.parametrize(("text", "expected"), [("640x480", (480, 640)), ("1X2", (2, 1))])
def test_a_size_is_width_x_height(text, expected):
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text", ["", "640", "0x480", "640x", "-1x5", "99999x5", "6.5x4", "640x480x3"]
)
def test_other_sizes_name_the_flag(text):
    with pytest.raises(UsageError, match="--size"):
        parse_size(text)


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


@pytest.mark.parametrize(
    "frame", [(1, 4000), (4000, 1), (1, 100_000), (4320, 7680), (3, 3), (2, 9000)]
)
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


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [((480, 640), 1, (480, 640)), ((480, 640), 0.75, (360, 480)), ((3, 3), 0.5, (2, 2))],
)
def test_scaled_sizes_are_even(size, scale, expected):
    assert scaled(size, scale) == expected
