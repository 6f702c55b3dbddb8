"""The one control model of the live view: every action is a named command with its range, its keys
and its help line.

Keyboard (``keys.py`` beside this), OSC and web page only bind to it: they call ``perform`` by name.
To add an action, add one ``Command`` to the table at the end. Knows nothing of windows, threads or
pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from engines.errors import UsageError
from engines.model_file import ORIGINAL
from realtime.look import BRUSH_RANGE, STABILITY_RANGE, STRENGTH_RANGE, Look, mix_text, parse_mix

STRENGTH_STEP = 0.1
BRUSH_STEP = 0.25
STABILITY_STEP = 0.1
FADE_STEP_S = 0.2
FADE_RANGE_S = (0.0, 10.0)
DIVIDER_STEP = 0.05
DIVIDER_RANGE = (0.05, 0.95)
# WCAG 2.3.1 allows three flashes a second; one change of style a second cannot come near it,
# whatever the two styles are.
CYCLE_RANGE_S = (1.0, 600.0)
BANK_SIZE = 9
COMPARE_MODES = ("off", "split", "side by side")

Value = float | bool | str | None
_ROMAN = re.compile(r"[ivx]{2,}")


@dataclass(frozen=True)
class State:
    """Everything that can be controlled.

    ``styles``: the model's paintings in order, without the original.

    ``bank``: which nine of the styles the digits mean, from 0. ``blending``: digits add to the mix
    instead of replacing it. ``divider``: place of the split comparison's line, as a share of the
    picture's width. ``cycling``: a new style every ``cycle_s``. ``strip``: small pictures of the
    bank's styles; ``sheet``: large ones instead of the painting. ``snapshots`` counts the requests
    so far; ``said`` is the answer to the newest command, and ``said_count`` tells a repeated answer
    from an old one.
    """

    styles: tuple[str, ...]
    look: Look
    bank: int = 0
    blending: bool = False
    fade_s: float = 0.4
    cycling: bool = False
    cycle_s: float = 8.0
    mirror: bool = False
    frozen: bool = False
    compare: str = "off"
    divider: float = 0.5
    strip: bool = False
    sheet: bool = False
    hud: bool = True
    help: bool = False
    fullscreen: bool = False
    quit: bool = False
    recording: bool = False
    snapshots: int = 0
    said: str = ""
    said_count: int = 0
    painting: tuple[tuple[str, float], ...] = ()  # the mix to which `original` goes back

    @property
    def number(self) -> int:
        """The number, from 1, of the heaviest painting in the mix; 0 for the original alone."""
        paintings = [part for part in self.look.mix if part[0] in self.styles]
        return (
            self.styles.index(max(paintings, key=lambda part: part[1])[0]) + 1 if paintings else 0
        )

    @property
    def banks(self) -> int:
        return max(1, math.ceil(len(self.styles) / BANK_SIZE))

    @property
    def bank_styles(self) -> tuple[str, ...]:
        """The styles that the digits mean now, at most nine."""
        return self.styles[self.bank * BANK_SIZE : (self.bank + 1) * BANK_SIZE]


@dataclass(frozen=True)
class Command:
    """One action.

    ``act`` gets a value that is already inside ``values``, or None, which means the next or the
    other one.

    ``values``: None for an action that takes none, (low, high) for a number, a tuple of words,
    ``bool`` for on and off, or ``str`` for a text that ``act`` understands or refuses with
    ValueError. ``keys``: pairs of a key's name and the value that it sends. Commands with the same
    ``help`` share a line of the card.
    """

    name: str
    help: str
    act: Callable[[State, Value], State]
    keys: tuple[tuple[str, Value], ...] = ()
    values: tuple[float, float] | tuple[str, ...] | type[bool] | type[str] | None = None

    def accept(self, value: Value) -> Value:
        """``value`` brought into range.

        Raises ValueError if it is no number, or no word that the command knows.
        """
        if value is None or self.values is None:
            return None
        if self.values is bool:
            return self._switch(value)
        if self.values is str:
            return f"{value:g}" if isinstance(value, float) else str(value)
        if isinstance(self.values[0], str):
            if value not in self.values:
                raise ValueError(f"{self.name} takes {', '.join(self.values)}, not {value!r}")
            return value
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(
                f"{self.name} takes a number from {self.values[0]:g} to {self.values[1]:g}, not {value!r}"
            )
        return min(max(number, self.values[0]), self.values[1])

    def _switch(self, value: Value) -> bool:
        if not isinstance(value, str):
            return bool(value)
        words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
        if value.lower() not in words:
            raise ValueError(f"{self.name} takes on or off, not {value!r}")
        return words[value.lower()]


def perform(state: State, name: str, value: Value = None) -> State:
    """The state after the command ``name``; numbers are clamped into the command's range.

    Raises KeyError for a name that is not in ``COMMANDS``, ValueError for a value that the command
    cannot take.
    """
    command = COMMANDS[name]
    return command.act(state, command.accept(value))


def settings(state: State) -> dict[str, Value]:
    """What is worth keeping until the next run, as commands and their values: ``perform`` brings it
    back.
    """
    mix = state.look.mix if state.number else state.painting or state.look.mix
    return {
        "mix": mix_text(mix),
        "strength": state.look.strength,
        "brush": state.look.brush,
        "stability": state.look.stability,
        "keep_color": state.look.keep_color,
        "fade": state.fade_s,
        "auto_period": state.cycle_s,
        "divider": state.divider,
        "hud": state.hud,
    }


def _say(state: State, text: str, **changes) -> State:
    return replace(state, said=text, said_count=state.said_count + 1, **changes)


def _with_look(state: State, text: str, **changes) -> State:
    return _say(state, text, look=replace(state.look, **changes))


def spoken(style: str) -> str:
    """A style's name for people: great_wave -> Great Wave, composition_vii -> Composition VII."""
    words = style.replace("-", "_").split("_")
    return " ".join(
        word.upper() if _ROMAN.fullmatch(word) else word.capitalize() if word.islower() else word
        for word in words
    )


def _style(state: State, value: Value) -> State:
    """A style by its number in the model, from 1, or by its name; ``original`` is a name too."""
    text = str(value or "1")
    if text in (ORIGINAL, *state.styles):
        return _original(state, None) if text == ORIGINAL and state.number else _pick(state, text)
    if not text.isdecimal():
        raise ValueError(f"there is no style {text!r}; there are {', '.join(state.styles)}")
    if not 1 <= int(text) <= len(state.styles):
        return _say(state, f"there is no style {text}: this model has {len(state.styles)}")
    return _pick(state, state.styles[int(text) - 1])


def _pick(state: State, name: str) -> State:
    if name == ORIGINAL:
        return _with_look(state, "original", mix=((ORIGINAL, 1.0),))
    number = state.styles.index(name)
    changed = _with_look(state, f"{number + 1}  {spoken(name)}", mix=((name, 1.0),))
    return replace(changed, bank=number // BANK_SIZE, blending=False)


def _slot(state: State, value: Value) -> State:
    place = int(value or 1) - 1
    if place >= len(state.bank_styles):
        return _say(
            state, f"there is no style {place + 1} in this bank: it has {len(state.bank_styles)}"
        )
    name = state.bank_styles[place]
    return _add(state, name) if state.blending else _pick(state, name)


def _add(state: State, name: str) -> State:
    """Into the blend with equal shares, or out of it again; the last one stays."""
    names = [other for other in state.look.style_names if other != ORIGINAL]
    names = (
        [other for other in names if other != name]
        if name in names and len(names) > 1
        else [*names, name]
    )
    mix = tuple((other, 1.0) for other in dict.fromkeys(names))
    return _with_look(state, " + ".join(spoken(other) for other, _ in mix), mix=mix)


def _blend(state: State, value: Value) -> State:
    on = not state.blending if value is None else bool(value)
    return _say(
        state, "blend: digits add a style, or take it out" if on else "blend: done", blending=on
    )


def _mix(state: State, value: Value) -> State:
    """A blend with weights, such as great_wave:0.6,starry_night:0.4."""
    try:
        mix = state.look.mix if value is None else parse_mix(str(value))
        for name, _ in mix:
            if name not in (ORIGINAL, *state.styles):
                raise ValueError(f"there is no style {name!r}; there are {', '.join(state.styles)}")
        return _with_look(state, " + ".join(spoken(name) for name, _ in mix), mix=mix)
    except UsageError as error:
        raise ValueError(str(error)) from error


def _bank(state: State, value: Value) -> State:
    bank = state.bank if value is None else min(int(value), state.banks) - 1
    return _say(state, f"bank {bank + 1} of {state.banks}", bank=bank)


def _bank_turn(by: int) -> Callable[[State, Value], State]:
    return lambda state, _: _bank(state, (state.bank + by) % state.banks + 1)


def _original(state: State, _: Value) -> State:
    if state.number:
        return replace(
            _with_look(state, "original", mix=((ORIGINAL, 1.0),)), painting=state.look.mix
        )
    return (
        _with_look(state, "painting", mix=state.painting)
        if state.painting
        else _say(state, "original")
    )


def _turn(by: int) -> Callable[[State, Value], State]:
    def act(state: State, _: Value) -> State:
        at = state.number or (0 if by > 0 else 1)
        return _pick(state, state.styles[(at - 1 + by) % len(state.styles)])

    return act


def step(value: float, by: float, allowed: tuple[float, float]) -> float:
    """The next multiple of ``abs(by)`` in the direction of ``by``, as a clean decimal within
    ``allowed``.
    """
    size = abs(by)
    count = math.floor(value / size + 1e-6) + 1 if by > 0 else math.ceil(value / size - 1e-6) - 1
    return min(max(round(count * size, 6), allowed[0]), allowed[1])


def _look_number(field: str, text: Callable[[float], str]) -> Callable[[State, Value], State]:
    def act(state: State, value: Value) -> State:
        number = getattr(state.look, field) if value is None else round(float(value), 6)
        return _with_look(state, text(number), **{field: number})

    return act


def _number(field: str, text: Callable[[float], str]) -> Callable[[State, Value], State]:
    def act(state: State, value: Value) -> State:
        number = getattr(state, field) if value is None else round(float(value), 6)
        return _say(state, text(number), **{field: number})

    return act


def _step_of(
    name: str, by: float, now: Callable[[State], float]
) -> Callable[[State, Value], State]:
    """One step of the command ``name``, within its range."""
    return lambda state, _: perform(state, name, step(now(state), by, COMMANDS[name].values))


def _keep_color(state: State, value: Value) -> State:
    keep = not state.look.keep_color if value is None else bool(value)
    return _with_look(
        state, "colours of the picture" if keep else "colours of the painting", keep_color=keep
    )


def _switch(field: str, on: str, off: str) -> Callable[[State, Value], State]:
    def act(state: State, value: Value) -> State:
        new = not getattr(state, field) if value is None else bool(value)
        return _say(state, on if new else off, **{field: new})

    return act


def _auto(state: State, value: Value) -> State:
    on = not state.cycling if value is None else bool(value)
    return _say(
        state, f"a new style every {state.cycle_s:g} s" if on else "styles stay", cycling=on
    )


def _compare(state: State, value: Value) -> State:
    mode = value or COMPARE_MODES[(COMPARE_MODES.index(state.compare) + 1) % len(COMPARE_MODES)]
    return _say(state, f"compare: {mode}", compare=mode)


def _divider(state: State, value: Value) -> State:
    return replace(
        state, divider=state.divider if value is None else round(float(value), 6)
    )  # the line itself says it


def _snapshot(state: State, _: Value) -> State:
    return replace(state, snapshots=state.snapshots + 1)  # what to say is known once it is written


def _record(state: State, value: Value) -> State:
    return replace(
        state, recording=not state.recording if value is None else bool(value)
    )  # the recorder says what came of it


def _back(state: State, _: Value) -> State:
    for open_now in ("help", "sheet", "blending", "fullscreen"):
        if getattr(state, open_now):
            return replace(state, **{open_now: False})
    return replace(state, quit=True)


def _keys(*names: str) -> tuple[tuple[str, Value], ...]:
    return tuple((name, None) for name in names)


def _percent(name: str) -> Callable[[float], str]:
    return lambda value: f"{name} {100 * value:.0f} %"


_strength = _look_number("strength", _percent("strength"))
_brush = _look_number("brush", lambda value: f"brush {value:g}")
_stability = _look_number("stability", _percent("stability"))
_fade = _number("fade_s", lambda value: f"fade {value:g} s")
_period = _number("cycle_s", lambda value: f"auto: every {value:g} s")

_TABLE = (
    Command(
        "slot",
        "style 1 - 9 of the bank",
        _slot,
        tuple((str(n), n) for n in range(1, 10)),
        (1, BANK_SIZE),
    ),
    Command("style", "a style by its number or name", _style, values=str),
    Command("bank_previous", "bank before, bank after", _bank_turn(-1), _keys("pageup")),
    Command("bank_next", "bank before, bank after", _bank_turn(+1), _keys("pagedown")),
    Command("bank", "a bank of nine styles", _bank, values=(1, 99)),
    Command("previous", "previous, next style", _turn(-1), _keys("left", "p")),
    Command("next", "previous, next style", _turn(+1), _keys("right", "n")),
    Command("blend", "blend: digits add styles", _blend, _keys("b"), bool),
    Command("mix", "a blend, as great_wave:0.6,starry_night:0.4", _mix, values=str),
    Command("original", "original, and back", _original, _keys("0")),
    Command(
        "weaker",
        "strength down, up",
        _step_of("strength", -STRENGTH_STEP, lambda s: s.look.strength),
        _keys("down", "["),
    ),
    Command(
        "stronger",
        "strength down, up",
        _step_of("strength", +STRENGTH_STEP, lambda s: s.look.strength),
        _keys("up", "]"),
    ),
    Command("strength", "strength of the painting", _strength, values=STRENGTH_RANGE),
    Command(
        "finer",
        "brush finer, broader",
        _step_of("brush", -BRUSH_STEP, lambda s: s.look.brush),
        _keys("{"),
    ),
    Command(
        "broader",
        "brush finer, broader",
        _step_of("brush", +BRUSH_STEP, lambda s: s.look.brush),
        _keys("}"),
    ),
    Command("brush", "breadth of the strokes", _brush, values=BRUSH_RANGE),
    Command(
        "looser",
        "stability down, up",
        _step_of("stability", -STABILITY_STEP, lambda s: s.look.stability),
        _keys("("),
    ),
    Command(
        "steadier",
        "stability down, up",
        _step_of("stability", +STABILITY_STEP, lambda s: s.look.stability),
        _keys(")"),
    ),
    Command("stability", "how still areas are held still", _stability, values=STABILITY_RANGE),
    Command("keep_color", "keep the picture's colours", _keep_color, _keys("k"), bool),
    Command(
        "fade_shorter",
        "fade shorter, longer",
        _step_of("fade", -FADE_STEP_S, lambda s: s.fade_s),
        _keys(","),
    ),
    Command(
        "fade_longer",
        "fade shorter, longer",
        _step_of("fade", +FADE_STEP_S, lambda s: s.fade_s),
        _keys("."),
    ),
    Command("fade", "seconds from style to style", _fade, values=FADE_RANGE_S),
    Command("auto", "change styles by itself", _auto, _keys("a"), bool),
    Command(
        "auto_faster",
        "auto faster, slower",
        _step_of("auto_period", -1.0, lambda s: s.cycle_s),
        _keys("-"),
    ),
    Command(
        "auto_slower",
        "auto faster, slower",
        _step_of("auto_period", +1.0, lambda s: s.cycle_s),
        _keys("+"),
    ),
    Command("auto_period", "seconds that each style stays", _period, values=CYCLE_RANGE_S),
    Command("compare", "compare with the original", _compare, _keys("c"), COMPARE_MODES),
    Command(
        "divider_left",
        "move the dividing line",
        _step_of("divider", -DIVIDER_STEP, lambda s: s.divider),
        _keys("<"),
    ),
    Command(
        "divider_right",
        "move the dividing line",
        _step_of("divider", +DIVIDER_STEP, lambda s: s.divider),
        _keys(">"),
    ),
    Command("divider", "place of the dividing line", _divider, values=DIVIDER_RANGE),
    Command("strip", "small pictures of the bank", _switch("strip", "", ""), _keys("t"), bool),
    Command("sheet", "all styles at once", _switch("sheet", "", ""), _keys("tab"), bool),
    Command(
        "freeze", "freeze the picture", _switch("frozen", "frozen", "running"), _keys("space"), bool
    ),
    Command("mirror", "mirror", _switch("mirror", "mirrored", "not mirrored"), _keys("m"), bool),
    Command("snapshot", "save a snapshot", _snapshot, _keys("s")),
    Command("record", "record, and stop recording", _record, _keys("r"), bool),
    Command("hud", "figures on, off", _switch("hud", "", ""), _keys("i"), bool),
    Command("help", "this card", _switch("help", "", ""), _keys("h", "?"), bool),
    Command("fullscreen", "full screen", _switch("fullscreen", "", ""), _keys("f", "f11"), bool),
    Command("back", "leave, then quit", _back, _keys("esc")),
    Command("quit", "quit", lambda state, _: replace(state, quit=True), _keys("q")),
)
COMMANDS = {command.name: command for command in _TABLE}
