"""The one control model of the live view: every action is a named command with its range, its keys and its help line.

The keyboard binds to it, the help card is generated from it, and any other remote (a page, a MIDI box) calls ``perform`` by
name. To add an action, add one ``Command`` to ``COMMANDS``. Knows nothing of windows, threads or pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from engines.model_file import ORIGINAL
from realtime.look import BRUSH_RANGE, STABILITY_RANGE, STRENGTH_RANGE, Look

STRENGTH_STEP = 0.1
BRUSH_STEP = 0.25
COMPARE_MODES = ("off", "split", "side by side")

Value = float | bool | str | None


@dataclass(frozen=True)
class State:
    """Everything that can be controlled. ``styles``: the model's paintings in order, without the original.

    ``snapshots`` counts the requests so far; ``said`` is the answer to the newest command, and ``said_count`` tells a
    repeated answer from an old one.
    """

    styles: tuple[str, ...]
    look: Look
    mirror: bool = False
    frozen: bool = False
    compare: str = "off"
    hud: bool = True
    help: bool = False
    fullscreen: bool = False
    quit: bool = False
    snapshots: int = 0
    said: str = ""
    said_count: int = 0
    painting: tuple[tuple[str, float], ...] = ()  # the mix to which `original` goes back

    @property
    def number(self) -> int:
        """The number, from 1, of the heaviest painting in the mix; 0 for the original."""
        name, _ = max(self.look.mix, key=lambda part: part[1])
        return self.styles.index(name) + 1 if name in self.styles else 0


@dataclass(frozen=True)
class Command:
    """One action. ``act`` gets a value that is already inside ``values``, or None, which means the next or the other one.

    ``values``: None for an action that takes none, (low, high) for a number, a tuple of words, or ``bool`` for on and off.
    ``keys``: pairs of a key's name and the value that it sends. Commands with the same ``help`` share a line of the card.
    """

    name: str
    help: str
    act: Callable[[State, Value], State]
    keys: tuple[tuple[str, Value], ...] = ()
    values: tuple[float, float] | tuple[str, ...] | type[bool] | None = None

    def accept(self, value: Value) -> Value:
        """``value`` brought into range. Raises ValueError if it is no number, or no word that the command knows."""
        if value is None or self.values is None:
            return None
        if self.values is bool:
            return bool(value)
        if isinstance(self.values[0], str):
            if value not in self.values:
                raise ValueError(f"{self.name} takes {', '.join(self.values)}, not {value!r}")
            return value
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{self.name} takes a number from {self.values[0]:g} to {self.values[1]:g}, not {value!r}")
        return min(max(number, self.values[0]), self.values[1])


def perform(state: State, name: str, value: Value = None) -> State:
    """The state after the command ``name``; numbers are clamped into the command's range.

    Raises KeyError for a name that is not in ``COMMANDS``, ValueError for a value that the command cannot take.
    """
    command = COMMANDS[name]
    return command.act(state, command.accept(value))


def press(state: State, key: str) -> State:
    """The state after a key of the keyboard; a key without a command changes nothing."""
    name, value = KEYS.get(key, (None, None))
    return state if name is None else perform(state, name, value)


def help_rows() -> list[tuple[str, str]]:
    """The help card: keys and what they do, one row for each help line in the table."""
    rows: dict[str, list[list[str]]] = {}
    for command in COMMANDS.values():
        if command.keys:
            rows.setdefault(command.help, []).append([key for key, _ in command.keys])
    return [(_keys_label(keys), text) for text, keys in rows.items()]


_LABELS = {"left": "←", "right": "→", "up": "↑", "down": "↓", "space": "Space", "esc": "Esc", "f11": "F11"}


def _keys_label(commands: list[list[str]]) -> str:
    """One command: its keys; two that share a row: first keys together, then second ones, as in "← → · p n"."""
    if len(commands) == 1 and len(commands[0]) > 3:
        return f"{commands[0][0]} - {commands[0][-1]}"
    return "  ·  ".join(" ".join(_LABELS.get(key, key) for key in keys) for keys in zip(*commands, strict=True))


def _say(state: State, text: str, **changes) -> State:
    return replace(state, said=text, said_count=state.said_count + 1, **changes)


def _with_look(state: State, text: str, **changes) -> State:
    return _say(state, text, look=replace(state.look, **changes))


def spoken(style: str) -> str:
    """A style's name for people: great_wave -> Great Wave."""
    return " ".join(word.capitalize() if word.islower() else word for word in style.replace("-", "_").split("_"))


def _style(state: State, value: Value) -> State:
    number = int(value or 1)
    if number > len(state.styles):
        return _say(state, f"there is no style {number}: this model has {len(state.styles)}")
    name = state.styles[number - 1]
    return _with_look(state, f"{number}  {spoken(name)}", mix=((name, 1.0),))


def _original(state: State, _: Value) -> State:
    if state.number:
        return replace(_with_look(state, "original", mix=((ORIGINAL, 1.0),)), painting=state.look.mix)
    return _with_look(state, "painting", mix=state.painting) if state.painting else _say(state, "original")


def _turn(by: int) -> Callable[[State, Value], State]:
    def act(state: State, _: Value) -> State:
        at = state.number or (0 if by > 0 else 1)
        return _style(state, (at - 1 + by) % len(state.styles) + 1)

    return act


def step(value: float, by: float, allowed: tuple[float, float]) -> float:
    """The next multiple of ``abs(by)`` in the direction of ``by``, as a clean decimal within ``allowed``."""
    size = abs(by)
    count = math.floor(value / size + 1e-6) + 1 if by > 0 else math.ceil(value / size - 1e-6) - 1
    return min(max(round(count * size, 6), allowed[0]), allowed[1])


def _strength(state: State, value: Value) -> State:
    strength = state.look.strength if value is None else round(float(value), 6)
    return _with_look(state, f"strength {100 * strength:.0f} %", strength=strength)


def _brush(state: State, value: Value) -> State:
    brush = state.look.brush if value is None else round(float(value), 6)
    return _with_look(state, f"brush {brush:g}", brush=brush)


def _stability(state: State, value: Value) -> State:
    stability = state.look.stability if value is None else round(float(value), 6)
    return _with_look(state, f"stability {100 * stability:.0f} %", stability=stability)


def _strength_step(by: float) -> Callable[[State, Value], State]:
    return lambda state, _: _strength(state, step(state.look.strength, by, STRENGTH_RANGE))


def _brush_step(by: float) -> Callable[[State, Value], State]:
    return lambda state, _: _brush(state, step(state.look.brush, by, BRUSH_RANGE))


def _keep_color(state: State, value: Value) -> State:
    keep = not state.look.keep_color if value is None else bool(value)
    return _with_look(state, "colours of the picture" if keep else "colours of the painting", keep_color=keep)


def _switch(field: str, on: str, off: str) -> Callable[[State, Value], State]:
    def act(state: State, value: Value) -> State:
        new = not getattr(state, field) if value is None else bool(value)
        return _say(state, on if new else off, **{field: new})

    return act


def _compare(state: State, value: Value) -> State:
    mode = value or COMPARE_MODES[(COMPARE_MODES.index(state.compare) + 1) % len(COMPARE_MODES)]
    return _say(state, f"compare: {mode}", compare=mode)


def _snapshot(state: State, _: Value) -> State:
    return replace(state, snapshots=state.snapshots + 1)  # what to say is known once it is written


def _back(state: State, _: Value) -> State:
    for open_now in ("help", "fullscreen"):
        if getattr(state, open_now):
            return replace(state, **{open_now: False})
    return replace(state, quit=True)


def _keys(*names: str) -> tuple[tuple[str, Value], ...]:
    return tuple((name, None) for name in names)


_TABLE = (
    Command("style", "style 1 - 9", _style, tuple((str(n), n) for n in range(1, 10)), (1, 999)),
    Command("original", "original, and back", _original, _keys("0")),
    Command("previous", "previous, next style", _turn(-1), _keys("left", "p")),
    Command("next", "previous, next style", _turn(+1), _keys("right", "n")),
    Command("weaker", "strength down, up", _strength_step(-STRENGTH_STEP), _keys("down", "[")),
    Command("stronger", "strength down, up", _strength_step(+STRENGTH_STEP), _keys("up", "]")),
    Command("strength", "strength of the painting", _strength, values=STRENGTH_RANGE),
    Command("finer", "brush finer, broader", _brush_step(-BRUSH_STEP), _keys("{")),
    Command("broader", "brush finer, broader", _brush_step(+BRUSH_STEP), _keys("}")),
    Command("brush", "breadth of the strokes", _brush, values=BRUSH_RANGE),
    Command("stability", "how still areas are held still", _stability, values=STABILITY_RANGE),
    Command("keep_color", "keep the picture's colours", _keep_color, _keys("k"), bool),
    Command("compare", "compare with the original", _compare, _keys("c"), COMPARE_MODES),
    Command("freeze", "freeze the picture", _switch("frozen", "frozen", "running"), _keys("space"), bool),
    Command("mirror", "mirror", _switch("mirror", "mirrored", "not mirrored"), _keys("m"), bool),
    Command("snapshot", "save a snapshot", _snapshot, _keys("s")),
    Command("hud", "figures on, off", _switch("hud", "", ""), _keys("i"), bool),
    Command("help", "this card", _switch("help", "", ""), _keys("h", "?"), bool),
    Command("fullscreen", "full screen", _switch("fullscreen", "", ""), _keys("f", "f11"), bool),
    Command("back", "leave, then quit", _back, _keys("esc")),
    Command("quit", "quit", lambda state, _: replace(state, quit=True), _keys("q")),
)


def _bind(commands: tuple[Command, ...]) -> dict[str, tuple[str, Value]]:
    bound: dict[str, tuple[str, Value]] = {}
    for command in commands:
        for key, value in command.keys:
            if key in bound:
                raise ValueError(f"the key {key!r} is bound to {bound[key][0]} and to {command.name}")
            bound[key] = (command.name, value)
    return bound


COMMANDS = {command.name: command for command in _TABLE}
KEYS = _bind(_TABLE)
