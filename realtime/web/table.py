"""What a page is told: the table of commands with ranges and keys once, the state of the controls
many times.

JSON-ready.
"""

from __future__ import annotations

from typing import Any

from realtime.controls.commands import COMMANDS, State, spoken
from realtime.controls.desk import Desk
from realtime.controls.keys import Keymap

NOT_BY_KEY = (
    "quit",
    "back",
    "strip",
    "sheet",
)  # a page's keys neither end the program nor rule the server's window


def hello(desk: Desk, wants_camera: bool) -> dict[str, Any]:
    """``wants_camera``: the picture to paint is the page's own camera."""
    keymap = Keymap(
        {key: action for key, action in desk.keymap.bound.items() if action[0] not in NOT_BY_KEY}
    )
    return {
        "commands": [
            {"name": c.name, "help": c.help, "values": _values(c.values)} for c in COMMANDS.values()
        ],
        "keys": {key: list(action) for key, action in keymap.bound.items()},
        "help": keymap.help_rows(),
        "styles": [{"name": name, "title": spoken(name)} for name in desk.state.styles],
        "wants_camera": wants_camera,
    }


def state_of(state: State) -> dict[str, Any]:
    """The value of each command that has one, by the command's name, and the bank."""
    look = state.look
    return {
        "mix": [[name, weight] for name, weight in look.mix],
        "bank": state.bank,
        "blend": state.blending,
        "strength": look.strength,
        "brush": look.brush,
        "stability": look.stability,
        "keep_color": look.keep_color,
        "fade": state.fade_s,
        "auto": state.cycling,
        "auto_period": state.cycle_s,
        "compare": state.compare,
        "divider": state.divider,
        "mirror": state.mirror,
        "freeze": state.frozen,
        "hud": state.hud,
        "record": state.recording,
        "said": state.said,
        "said_count": state.said_count,
    }


def _values(values: Any) -> Any:
    if values is bool:
        return "switch"
    return "text" if values is str else list(values) if values else None
