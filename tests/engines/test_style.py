"""What users call styles, and which style that is."""

from __future__ import annotations

import pytest

from engines import find_model
from engines.errors import UnknownStyle
from engines.style import Style, match_style

STYLES = (
    Style("original", "the untouched picture"),
    Style("starry_night", "The Starry Night", "Vincent van Gogh"),
    Style("great_wave", "The Great Wave off Kanagawa", "Katsushika Hokusai"),
    Style("irises", "Irises", "Vincent van Gogh"),
    Style("turning_road", "The Turning Road, L'Estaque", "André Derain"),
    Style("mont_sainte_victoire", "Mont Sainte-Victoire", "Paul Cézanne"),
    Style("80s", "", ""),
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("great_wave", "great_wave"), ("starry night", "starry_night"), ("GreatWave", "great_wave"),
        ("The Great Wave", "great_wave"), ("hokusai", "great_wave"), ("cezanne", STYLES[5].name),
        ("l'estaque", "turning_road"), ("the turning road", "turning_road"), ("80s", "80s"),
        ("van gogh irises", "irises"), ("gogh night", "starry_night"),
    ],
)  # fmt: skip
def test_anything_that_only_one_style_has_is_that_style(text: str, name: str):
    assert match_style(text, STYLES) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("van gogh", "irises or starry_night"), ("starry_nigth", "Did you mean starry_night"),
        ("st", "there is no style"), ("", "there is no style"), ("monet", "There are: original"),
    ],
)  # fmt: skip
def test_what_may_be_several_or_none_is_refused_with_what_to_type(text: str, said: str):
    with pytest.raises(UnknownStyle, match=said):
        match_style(text, STYLES)


def test_of_two_models_styles_of_one_name_are_one():
    assert match_style("irises", [*STYLES, *STYLES]) == "irises"


def test_every_style_that_ships_is_found_by_its_title():
    model = find_model(None, [])
    for style in model.styles[1:]:
        assert model.find_style(style.title) == style.name
    assert find_model(None, ["hokusai", "the scream"]).name == model.name
