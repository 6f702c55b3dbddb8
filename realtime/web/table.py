"""What a page is told: the table of commands once, the state of the controls many times.

JSON-ready, and made from the table of commands alone.
"""

from __future__ import annotations

from typing import Any

from realtime.controls.commands import COMMANDS, AnyCommand
from realtime.controls.desk import Desk
from realtime.controls.keys import Keymap
from realtime.controls.state import LONGEST_TEXT, State
from realtime.controls.values import Range, Text, UsualWords, Words

_SLIDER_MOST = 60.0  # the far end of a longer range would leave no room for the usual values
_FINE_STEP, _COARSE_STEP = 0.05, 1.0
_FINE_MOST = 10.0


WATCHER: dict[str, Any] = {
    **{part: [] for part in ("commands", "controls", "help", "styles")},
    "keys": {},
    "wants_camera": False,
    "may_quit": False,
    "watches": True,
}
"""What a page is told that may watch only: there is nothing to control."""


def hello(desk: Desk, wants_camera: bool, may_quit: bool = False) -> dict[str, Any]:
    """Return what there is to control, and how.

    ``wants_camera``: the picture to paint is the page's own camera. ``may_quit``: the page may end
    the program.
    """
    keymap = Keymap(
        {
            key: action
            for key, action in desk.keymap.bound.items()
            if COMMANDS[action[0]].by_page_keys
        }
    )
    return {
        "commands": [
            {"name": command.name, "help": command.help, "values": command.values.describe()}
            for command in COMMANDS.values()
        ],
        "controls": controls(desk.state.film is not None),
        "keys": {key: list(action) for key, action in keymap.bound.items()},
        "help": keymap.help_rows(),
        "styles": [{"name": name, "title": desk.state.title(name)} for name in desk.state.styles],
        "wants_camera": wants_camera,
        "may_quit": may_quit,
    }


def controls(has_film: bool = False) -> list[dict[str, Any]]:
    """Return the sliders and buttons of a page, in their order; ``has_film``: of films too."""
    shown = [
        (command.page, command)
        for command in COMMANDS.values()
        if command.page is not None and (has_film or not command.of_film)
    ]
    return [_control(command) for _, command in sorted(shown, key=lambda pair: pair[0])]


def state_of(state: State) -> dict[str, Any]:
    """Return the present value of each command that has one, by its name; and what was said."""
    values = {
        command.name: command.now(state) for command in COMMANDS.values() if command.now is not None
    }
    return values | {
        "chosen": state.look.style_names,
        "said": state.said,
        "said_count": state.said_count,
    }


def _control(command: AnyCommand) -> dict[str, Any]:
    """Return a slider for a number, a field for a text, else a button.

    ``rest``: the value of a button that does not show.
    """
    control = {
        "name": command.name,
        "label": command.name.replace("_", " ").capitalize(),
        "help": command.help,
    }
    values = command.values
    if isinstance(values, Range):
        step = _COARSE_STEP if values.high > _FINE_MOST else _FINE_STEP
        return control | {
            "kind": "slider",
            "low": values.low,
            "high": min(values.high, _SLIDER_MOST),
            "step": step,
        }
    if isinstance(values, Text) and not isinstance(values, UsualWords):
        return control | {"kind": "text", "longest": LONGEST_TEXT}
    rest = values.words[0] if isinstance(values, Words | UsualWords) else False
    return control | {"kind": "button", "rest": rest}
