import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engines import Models
from engines.errors import UnknownStyle, UsageError
from realtime.look import Look, by_model, mix_text, parse_behind, parse_mix, style_vector
from tests.realtime.properties import MIXES, few_examples


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
    [
        ("strength", (-0.01, 1.01)),
        ("brush", (0.49, 2.01)),
        ("stability", (-1, 1.5)),
        ("face", (-0.1, 1.1)),
    ],
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
    vector = style_vector(Look(mix, strength), Models((tiny_model,)))
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, expected, atol=1e-6)
    assert vector.sum() == pytest.approx(1)


def test_a_style_that_the_model_lacks_is_unknown(tiny_model):
    with pytest.raises(UnknownStyle, match="negative"):
        style_vector(Look((("negativ", 1.0),)), Models((tiny_model,)))


@few_examples
@given(MIXES)
def test_a_mix_that_is_written_is_read_back(mix):
    read = parse_mix(mix_text(mix))
    assert [name for name, _ in read] == [name for name, _ in mix]
    np.testing.assert_allclose([w for _, w in read], [w for _, w in mix], rtol=1e-5)
    assert parse_mix(mix_text(read)) == read  # six digits are kept from there on


@few_examples
@given(st.text(st.sampled_from("ab_:,. 01-einf\t"), max_size=12) | st.text(max_size=12))
@example("a:1_0")
def test_whatever_is_no_mix_is_said_as_such(text):
    try:
        mix = parse_mix(text)
    except UsageError as error:
        assert str(error).startswith("-s ")
    else:
        assert mix and all(name and name == name.strip() for name, _ in mix)
        assert not any(separator in name for name, _ in mix for separator in ":,")


@few_examples
@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=2), st.floats(0, 1))
def test_every_style_vector_is_a_set_of_shares(tiny_model, weights, strength):
    if not sum(weights) > 0:
        return
    look = Look((("negative", weights[0]), ("dim", weights[1])), strength)
    vector = style_vector(look, Models((tiny_model,)))
    assert vector.min() >= 0
    assert vector.sum() == pytest.approx(1, abs=1e-6)
    assert math.isclose(vector[0], 1 - strength, abs_tol=1e-6)


def test_behind_is_a_word_a_colour_a_style_or_a_file(tmp_path):
    picture = tmp_path / "beach.jpg"
    picture.touch()
    assert parse_behind(str(picture)) == ("picture", picture)
    for text in ("painting", "blur", "alpha", "original", "#1a2B3c", "great_wave", "a:0.6,b:0.4"):
        assert parse_behind(text) == (text, None)


@pytest.mark.parametrize("text", ["beach.jpg", "no/such/file", "#12345", "#ggg000", "picture", ""])
def test_what_is_nothing_to_stand_behind_is_refused_with_what_is(text):
    with pytest.raises(UsageError, match=r"--behind .*#1a2b3c"):
        parse_behind(text)


def test_who_is_painted_is_one_of_three():
    with pytest.raises(UsageError, match="all, person, background"):
        Look((("a", 1.0),), paint="nobody")
    assert Look((("a", 1.0),), behind="#0a0b0c").behind_color == (10, 11, 12)
    assert not Look((("a", 1.0),)).sees_people and Look((("a", 1.0),), face=0.5).sees_people


def test_the_style_inputs_of_several_models_are_one_vector(tiny_model, inky_model):
    models = Models((tiny_model, inky_model))
    vector = style_vector(Look((("wash", 3.0), ("sepia", 1.0)), 0.8), models)
    np.testing.assert_allclose(vector, [0.2, 0, 0, 0.2, 0.6], atol=1e-6)
    ((model, share, style),) = by_model(vector, models)
    assert (model.name, style.dtype) == ("inky", np.float32)
    assert share == pytest.approx(0.8) and style.tolist() == [0, *vector[3:].tolist()]
    half = (vector + style_vector(Look((("dim", 1.0),)), models)) / 2
    (dim, wash) = by_model(half, models)
    assert (dim[0].name, dim[1], dim[2].tolist()) == ("tiny", 0.5, [0, 0, 1])
    assert (wash[0].name, wash[1]) == ("inky", pytest.approx(0.4))
    np.testing.assert_allclose(wash[2], [0, 0.25, 0.75], atol=1e-6)
    assert not by_model(style_vector(Look((("original", 1.0),)), models), models)
    with pytest.raises(UsageError, match="do not blend"):
        style_vector(Look((("wash", 1.0), ("dim", 1.0))), models)
