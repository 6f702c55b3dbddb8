from dataclasses import replace

import pytest

from realtime.controls import COMMANDS, KEYS, State, help_rows, perform, press, step
from realtime.look import STRENGTH_RANGE, Look

STYLES = ("great_wave", "starry_night", "the_scream")


@pytest.fixture
def state() -> State:
    return State(STYLES, Look((("great_wave", 1.0),)), painting=(("great_wave", 1.0),))


def press_all(state: State, *keys: str) -> State:
    for key in keys:
        state = press(state, key)
    return state


def test_digits_pick_styles_and_zero_goes_to_the_original_and_back(state: State):
    assert press(state, "2").look.mix == (("starry_night", 1.0),)
    original = press_all(state, "3", "0")
    assert original.look.mix == (("original", 1.0),) and original.number == 0
    assert press(original, "0").look.mix == (("the_scream", 1.0),)


def test_a_digit_without_a_style_changes_nothing_and_says_so(state: State):
    after = press(state, "7")
    assert after.look == state.look
    assert "no style 7" in after.said


@pytest.mark.parametrize(
    ("keys", "number"),
    [(["right"], 2), (["left"], 3), (["right"] * 3, 1), (["n", "p"], 1), (["0", "right"], 1), (["0", "left"], 3)],
)
def test_arrows_go_round(state: State, keys: list[str], number: int):
    assert press_all(state, *keys).number == number


def test_strength_goes_in_clean_tenths_and_stays_in_range(state: State):
    seen = [state]
    for _ in range(12):
        seen.append(press(seen[-1], "down"))
    assert [s.look.strength for s in seen] == [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0, 0.0]
    assert press(seen[-1], "]").look.strength == 0.1


@pytest.mark.parametrize(
    ("value", "by", "expected"), [(0.85, 0.1, 0.9), (0.85, -0.1, 0.8), (0.3, 0.1, 0.4), (0.95, 0.1, 1.0), (1, 0.1, 1)]
)
def test_steps_land_on_multiples(value: float, by: float, expected: float):
    assert step(value, by, STRENGTH_RANGE) == expected


def test_brush_keys(state: State):
    assert [press_all(state, *"}" * n).look.brush for n in (1, 4, 9)] == [1.25, 2.0, 2.0]
    assert press_all(state, *"{{{{{").look.brush == 0.5


def test_style_keeps_strength_brush_and_colour(state: State):
    tuned = press_all(state, "down", "}", "k", "2")
    assert tuned.look == Look((("starry_night", 1.0),), strength=0.9, brush=1.25, keep_color=True)


def test_switches_and_compare(state: State):
    on = press_all(state, "m", "space", "i", "f", "c")
    assert (on.mirror, on.frozen, on.hud, on.fullscreen, on.compare) == (True, True, False, True, "split")
    assert press_all(on, "c", "c").compare == "off"


def test_escape_leaves_help_then_full_screen_then_quits(state: State):
    state = press_all(state, "f", "h", "esc")
    assert not state.help and state.fullscreen and not state.quit
    state = press(state, "esc")
    assert not state.fullscreen and not state.quit
    assert press(state, "esc").quit


def test_unknown_keys_do_nothing(state: State):
    assert press_all(state, "x", "tab", "é") == state


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("strength", 7, "strength", 1.0),
        ("strength", -1, "strength", 0.0),
        ("brush", 0.1, "brush", 0.5),
        ("stability", 0.4, "stability", 0.4),
    ],
)
def test_values_from_a_remote_are_clamped(state: State, name: str, value: float, field: str, expected: float):
    assert getattr(perform(state, name, value).look, field) == expected


@pytest.mark.parametrize(("name", "value"), [("strength", float("nan")), ("strength", "much"), ("compare", "sideways")])
def test_values_that_mean_nothing_are_refused(state: State, name: str, value):
    with pytest.raises(ValueError):
        perform(state, name, value)
    with pytest.raises(KeyError):
        perform(state, "explode")


def test_a_switch_takes_a_value_too(state: State):
    assert not perform(state, "mirror", False).mirror
    assert perform(perform(state, "mirror", True), "mirror", True).mirror


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_survives_every_state(name: str):
    for look in (Look((("original", 1.0),)), Look((("great_wave", 0.5), ("the_scream", 0.5)), strength=0.33, brush=0.7)):
        for base in (State(STYLES, look), State(STYLES[:1], Look((("great_wave", 1.0),)), frozen=True, compare="split")):
            after = perform(base, name)
            assert replace(after, said="", said_count=0) is not None and after.styles == base.styles


def test_the_help_card_shows_every_key():
    shown = " ".join(keys for keys, _ in help_rows())
    labels = {"left": "←", "right": "→", "up": "↑", "down": "↓", "space": "Space", "esc": "Esc", "f11": "F11"}
    for key in KEYS:
        assert key in "23456789" or labels.get(key, key) in shown
    assert len(help_rows()) <= 16  # more do not fit a picture of 240 lines
