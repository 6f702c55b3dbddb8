"""Controls with three styles, and fingers for them."""

from __future__ import annotations

import pytest

from realtime.controls.keys import default_keymap
from realtime.controls.state import State
from realtime.look import Look

STYLES = ("great_wave", "starry_night", "the_scream")
press = default_keymap().press


@pytest.fixture
def state() -> State:
    return State(STYLES, Look((("great_wave", 1.0),)), painting=(("great_wave", 1.0),))


def press_all(state: State, *keys: str) -> State:
    for key in keys:
        state = press(state, key)
    return state
