import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import UsageError
from realtime.picture.sizes import (
    MAX_NETWORK_PIXELS,
    MAX_NETWORK_SIDE,
    SAME_SIZE,
    fit_size,
    network_size,
    parse_size,
    scaled,
    size_text,
)
from tests.realtime.properties import SIZES, few_examples


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


@few_examples
@given(SIZES)
def test_a_size_that_is_written_is_read_back(size):
    assert parse_size(size_text(size)) == size


@few_examples
@given(st.text(st.sampled_from("0123456789xX-. "), max_size=9) | st.text(max_size=9))
def test_whatever_is_no_size_is_said_as_such(text):
    try:
        size = parse_size(text, "--flag")
    except UsageError as error:
        assert str(error).startswith("--flag is WIDTHxHEIGHT")
    else:
        assert min(size) >= 1 and max(size) <= 16_384


@few_examples
@given(SIZES, st.floats(0.5, 2))
def test_the_network_runs_at_an_even_size_that_is_harmless(frame, brush):
    height, width = network_size(frame, brush)
    if (height, width) == frame:
        return
    assert height % 2 == width % 2 == 0 and min(height, width) >= 2
    # Sides are rounded to even numbers: by up to a pixel, or up to 2 where there is less than that.
    most = max(MAX_NETWORK_PIXELS, frame[0] * frame[1])
    assert (height - 2) * (width - 2) <= most
    assert max(height, width) <= max(MAX_NETWORK_SIDE, *frame) + 1


@few_examples
@given(SIZES, st.floats(0.5, 2))
def test_where_nothing_limits_it_the_short_side_has_480_lines_for_each_brush(frame, brush):
    size = network_size(frame, brush)
    scale = 480 / brush / min(frame)
    if abs(scale - 1) <= SAME_SIZE:
        assert size == frame
    elif frame[0] * frame[1] * scale**2 <= MAX_NETWORK_PIXELS and max(frame) * scale <= 16_384:
        assert abs(min(size) - 480 / brush) <= 1
        assert abs(max(size) - max(frame) * scale) <= 1


@few_examples
@given(SIZES, SIZES)
def test_what_is_fitted_into_a_box_lies_in_it(frame, box):
    fitted = fit_size(frame, box)
    assert all(side % 2 == 0 for side in fitted)
    assert all(side <= max(2, edge + 1) for side, edge in zip(fitted, box, strict=True))
