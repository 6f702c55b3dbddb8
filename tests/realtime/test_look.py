import numpy as np
import pytest

from engines.errors import UnknownStyle, UsageError
from realtime.look import Look, parse_mix, style_vector


@pytest.mark.parametrize(
    ("text", "mix"),
    [
        ("great_wave", (("great_wave", 1.0),)),
        (" great_wave : 0.6 , starry_night:.4", (("great_wave", 0.6), ("starry_night", 0.4))),
        ("a,b:3", (("a", 1.0), ("b", 3.0))),
        ("a:1,a:2", (("a", 3.0),)),
    ],
)
def test_a_mix_is_names_with_weights(text, mix):
    assert parse_mix(text) == mix


@pytest.mark.parametrize("text", ["", " ", "a,,b", ":1", "a:", "a:x", "a:1:2"])
def test_a_mix_that_cannot_be_read_names_the_flag(text):
    with pytest.raises(UsageError, match="-s"):
        parse_mix(text)


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_a_weight_is_a_number_of_at_least_0(weight):
    with pytest.raises(UsageError, match="-s"):
        Look((("a", weight),))


@pytest.mark.parametrize("mix", [(), (("a", 0.0),), (("a", 0.0), ("b", 0.0))])
def test_something_must_have_a_weight(mix):
    with pytest.raises(UsageError, match="above 0"):
        Look(mix)


@pytest.mark.parametrize(
    ("flag", "values"),
    [("strength", (-0.01, 1.01)), ("brush", (0.49, 2.01)), ("stability", (-1, 1.5))],
)
def test_numbers_out_of_range_name_their_flag(flag, values):
    for value in (*values, float("nan")):
        with pytest.raises(UsageError, match=f"--{flag} must lie between"):
            Look((("a", 1.0),), **{flag: value})


@pytest.mark.parametrize(
    ("mix", "strength", "expected"),
    [
        ((("negative", 1.0),), 1.0, [0, 1, 0]),
        ((("negative", 1.0),), 0.25, [0.75, 0.25, 0]),
        ((("negative", 3.0), ("dim", 1.0)), 1.0, [0, 0.75, 0.25]),
        ((("original", 1.0), ("dim", 1.0)), 0.5, [0.75, 0, 0.25]),
        ((("negative", 1.0),), 0.0, [1, 0, 0]),
    ],
)
def test_the_style_vector_is_normalised_and_strength_leaves_the_rest_to_the_original(
    tiny_model, mix, strength, expected
):
    vector = style_vector(Look(mix, strength), tiny_model)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, expected, atol=1e-6)
    assert vector.sum() == pytest.approx(1)


def test_a_style_that_the_model_lacks_is_unknown(tiny_model):
    with pytest.raises(UnknownStyle, match="negative"):
        style_vector(Look((("negativ", 1.0),)), tiny_model)
