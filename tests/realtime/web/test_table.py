"""What a page is told, against the table of commands that it is made from."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from realtime.controls.commands import COMMANDS, Command, perform
from realtime.controls.desk import Desk
from realtime.controls.film import Film
from realtime.controls.keys import default_keymap
from realtime.controls.state import State
from realtime.controls.values import Nothing, Range, Switch
from realtime.look import Look
from realtime.web.table import controls, hello, state_of

SLIDERS = ["Strength", "Brush", "Stability", "Canvas", "Face", "Grade", "Fade", "Auto period"]
BUTTONS = ["Blend", "Keep color", "Paint", "Behind", "Grade parts", "Hold grade", "Refine"]
BUTTONS += ["Mirror", "Freeze", "Auto", "Compare", "Caption"]
STATE = State(("great_wave", "the_scream"), Look((("great_wave", 1.0),)))


def test_the_controls_of_the_page_are_in_their_order():
    labels = {
        kind: [control["label"] for control in controls() if control["kind"] == kind]
        for kind in ("slider", "button")
    }
    assert labels == {"slider": SLIDERS, "button": BUTTONS}
    (period,) = (control for control in controls() if control["name"] == "auto_period")
    assert (period["low"], period["high"], period["step"]) == (1, 60, 1)
    (compare,) = (control for control in controls() if control["name"] == "compare")
    assert compare["rest"] == "off" == state_of(STATE)["compare"]
    (behind,) = (control for control in controls() if control["name"] == "behind")
    assert behind["rest"] == "painting" == state_of(STATE)["behind"]
    (text,) = (control for control in controls() if control["kind"] == "text")
    assert (text["label"], text["longest"], state_of(STATE)["text"]) == ("Text", 200, "{clock}")


def test_a_films_controls_are_there_where_a_film_plays():
    without, with_film = (
        {control["name"] for control in hello(Desk(state), wants_camera=False)["controls"]}
        for state in (STATE, replace(STATE, film=Film(at_s=6.0, length_s=60.0)))
    )
    assert with_film - without == {"place", "pause", "film_back", "film_on", "repeat", "next_film"}
    assert state_of(replace(STATE, film=Film(at_s=6.0, length_s=60.0)))["place"] == 0.1


def test_everything_that_is_told_is_json_and_has_its_value():
    told = json.loads(json.dumps(hello(Desk(STATE), wants_camera=False)))
    state = json.loads(json.dumps(state_of(perform(STATE, "bank", 1))))
    assert {command["name"] for command in told["commands"]} == set(COMMANDS)
    assert {control["name"] for control in told["controls"]} <= state.keys()
    assert state["chosen"] == ["great_wave"] and state["said"] == "bank 1 of 1"
    assert state["bank"] == 1 and state["strength"] == 1.0 and state["blend"] is False


def test_a_pages_keys_leave_the_program_and_its_window_alone():
    told = hello(Desk(STATE), wants_camera=False)
    left_out = set(default_keymap().bound) - set(told["keys"])
    browsers = {"enter", *(f"f{number}" for number in range(1, 9))}
    assert left_out == {"q", "esc", "t", "tab", "v", "z"} | browsers


@pytest.mark.parametrize(
    "mistake", [{"values": Range(0, 1), "page": 1}, {"values": Switch(), "remembered": True}]
)
def test_a_value_that_is_shown_or_kept_can_be_read(mistake: dict):
    with pytest.raises(ValueError, match="does not say how its value is read"):
        Command("glow", "glow", lambda state, _: state, **mistake)
    Command("glow", "glow", lambda state, _: state, Nothing(), page=1)
