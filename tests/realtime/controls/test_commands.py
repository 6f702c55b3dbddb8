import queue
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from engines.errors import UsageError
from engines.style import Style
from realtime.controls import acts
from realtime.controls.autopilot import CYCLE_RANGE_S, Cycle, Schedule, live_timeline
from realtime.controls.commands import COMMANDS, perform, settings
from realtime.controls.desk import Desk
from realtime.controls.keys import default_keymap, keymap_from
from realtime.controls.pointer import Pointer
from realtime.controls.remembered import recall, remember, settings_file
from realtime.controls.state import State, StyleGroup
from realtime.controls.values import Range
from realtime.look import STRENGTH_RANGE, Look
from realtime.timeline import Timeline
from tests.realtime.controls.conftest import STYLES, press, press_all

help_rows, KEYS = default_keymap().help_rows, default_keymap().bound


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
    [
        (["right"], 2),
        (["left"], 3),
        (["right"] * 3, 1),
        (["n", "p"], 1),
        (["0", "right"], 1),
        (["0", "left"], 3),
    ],
)
def test_arrows_go_round(state: State, keys: list[str], number: int):
    assert press_all(state, *keys).number == number


def test_strength_goes_in_clean_tenths_and_stays_in_range(state: State):
    seen = [state]
    for _ in range(12):
        seen.append(press(seen[-1], "down"))
    assert [s.look.strength for s in seen] == [
        1.0,
        0.9,
        0.8,
        0.7,
        0.6,
        0.5,
        0.4,
        0.3,
        0.2,
        0.1,
        0.0,
        0.0,
        0.0,
    ]
    assert press(seen[-1], "]").look.strength == 0.1


@pytest.mark.parametrize(
    ("value", "by", "expected"),
    [(0.85, 0.1, 0.9), (0.85, -0.1, 0.8), (0.3, 0.1, 0.4), (0.95, 0.1, 1.0), (1, 0.1, 1)],
)
def test_steps_land_on_multiples(value: float, by: float, expected: float):
    assert Range(*STRENGTH_RANGE).step(value, by) == expected


def test_brush_keys(state: State):
    assert [press_all(state, *"}" * n).look.brush for n in (1, 4, 9)] == [1.25, 2.0, 2.0]
    assert press_all(state, *"{{{{{").look.brush == 0.5


def test_style_keeps_strength_brush_and_colour(state: State):
    tuned = press_all(state, "down", "}", "k", "2")
    assert tuned.look == Look((("starry_night", 1.0),), strength=0.9, brush=1.25, keep_color=True)


def test_switches_and_compare(state: State):
    on = press_all(state, "m", "space", "i", "f", "c")
    assert (on.mirror, on.frozen, on.hud, on.fullscreen, on.compare) == (
        True,
        True,
        "all",
        True,
        "split",
    )
    assert press_all(on, "c", "c").compare == "off"


def test_who_is_painted_and_what_is_behind(state: State):
    assert press(state, "w").look.paint == "person"
    assert press_all(state, "w", "w", "w").look == state.look
    assert [press_all(state, *"e" * n).look.behind for n in (1, 2, 3)] == [
        "original",
        "blur",
        "painting",
    ]
    assert perform(state, "behind", "the_scream").said == "behind the person: The Scream"
    assert press(perform(state, "behind", "#102030"), "e").look.behind == "painting"
    assert press(state, ":").look.face == 0.9 and press(state, '"').look.face == 1


def test_a_grade_is_made_stronger_weaker_and_held(state: State):
    assert "no grade yet" in press(state, "j").said and press(state, "j").look == state.look
    graded = acts.take_grade(state, "sunset", "Sunset")
    assert (graded.look.grade, graded.said) == ("sunset", "graded by Sunset")
    assert press_all(graded, "j", "j", "l").look.grade_strength == pytest.approx(0.9)
    assert press(graded, "y").look.grade_hold and not press_all(graded, "y", "y").look.grade_hold
    assert press(state, "G").grade_grabs == state.grade_grabs + 1
    weak = perform(perform(graded, "grade", 0.25), "reset")
    assert (weak.look.grade, weak.look.grade_strength) == ("sunset", 1.0)
    other = acts.take_grade(perform(graded, "grade", 0.0), "film", "Film")
    assert other.look.grade_strength == 1 and perform(other, "style", "1").look.grade == "film"


def test_remotes_open_no_files(tmp_path: Path, state: State):
    file = tmp_path / "secret.jpg"
    file.touch()
    for text in (str(file), "picture", "no_such_style", "a:x", ""):
        with pytest.raises(ValueError, match="behind"):
            perform(state, "behind", text)
    assert perform(replace(state, has_picture=True), "behind", "picture").look.behind == "picture"


def test_the_end_is_asked_for_once_where_it_would_be_seen(state: State):
    for risk in ({"recording": True}, {"fullscreen": True}, {"on_air": True}):
        shown = replace(state, **risk)
        asked = press_all(shown, "q")
        assert not asked.quit and "once more ends the show" in asked.said
        assert press_all(asked, "q").quit
        assert not press_all(asked, "k", "q").quit  # something else was done meanwhile
    assert press_all(state, "q").quit
    recording = press_all(replace(state, recording=True, help=True), "esc", "esc")
    assert not recording.quit and press_all(recording, "esc").quit


def test_figures_come_in_three_steps(state: State):
    assert [press_all(state, *"i" * n).hud for n in (0, 1, 2, 3)] == [
        "short",
        "all",
        "off",
        "short",
    ]


def test_titles_are_the_models(state: State):
    about = (Style("original", "untouched"), Style(STYLES[0], "The Great Wave off Kanagawa"))
    told = replace(state, about=about)
    assert press_all(told, "1").said == "1  The Great Wave off Kanagawa"
    assert (told.title(STYLES[1]), told.title("original")) == ("Starry Night", "Original")
    assert perform(told, "style", "kanagawa").look.mix == ((STYLES[0], 1.0),)
    assert perform(told, "mix", "kanagawa:2").look.mix == ((STYLES[0], 2.0),)


def test_escape_leaves_help_then_full_screen_then_quits(state: State):
    state = press_all(state, "f", "h", "esc")
    assert not state.help and state.fullscreen and not state.quit
    state = press(state, "esc")
    assert not state.fullscreen and not state.quit
    assert press(state, "esc").quit


def test_unknown_keys_do_nothing(state: State):
    assert press_all(state, "D", "insert", "é") == state


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("strength", 7, "strength", 1.0),
        ("strength", -1, "strength", 0.0),
        ("brush", 0.1, "brush", 0.5),
        ("stability", 0.4, "stability", 0.4),
    ],
)
def test_values_from_a_remote_are_clamped(
    state: State, name: str, value: float, field: str, expected: float
):
    assert getattr(perform(state, name, value).look, field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strength", float("nan")),
        ("strength", "much"),
        ("strength", 10**400),
        ("compare", "sideways"),
    ],
)
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
    for look in (
        Look((("original", 1.0),)),
        Look((("great_wave", 0.5), ("the_scream", 0.5)), strength=0.33, brush=0.7),
    ):
        for base in (
            State(STYLES, look),
            State(STYLES[:1], Look((("great_wave", 1.0),)), frozen=True, compare="split"),
        ):
            after = perform(base, name)
            assert replace(after, said="", said_count=0) is not None and after.styles == base.styles


def test_the_help_card_shows_every_key():
    shown = " ".join(keys for keys, _ in help_rows())
    labels = {
        "left": "←",
        "right": "→",
        "up": "↑",
        "down": "↓",
        "pageup": "PgUp",
        "pagedown": "PgDn",
    }
    between = (*"23456789", *(f"f{number}" for number in range(2, 8)))
    for key in KEYS:
        assert key in between or labels.get(key, key.capitalize() if key[1:] else key) in shown
    assert len(help_rows()) <= 2 * 20  # more do not fit a picture of 360 lines in two columns


def many_styles(count: int) -> State:
    return State(tuple(f"s{n}" for n in range(1, count + 1)), Look((("s1", 1.0),)))


def test_digits_pick_within_the_bank_and_page_keys_turn_it():
    state = press_all(many_styles(20), "pagedown", "2")
    assert state.look.mix == (("s11", 1.0),) and state.bank == 1
    state = press_all(state, "pagedown", "5")
    assert state.look.mix == (("s11", 1.0),) and "no style 5 in this bank" in state.said
    assert press_all(state, "pagedown").bank == 0 and press_all(many_styles(20), "pageup").bank == 2
    assert (
        press_all(many_styles(20), "pageup", "2", "right").bank == 0
    )  # the bank goes with the style


def test_blend_adds_and_takes_out_in_equal_shares(state: State):
    blended = press_all(state, "b", "2", "3")
    assert blended.look.mix == (("great_wave", 1.0), ("starry_night", 1.0), ("the_scream", 1.0))
    assert press_all(blended, "1", "2").look.mix == (("the_scream", 1.0),)
    assert press_all(blended, "1", "2", "3").look.mix == (
        ("the_scream", 1.0),
    )  # the last one stays
    assert press_all(blended, "b", "2").look.mix == (("starry_night", 1.0),)
    assert press_all(state, "0", "b", "2").look.mix == (("starry_night", 1.0),)


def test_styles_by_name_and_mixes_with_weights(state: State):
    assert perform(state, "style", "the_scream").number == perform(state, "style", 3.0).number == 3
    assert perform(state, "style", "original").number == 0
    assert perform(state, "mix", "great_wave:1,the_scream:3").number == 3
    for name, value in (
        ("style", "gret_wave"),
        ("mix", "x"),
        ("mix", "great_wave:0"),
        ("mix", ""),
        ("mirror", "perhaps"),
    ):
        with pytest.raises(ValueError):
            perform(state, name, value)
    assert not perform(state, "mirror", "off").mirror and perform(state, "mirror", "on").mirror


APART = "the_scream is a style of the model looks and great_wave of gallery, which do not blend: "


@pytest.fixture
def grouped(state: State) -> State:
    groups = (
        StyleGroup("gallery", STYLES[:2], takes_pictures=True),
        StyleGroup("looks", STYLES[2:]),
    )
    return replace(state, groups=groups)


def test_styles_of_two_models_do_not_blend_and_one_sentence_says_why(grouped: State):
    blended = press_all(grouped, "b", "2")
    assert blended.look.style_names == ["great_wave", "starry_night"]
    refused = press_all(blended, "3")
    assert refused.look == blended.look and refused.blending
    assert refused.said == (
        "great_wave is a style of the model gallery and the_scream of looks, which do not blend: "
        "fade from one to the other"
    )
    with pytest.raises(ValueError, match=APART):
        perform(grouped, "mix", "the_scream:0.5,great_wave:0.5")
    with pytest.raises(ValueError, match="behind: the_scream is"):
        perform(grouped, "behind", "the_scream:0.5,great_wave:0.5")
    assert perform(grouped, "behind", "the_scream").look.behind == "the_scream"
    assert press_all(refused, "b", "3").look.style_names == ["the_scream"]
    assert perform(grouped, "mix", "the_scream,original").look.style_names[0] == "the_scream"


def test_a_picture_joins_the_models_that_take_it(grouped: State):
    picked = acts.add_style(perform(grouped, "style", "the_scream"), Style("my_art"))
    assert picked.look.style_names == ["my_art"] and picked.styles[-1] == "my_art"
    assert perform(picked, "mix", "my_art,great_wave").look.style_names == ["my_art", "great_wave"]
    with pytest.raises(ValueError, match="do not blend"):
        perform(picked, "mix", "my_art,the_scream")


def test_a_preset_leads_from_model_to_model(grouped: State):
    stored = press_all(grouped, "3", "v", "f1", "1")
    assert stored.look.style_names == ["great_wave"]
    assert press_all(stored, "f1").look.style_names == ["the_scream"]


@pytest.mark.parametrize(
    ("key", "field", "expected"),
    [
        (",", "fade_s", 0.2),
        (".", "fade_s", 0.6),
        ("-", "cycle_s", 7),
        ("+", "cycle_s", 9),
        (">", "divider", 0.55),
    ],
)
def test_steps_of_the_rest(state: State, key: str, field: str, expected: float):
    assert getattr(press(state, key), field) == expected


def test_the_timer_changes_styles_and_never_flashes(state: State):
    cycle, state = Cycle(), perform(perform(state, "auto_period", 0.01), "auto", True)
    assert state.cycle_s == CYCLE_RANGE_S[0] == 1.0
    numbers = []
    for tick in range(50):
        state = cycle.follow(state, tick / 10)
        numbers.append(state.number)
    assert numbers == [1] * 10 + [2] * 10 + [3] * 10 + [1] * 10 + [2] * 10
    state = press(state, "1")  # a choice of the user's stays as long as any other
    assert (
        cycle.follow(state, 5.0).number == cycle.follow(state, 5.9).number == 1
        and cycle.follow(state, 6.0).number == 2
    )
    assert Cycle().follow(perform(state, "auto", False), 1e9).number == 1


def test_a_schedule_is_followed_and_leaves_the_user_alone_between(state: State):
    schedule = Schedule(plan("0:the_scream 2.5:great_wave:1,starry_night:3/2s 9:great_wave"))
    assert schedule.follow(state, 100.0).number == 3
    state = perform(state, "style", 1)
    assert schedule.follow(state, 102.4).number == 1
    later = schedule.follow(state, 102.5)
    assert (later.number, later.fade_s) == (2, 2.0) and schedule.follow(state, 103).number == 1
    skipped = Schedule(plan("0:the_scream 2:starry_night 3:great_wave"))
    assert skipped.follow(state, 0).number == 3 and skipped.follow(state, 50).number == 1


TEXTS = [
    "",
    "great_wave",
    "x:great_wave",
    "-1:a",
    "3:a 2:b",
    "0:a 0.5:b",
    "0:a/fast",
    "0:a/99",
    "0:",
    "0:a cut:b",
]


@pytest.mark.parametrize("text", TEXTS)
def test_schedules_that_mean_nothing_are_refused(text: str):
    with pytest.raises(UsageError, match="--plan"):
        plan(text)


def plan(text: str) -> Timeline:
    return live_timeline(text, "--plan")


def test_keys_of_ones_own(tmp_path: Path, state: State):
    file = tmp_path / "keys.toml"
    file.write_text(
        '[keys]\nx = "snapshot"\nF5 = "style the_scream"\nq = ""\n"1" = "strength 0.25"\n'
    )
    keymap = keymap_from(file)
    assert keymap.press(state, "x").snapshots == 1 and keymap.press(state, "s").snapshots == 1
    assert keymap.press(state, "f5").number == 3 and keymap.press(state, "1").look.strength == 0.25
    assert not keymap.press(state, "q").quit
    rows = dict((text, keys) for keys, text in keymap.help_rows())
    assert (
        rows["style the_scream"] == "F5"
        and rows["strength 0.25"] == "1"
        and "x" in rows["save a snapshot"]
    )
    assert "quit" not in rows and rows["style 1 - 9 of the bank"] == "2 - 9"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keys = 3", "[keys]"),
        ("[keys]\nx = 'snapshoot'", "Did you mean snapshot"),
        ("[keys]\nx = 4", "no command '4'"),
        ("[keys]\nzoom = 'next'", "no key 'zoom'"),
        ("[keys]\nx = 'strength much'", "from 0 to 1"),
        ("[keys]\nx = 'next 3'", "takes no value"),
        ("[keys", "cannot be read"),
    ],
)
def test_keys_files_that_mean_nothing_are_refused(tmp_path: Path, text: str, words: str):
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        keymap_from(file)
    assert words in str(caught.value) and "keys.toml" in str(caught.value)


def test_settings_come_back(state: State):
    used = press_all(
        perform(state, "mix", "great_wave:1,the_scream:3"), "down", "}", "k", ",", "m", "i", "0"
    )
    remember(used)
    back = recall(state)
    assert settings(back) == settings(used) and back.look.strength == 0.9 and back.number == 3
    assert recall(state, without={"strength", "mix"}).look.strength == 1.0
    settings_file().write_text('{"mix": "gone", "strength": "x", "explode": 1, "fade": 2}')
    assert recall(state).look == state.look and recall(state).fade_s == 2
    settings_file().write_text("{")
    assert recall(state) == state


def test_remotes_are_refused_before_and_obeyed_at_the_next_turn(state: State):
    desk = Desk(state)
    desk.ask("style", "the_scream")
    for name, value, error in (
        ("explode", None, KeyError),
        ("strength", "nan", ValueError),
        ("style", "x", ValueError),
    ):
        with pytest.raises(error):
            desk.ask(name, value)
    assert desk.state.number == 1
    desk.follow(0.0)
    assert desk.state.number == 3


def test_the_mouse_moves_the_divider_and_picks_small_pictures(state: State):
    desk = Desk(state)
    desk.point(Pointer(0.3, 0.5, True), {})
    assert desk.state == state  # nothing to move
    desk.perform("compare", "split")
    desk.point(Pointer(0.3, 0.5, False), {"the_scream": (0.8, 0.1, 1.0, 0.4)})
    assert desk.state.divider == 0.3
    desk.point(Pointer(0.2, 0.9, False), {"the_scream": (0.8, 0.1, 1.0, 0.4)})
    assert (desk.state.divider, desk.state.number) == (0.3, 1)  # dragged across
    desk.point(Pointer(0.2, 0.9, True), {"the_scream": (0.8, 0.1, 1.0, 0.4)})
    assert desk.state.number == 3


def test_a_key_for_what_this_model_lacks_is_answered(tmp_path: Path, state: State):
    file = tmp_path / "keys.toml"
    file.write_text('[keys]\nF5 = "style gone"\nx = "mix great_wave:much"')
    desk = Desk(state, keymap_from(file))
    desk.press("f5")
    assert desk.state.look == state.look and "there is no style 'gone'" in desk.state.said
    desk.press("x")
    assert (
        desk.state.look == state.look
        and "much" in desk.state.said
        and desk.state.said_count == state.said_count + 2
    )


def test_a_style_may_be_called_by_a_number(state: State):
    state = replace(state, styles=(*STYLES, "1984", "80s_neon"))
    assert perform(state, "style", "1984").number == 4
    assert perform(state, "style", "2").number == 2


def test_zero_shows_the_original_even_where_it_is_most_of_the_mix(state: State):
    state = perform(state, "mix", "original:0.6,great_wave:0.4")
    assert state.number == 1
    original = press(state, "0")
    assert original.look.mix == (("original", 1.0),)
    assert press(original, "0").look.mix == state.look.mix


def test_the_mirror_is_the_sources_own(state: State):
    """A camera is mirrored by default, a file is not: one's is not right for the other."""
    remember(replace(state, mirror=True))
    assert not recall(state).mirror
    settings_file().write_text('{"mirror": true}')  # by an earlier version
    assert not recall(state).mirror


def tapped(state: State, cycle: Cycle, times_s: list[float]) -> State:
    for time_s in times_s:
        state = cycle.follow(press_all(state, "enter"), time_s)
    return state


def changes(state: State, cycle: Cycle, begin_s: float, end_s: float) -> list[float]:
    """When a new style comes by itself, looked at a hundred times a second."""
    found, now_s = [], begin_s
    while now_s < end_s:
        after = cycle.follow(state, now_s)
        if after.look.mix != state.look.mix:
            found.append(now_s)
        state, now_s = after, now_s + 0.01
    return found


def test_the_beat_is_tapped_and_styles_change_on_it(state: State):
    cycle = Cycle()
    state = tapped(state, cycle, [10.0, 10.5, 11.0, 11.5])
    assert (state.beat_s, state.cycle_s) == (pytest.approx(0.5), pytest.approx(4.0))
    assert state.said == "120 bpm, auto: every 8 beats"
    auto = press_all(state, "a")
    assert changes(auto, cycle, 12.3, 24.3) == pytest.approx([15.5, 19.5, 23.5], abs=0.011)
    # Whoever picks a style by hand is not followed by another one at once, and the beat stays.
    picked = cycle.follow(press_all(auto, "3"), 27.2)
    assert changes(picked, cycle, 27.21, 36) == pytest.approx([31.5, 35.5], abs=0.011)


def test_a_fast_beat_never_flashes(state: State):
    cycle = Cycle()
    state = tapped(perform(state, "beats", 1), cycle, [1.0, 1.25, 1.5])
    assert (state.said, state.cycle_s) == ("240 bpm, auto: every 4 beats", pytest.approx(1.0))
    seen = changes(press_all(state, "a"), cycle, 1.6, 8)
    assert min(b - a for a, b in pairwise(seen)) > 0.98


def test_taps_long_after_begin_anew_and_beats_change_the_period(state: State):
    cycle = Cycle()
    state = tapped(state, cycle, [1.0, 1.5, 2.0, 60.0])
    assert state.said == "tap ·"
    state = tapped(state, cycle, [61.0, 62.0])
    assert state.beat_s == pytest.approx(1.0)
    assert cycle.follow(perform(state, "beats", 4), 63.0).cycle_s == pytest.approx(4.0)


def test_reset_keeps_the_style(state: State):
    far = press_all(state, "2", "down", "}", "k", ")", "'", ".", "a", "c", "space", "x")
    back = press_all(far, "backspace")
    assert back.look == Look((("starry_night", 1.0),)) and back.fade_s == state.fade_s
    assert not (back.black or back.frozen or back.cycling) and back.compare == "off"


def test_black_comes_at_once_or_in_the_time_of_a_fade(state: State):
    assert (press_all(state, "x").black, press_all(state, "x", "x").black) == (True, False)
    faded = press_all(state, "d")
    assert (faded.black, faded.black_fade_s) == (True, state.fade_s)


def test_favourites_come_first_and_are_kept(state: State):
    state = press(perform(state, "style", "the_scream"), "*")
    assert state.styles == ("the_scream", "great_wave", "starry_night") and state.number == 1
    state = press(perform(state, "style", "starry_night"), "*")
    assert state.styles == ("the_scream", "starry_night", "great_wave")
    assert state.said == "favourite: 2  Starry Night" and state.look.style_names == ["starry_night"]
    kept = settings(state)["favourites"]
    assert kept == "the_scream,starry_night"
    assert "no favourite any more" in press(state, "*").said
    assert press(press_all(state, "0"), "*").favourites == state.favourites  # the original is none
    back = perform(state, "favourites", "")
    assert not back.favourites and perform(back, "favourites", kept).styles == state.styles


def test_favourites_of_another_model_stay_and_come_back(state: State):
    about = (Style("original"), Style("a"), Style("great_wave", "The Great Wave"), Style("c"))
    other = State(("a", "great_wave", "c"), Look((("a", 1.0),)), about=about)
    chosen = perform(other, "favourites", "gone, the great wave,original,c,c")
    assert chosen.favourites == ("gone", "great_wave", "c")
    assert chosen.styles == ("great_wave", "c", "a") and chosen.number == 3
    assert press(press(chosen, "1"), "*").styles == ("c", "a", "great_wave")
    with pytest.raises(ValueError, match="no style 'NOT ONE'"):
        perform(state, "favourites", "NOT ONE")


def test_a_preset_leaves_the_favourites_and_the_bank_follows(state: State):
    many = tuple(f"style_{n}" for n in range(20))
    state = State(many, Look((("style_15", 1.0),)), bank=1)
    stored = press_all(state, "v", "f1")
    assert press(press(stored, "*"), "f1").favourites == ("style_15",)
    assert press(stored, "*").bank == 0


def test_a_number_fades_in_seconds_of_its_own_and_who_touches_it_ends_that(state: State):
    desk, journal = Desk(state), queue.SimpleQueue()
    desk.journal = journal
    desk.follow(0.0)
    desk.ask("strength", 0.2, 4)
    desk.ask("canvas", 0.0, 2)
    desk.follow(1.0)
    read = COMMANDS["strength"].now
    seen = []
    for now_s in (1.0, 2.0, 3.0):
        desk.follow(now_s)
        seen.append(round(read(desk.state), 3))
    assert seen == [1.0, 0.875, 0.6]  # smoothstep
    assert dict(desk.state.under_way) == {"strength": 0.6}  # the canvas is there
    desk.press("up")  # from where it is, not from where it goes
    assert desk.state.look.strength == read(desk.state) == 0.7
    assert desk.state.own_fades == (("canvas", 2.0),) and not desk.state.under_way
    told = [journal.get() for _ in range(journal.qsize())]
    assert [(entry.command, entry.value, entry.fade_s) for entry in told] == [
        *(("strength", 0.2, 4.0), ("canvas", 0.0, 2.0), ("strength", 0.7, None)),
    ]
    for ends in ("reset", "strength"):
        desk.perform("strength", 0.2, 4)
        desk.perform(ends, 0.5)
        assert "strength" not in dict(desk.state.own_fades)


@pytest.mark.parametrize(
    ("name", "fade_s", "said"),
    [
        ("brush", 2, "brush does not fade by itself: the network is set up anew for each brush"),
        ("style", 2, "style does not fade by itself. These do: strength, stability, canvas, face"),
        ("strength", "soon", "strength: its fade takes a number from 0 to 10, not 'soon' seconds"),
    ],
)
def test_what_does_not_fade_by_itself_is_refused(state: State, name: str, fade_s, said: str):
    desk = Desk(state)
    with pytest.raises(ValueError, match=said):
        desk.ask(name, 1, fade_s)
    assert desk.state == state
