"""The commands of the film that plays, without a film."""

from __future__ import annotations

from dataclasses import replace

import pytest

from realtime.controls.commands import COMMANDS, perform
from realtime.controls.film import Film, clock_text
from realtime.controls.keys import default_keymap
from realtime.controls.state import State
from realtime.controls.transport import NO_FILM
from realtime.look import Look

WITHOUT = State(("great_wave",), Look((("great_wave", 1.0),)))
STATE = replace(WITHOUT, film=Film(at_s=25.0, length_s=60.0, files=3, name="a.mp4"))
OF_FILM = [name for name, command in COMMANDS.items() if command.of_film]


def film_after(*commands: str | tuple[str, object]) -> Film:
    state = STATE
    for command in commands:
        state = perform(state, *((command,) if isinstance(command, str) else command))
    assert state.film is not None
    return state.film


@pytest.mark.parametrize("name", OF_FILM)
def test_without_a_film_they_say_so_and_change_nothing(name: str):
    after = perform(WITHOUT, name)
    assert after.said == NO_FILM and after.film is None


def test_steps_add_up_and_stay_inside_the_film():
    assert film_after("film_on").at_s == 35 and film_after("film_back", "film_back").at_s == 5
    assert film_after("film_back", "film_back", "film_back").at_s == 0
    assert film_after(*["film_on"] * 9).at_s == 60 and film_after(*["film_on"] * 9).jumps == 9


def test_a_place_is_a_time_or_a_share():
    assert film_after(("seek", 12.5)).at_s == 12.5 and film_after(("place", 0.75)).at_s == 45
    pressed = default_keymap().press(STATE, "home")
    assert pressed.film.at_s == 0 and pressed.film.jumps == 1 and pressed.said == "0:00 / 1:00"
    unknown = replace(STATE, film=replace(STATE.film, length_s=None))
    assert "does not tell how long" in perform(unknown, "place", 0.5).said
    assert perform(unknown, "seek", 3600).film.at_s == 3600


def test_a_pause_ends_as_it_began():
    assert film_after("pause").paused and not film_after("pause", "pause").paused
    assert film_after("pause").jumps == 0 and COMMANDS["pause"].now(STATE) is False


def test_it_repeats_from_a_to_b_until_that_is_ended():
    later = film_after("repeat", ("seek", 30))
    assert later.loop == (25.0,) and later.loop_text == "A 0:25.0"
    both = perform(replace(STATE, film=later), "repeat").film
    assert both.loop == (25.0, 30.0) and both.loop_text == "A 0:25.0 – B 0:30.0"
    state = replace(STATE, film=both)
    assert perform(state, "repeat").film.loop == ()
    assert perform(state, "seek", 27).film.loop == both.loop
    assert perform(state, "film_on").film.loop == ()  # out of it
    assert perform(state, "next_film").film.loop == ()


def test_b_comes_after_a():
    assert film_after("repeat", ("seek", 5), "repeat").loop == (25.0,)
    again = perform(perform(STATE, "repeat"), "repeat")
    assert again.film.loop == (25.0,) and "B must come after A" in again.said


def test_films_go_round():
    assert film_after("next_film").file == 1 and film_after("next_film").at_s == 0
    assert film_after("previous_film").file == 2 and film_after(*["next_film"] * 3).file == 0
    assert perform(STATE, "next_film").said == "film 2 of 3"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (62.9, "1:02"), (3723, "1:02:03")])
def test_times_for_people(seconds: float, text: str):
    assert clock_text(seconds) == text
