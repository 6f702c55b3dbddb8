"""The one table of commands of the live view: name, range, keys, help line and place on the page.

Keyboard (``keys.py`` beside this), OSC, the web page and what is kept until the next run only bind
to it. To add an action, add one ``Command`` to the table: it is in reach of all of them. What it
changes are fields of ``State``. The page has what is shown and answered in other languages, too
(``realtime/web/words.json``; its test says what is missing).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

from engines.model_file import ORIGINAL
from realtime.controls import acts, transport
from realtime.controls.acts import say
from realtime.controls.state import (
    BANK_SIZE,
    BEATS_RANGE,
    COMPARE_MODES,
    CYCLE_RANGE_S,
    DIVIDER_RANGE,
    FADE_RANGE_S,
    HUD_STEPS,
    PRESETS_RANGE,
    State,
)
from realtime.controls.values import (
    Nothing,
    Range,
    Switch,
    Text,
    UsualWords,
    V,
    Value,
    Values,
    Words,
)
from realtime.look import (
    BLUR,
    BRUSH_RANGE,
    CANVAS_RANGE,
    FACE_RANGE,
    PAINTED_PARTS,
    PAINTING,
    STABILITY_RANGE,
    STRENGTH_RANGE,
    mix_text,
)

Keys = tuple[tuple[str, Value], ...]
_NO_LOOK = ("hud", "fill", "favourites")  # settings that are no part of a preset


@dataclass(frozen=True)
class Command(Generic[V]):
    """One action.

    Raises ValueError for what is kept or shown without ``now``, which is a mistake in the table.
    """

    name: str
    help: str
    """Its line on the help card; commands with the same one share the line."""
    act: Callable[[State, V], State]
    """Does it, with a value that is inside ``values`` already."""
    values: Values[V]
    keys: Keys = ()
    """Names of keys, each with the value that it sends."""
    now: Callable[[State], V] | None = None
    """Reads its present value; None for an action that has none."""
    remembered: bool = False
    """Whether its present value is kept until the next run."""
    page: int | None = None
    """The place of its control on the page, the smallest one first; None for no control there."""
    on_host: bool = False
    """Whether it ends the show, rules its window or writes its disk: no page's to ask for."""
    fader: str = ""
    """The command that a fader performs which learns from a key of this one."""
    of_film: bool = False
    """Whether it is about the film that plays: a show with it cannot be painted from that film."""
    fades: bool = False
    """Whether its number may be given with seconds of its own, in which it is faded to."""
    by_page_keys: bool = True
    """False for what ends the program or rules its window, and where browsers need the key."""

    def __post_init__(self) -> None:
        shows_value = self.page is not None and not isinstance(self.values, Nothing)
        if self.now is None and (self.remembered or shows_value):
            raise ValueError(f"the command {self.name} does not say how its value is read: now")

    def accept(self, value: Value) -> V | None:
        """Return ``value`` brought into range, or None for no value.

        Raises ValueError if it is nothing that the command takes.
        """
        if value is None:
            return None
        try:
            return self.values.accept(value)
        except ValueError as error:
            raise ValueError(f"{self.name} {error}") from None

    def accept_fade(self, fade_s: Value) -> float:
        """Return seconds of its own brought into range. Raises ValueError if it takes none."""
        if not self.fades:
            fading = ", ".join(command.name for command in COMMANDS.values() if command.fades)
            why = ": the network is set up anew for each brush" if self.name == "brush" else ""
            raise ValueError(f"{self.name} does not fade by itself{why}. These do: {fading}")
        try:
            return Range(*FADE_RANGE_S).accept("" if fade_s is None else fade_s)
        except ValueError as error:
            raise ValueError(f"{self.name}: its fade {error} seconds") from None

    def perform(self, state: State, value: Value = None, fade_s: Value = None) -> State:
        """Return the state afterwards; no value means the next or the other one.

        fade_s: seconds of its own. Raises ValueError for what the command cannot take.
        """
        accepted = self.accept(value)
        if accepted is None:
            accepted = self.values.other(self.now(state) if self.now else None)
        if fade_s is None:
            return self.act(state, accepted)
        own_s = self.accept_fade(fade_s)
        return acts.with_own_fade(self.act(state, accepted), self.name, own_s)


AnyCommand = Command[None] | Command[float] | Command[bool] | Command[str]


def perform(state: State, name: str, value: Value = None, fade_s: Value = None) -> State:
    """Return the state after the command ``name``; numbers are brought into the command's range.

    fade_s: the seconds in which its number is faded to, by itself; None: as all else. Raises
    KeyError for a name that is not in ``COMMANDS``, ValueError for what the command cannot take.
    """
    after = COMMANDS[name].perform(state, value, fade_s)
    return replace(after, asked=False) if state.asked else after


def recall_preset(state: State, number: float) -> State:
    """Bring a preset back, by a fade; or store it, if that was asked for before.

    What a preset has that means nothing any more, of another model say, is passed over and said.
    """
    if state.storing:
        return _store_preset(state, int(number))
    preset = dict(state.presets).get(int(number))
    if preset is None:
        return say(state, f"there is no preset {number:g} yet: store it first")
    missing, fades_s = [], dict(dict(state.preset_fades).get(int(number), ()))
    for name, value in preset:
        try:
            state = perform(state, name, value, fades_s.get(name))
        except (KeyError, ValueError):
            missing.append(name)
    lacks = f", without {', '.join(missing)}" if missing else ""
    return say(state, f"preset {number:g}{lacks}")


def _store_preset(state: State, number: int) -> State:
    kept = tuple((name, value) for name, value in settings(state).items() if name not in _NO_LOOK)
    presets = {**dict(state.presets), number: kept}
    stored = replace(state, storing=False, presets=tuple(sorted(presets.items())))
    return say(stored, f"preset {number} stored")


def settings(state: State) -> dict[str, Value]:
    """Return what is kept until the next run: commands and values, which ``perform`` brings back.

    The original is looked at in passing: what is kept is the painting behind it.
    """
    kept = replace(acts.leave_original(state), under_way=())
    return {
        command.name: command.now(kept)
        for command in COMMANDS.values()
        if command.remembered and command.now
    }


def _keys(*names: str) -> Keys:
    return tuple((name, None) for name in names)


def _number(
    name: str,
    help: str,
    act: Callable[[State, float], State],
    values: Range,
    now: Callable[[State], float],
    *,
    step: float,
    step_help: str,
    down: tuple[str, ...],
    up: tuple[str, ...],
    page: int | None = None,
    remembered: bool = True,
    fades: bool = False,
) -> tuple[AnyCommand, ...]:
    """Return the commands that take a number a step down and up, and the one that sets it.

    ``down``, ``up``: the name of the command, and its keys. Who takes one of them while the number
    fades by itself ends that, and a step is one from where it is.
    """

    def read(state: State) -> float:
        return dict(state.under_way).get(name, now(state))

    def set_number(state: State, number: float) -> State:
        return acts.with_own_fade(act(state, number), name, None)

    def step_command(by: float, step_name: str, *keys: str) -> Command[None]:
        def take_step(state: State, _: None) -> State:
            return set_number(state, values.step(read(state), by))

        return Command(step_name, step_help, take_step, Nothing(), _keys(*keys), fader=name)

    number = Command(
        name, help, set_number, values, now=read, remembered=remembered, page=page, fades=fades
    )
    return step_command(-step, *down), step_command(step, *up), number


_TABLE: tuple[AnyCommand, ...] = (
    Command(
        "slot",
        "style 1 - 9 of the bank",
        acts.pick_slot,
        Range(1, BANK_SIZE),
        tuple((str(number), number) for number in range(1, BANK_SIZE + 1)),
    ),
    Command("style", "a style by its number or name", acts.pick_style, Text()),
    Command(
        "bank_previous", "bank before, bank after", acts.turn_banks(-1), Nothing(), _keys("pageup")
    ),
    Command(
        "bank_next", "bank before, bank after", acts.turn_banks(+1), Nothing(), _keys("pagedown")
    ),
    Command("bank", "a bank of nine styles", acts.set_bank, Range(1, 99), now=lambda s: s.bank + 1),
    Command(
        "previous", "previous, next style", acts.turn_styles(-1), Nothing(), _keys("left", "p")
    ),
    Command("next", "previous, next style", acts.turn_styles(+1), Nothing(), _keys("right", "n")),
    Command(
        "blend",
        "blend: digits add styles",
        acts.set_blending,
        Switch(),
        _keys("b"),
        now=lambda s: s.blending,
        page=10,
        fader="balance",
    ),
    Command(
        "balance",
        "share of a blend's last style",
        acts.set_balance,
        Range(0.0, 1.0),
        now=acts.balance_of,
    ),
    Command(
        "mix",
        "a blend, as great_wave:0.6,starry_night:0.4",
        acts.set_mix,
        Text(),
        now=lambda s: mix_text(s.look.mix),
        remembered=True,
    ),
    Command(
        "favourite",
        "favourite: comes first",
        acts.toggle_favourite,
        Nothing(),
        _keys("*"),
    ),
    Command(
        "favourites",
        "the styles that come first, as hokusai,the_scream",
        acts.set_favourites,
        Text(),
        now=lambda s: ",".join(s.favourites),
        remembered=True,
    ),
    Command(
        "grab",
        "the camera's picture as a style",
        acts.grab,
        Nothing(),
        _keys("g"),
    ),
    Command(
        "keep",
        "keep, refine a picture's style",
        acts.keep_style,
        Nothing(),
        _keys("K"),
        on_host=True,
    ),
    Command(
        "refine",
        "keep, refine a picture's style",
        lambda s, on: replace(s, refining=on),  # what trains says what comes of it
        Switch(),
        _keys("R"),
        now=lambda s: s.refining,
        page=27,
    ),
    Command("original", "original, and back", acts.toggle_original, Nothing(), _keys("0")),
    *_number(
        "strength",
        "strength of the painting",
        acts.set_strength,
        Range(*STRENGTH_RANGE),
        lambda s: s.look.strength,
        step=0.1,
        step_help="strength down, up",
        down=("weaker", "down", "["),
        up=("stronger", "up", "]"),
        page=10,
        fades=True,
    ),
    *_number(
        "brush",
        "breadth of the strokes",
        acts.set_brush,
        Range(*BRUSH_RANGE),
        lambda s: s.look.brush,
        step=0.25,
        step_help="brush finer, broader",
        down=("finer", "{", "f9"),
        up=("broader", "}", "f10"),
        page=20,
    ),
    *_number(
        "stability",
        "how still areas are held still",
        acts.set_stability,
        Range(*STABILITY_RANGE),
        lambda s: s.look.stability,
        step=0.1,
        step_help="stability down, up",
        down=("looser", "("),
        up=("steadier", ")"),
        page=30,
        fades=True,
    ),
    *_number(
        "canvas",
        "roughness of the canvas",
        acts.set_canvas,
        Range(*CANVAS_RANGE),
        lambda s: s.look.canvas,
        step=0.1,
        step_help="canvas plainer, rougher",
        down=("plainer", ";"),
        up=("rougher", "'"),
        page=30,
        fades=True,
    ),
    Command(
        "keep_color",
        "keep the picture's colours",
        acts.set_keep_color,
        Switch(),
        _keys("k"),
        now=lambda s: s.look.keep_color,
        remembered=True,
        page=20,
    ),
    Command(
        "paint",
        "who is painted, what is behind",
        acts.set_paint,
        Words(PAINTED_PARTS),
        _keys("w"),
        now=lambda s: s.look.paint,
        remembered=True,
        page=22,
    ),
    Command(
        "behind",
        "who is painted, what is behind",
        acts.set_behind,
        UsualWords((PAINTING, ORIGINAL, BLUR)),
        _keys("e"),
        now=lambda s: s.look.behind,
        remembered=True,
        page=24,
    ),
    *_number(
        "face",
        "how strongly faces are painted",
        acts.set_face,
        Range(*FACE_RANGE),
        lambda s: s.look.face,
        step=0.1,
        step_help="faces painted less, more",
        down=("face_less", ":"),
        up=("face_more", '"'),
        page=32,
        fades=True,
    ),
    *_number(
        "grade",
        "how strongly the picture is graded",
        acts.set_grade,
        Range(*STRENGTH_RANGE),
        lambda s: s.look.grade_strength if s.look.grade else 0.0,
        step=0.1,
        step_help="grade weaker, stronger",
        down=("grade_weaker", "j"),
        up=("grade_stronger", "l"),
        page=34,
        fades=True,
        remembered=False,  # the picture is not either
    ),
    Command(
        "grab_grade",
        "grade by the camera, parts, hold",
        acts.grab_grade,
        Nothing(),
        _keys("G"),
    ),
    Command(
        "grade_parts",
        "grade by the camera, parts, hold",
        acts.set_grade_parts,
        Switch(),
        _keys("u"),
        now=lambda s: s.look.grade_parts,
        remembered=True,
        page=25,
    ),
    Command(
        "hold_grade",
        "grade by the camera, parts, hold",
        acts.set_grade_hold,
        Switch(),
        _keys("y"),
        now=lambda s: s.look.grade_hold,
        page=26,
    ),
    *_number(
        "fade",
        "seconds from style to style",
        acts.set_fade,
        Range(*FADE_RANGE_S),
        lambda s: s.fade_s,
        step=0.2,
        step_help="fade shorter, longer",
        down=("fade_shorter", ","),
        up=("fade_longer", "."),
        page=40,
    ),
    Command(
        "auto",
        "change styles by itself",
        acts.set_cycling,
        Switch(),
        _keys("a"),
        now=lambda s: s.cycling,
        page=50,
        fader="auto_period",
    ),
    *_number(
        "auto_period",
        "seconds that each style stays",
        acts.set_cycle,
        Range(*CYCLE_RANGE_S),
        lambda s: s.cycle_s,
        step=1.0,
        step_help="auto faster, slower",
        down=("auto_faster", "-"),
        up=("auto_slower", "+"),
        page=50,
    ),
    Command(
        "tap",
        "tap the beat for auto",
        acts.tap,
        Nothing(),
        _keys("enter"),
        by_page_keys=False,  # on a page it presses buttons
    ),
    Command(
        "beats",
        "beats that each style stays",
        acts.set_beats,
        Range(*BEATS_RANGE),
        now=lambda s: float(s.beats),
    ),
    Command(
        "preset",
        "preset 1 - 8",
        recall_preset,
        Range(*PRESETS_RANGE),
        tuple((f"f{number}", number) for number in range(1, PRESETS_RANGE[1] + 1)),
        by_page_keys=False,  # they are the browser's
    ),
    Command(
        "store",
        "store the next preset",
        acts.set_storing,
        Switch(),
        _keys("v"),
        now=lambda s: s.storing,
        by_page_keys=False,
        on_host=True,
    ),
    Command("reset", "all as at the beginning", acts.reset, Nothing(), _keys("backspace")),
    Command(
        "black",
        "black at once, by a fade",
        acts.set_black(fades=False),
        Switch(),
        _keys("x"),
        now=lambda s: s.black,
    ),
    Command(
        "fade_black",
        "black at once, by a fade",
        acts.set_black(fades=True),
        Switch(),
        _keys("d"),
        now=lambda s: s.black,
    ),
    Command(
        "text",
        "text over the picture, {clock} and {style} in it",
        acts.set_text,
        Text(),
        now=lambda s: s.text,
        remembered=True,
        page=70,
    ),
    Command(
        "caption",
        "text or clock over the picture",
        acts.set_captioned,
        Switch(),
        _keys("o"),
        now=lambda s: s.captioned,
        remembered=True,
        page=70,
    ),
    Command(
        "compare",
        "compare with the original",
        acts.set_compare,
        Words(COMPARE_MODES),
        _keys("c"),
        now=lambda s: s.compare,
        page=60,
        fader="divider",
    ),
    *_number(
        "divider",
        "place of the dividing line",
        lambda s, divider: replace(s, divider=divider),  # the line itself says it
        Range(*DIVIDER_RANGE),
        lambda s: s.divider,
        step=0.05,
        step_help="move the dividing line",
        down=("divider_left", "<"),
        up=("divider_right", ">"),
    ),
    Command(
        "strip",
        "small pictures: bank, all",
        lambda s, on: say(replace(s, strip=on), ""),
        Switch(),
        _keys("t"),
        now=lambda s: s.strip,
        on_host=True,
        by_page_keys=False,
    ),
    Command(
        "sheet",
        "small pictures: bank, all",
        lambda s, on: say(replace(s, sheet=on), ""),
        Switch(),
        _keys("tab"),
        now=lambda s: s.sheet,
        on_host=True,
        by_page_keys=False,
    ),
    Command(
        "freeze",
        "freeze the picture",
        acts.set_frozen,
        Switch(),
        _keys("space"),
        now=lambda s: s.frozen,
        page=40,
    ),
    Command(
        "pause",
        "film: pause, back, on, start",
        transport.set_paused,
        Switch(),
        _keys("P"),
        now=lambda s: s.film is not None and s.film.paused,
        page=41,
        fader="place",
        of_film=True,
    ),
    Command(
        "film_back",
        "film: pause, back, on, start",
        transport.step(-transport.STEP_S),
        Nothing(),
        _keys("J"),
        page=42,
        fader="place",
        of_film=True,
    ),
    Command(
        "film_on",
        "film: pause, back, on, start",
        transport.step(transport.STEP_S),
        Nothing(),
        _keys("L"),
        page=43,
        fader="place",
        of_film=True,
    ),
    Command(
        "seek",
        "film: pause, back, on, start",
        transport.jump,
        Range(0.0, 86400.0),
        (("home", 0.0),),
        now=lambda s: s.film.at_s if s.film else 0.0,
        of_film=True,
    ),
    Command(
        "place",
        "film: share of its length",
        transport.jump_to_share,
        Range(0.0, 1.0),
        now=transport.share_of,
        page=5,
        of_film=True,
    ),
    Command(
        "repeat",
        "film: A to B, before, next",
        transport.mark,
        Nothing(),
        _keys("A"),
        page=44,
        of_film=True,
    ),
    Command(
        "previous_film",
        "film: A to B, before, next",
        transport.turn_files(-1),
        Nothing(),
        _keys("B"),
        of_film=True,
    ),
    Command(
        "next_film",
        "film: A to B, before, next",
        transport.turn_files(+1),
        Nothing(),
        _keys("N"),
        page=45,
        of_film=True,
    ),
    Command(
        "mirror",
        "mirror",
        acts.set_mirror,
        Switch(),
        _keys("m"),
        now=lambda s: s.mirror,
        page=30,
    ),
    Command(
        "snapshot",
        "save a snapshot",
        # What to say is known once it is written.
        lambda s, _: replace(s, snapshots=s.snapshots + 1),
        Nothing(),
        _keys("s"),
        on_host=True,
    ),
    Command(
        "record",
        "record, and stop recording",
        lambda s, on: replace(s, recording=on),  # the recorder says what came of it
        Switch(),
        _keys("r"),
        now=lambda s: s.recording,
        on_host=True,
    ),
    Command(
        "hud",
        "figures: short, all, off",
        lambda s, step: say(replace(s, hud=step), ""),
        Words(HUD_STEPS),
        _keys("i"),
        now=lambda s: s.hud,
        remembered=True,
    ),
    Command(
        "help",
        "this card",
        lambda s, on: say(replace(s, help=on), ""),
        Switch(),
        _keys("h", "?"),
        now=lambda s: s.help,
    ),
    Command(
        "fullscreen",
        "full screen",
        lambda s, on: say(replace(s, fullscreen=on), ""),
        Switch(),
        _keys("f", "f11"),
        now=lambda s: s.fullscreen,
        on_host=True,
    ),
    Command(
        "fill",
        "fill the window, or fit",
        lambda s, on: say(replace(s, fill=on), "fill" if on else "fit"),
        Switch(),
        _keys("z"),
        now=lambda s: s.fill,
        remembered=True,
        on_host=True,
        by_page_keys=False,
    ),
    Command(
        "back",
        "leave, quit",
        acts.go_back,
        Nothing(),
        _keys("esc"),
        on_host=True,
        by_page_keys=False,
    ),
    Command(
        "quit",
        "leave, quit",
        acts.end_show,
        Nothing(),
        _keys("q"),
        on_host=True,
        by_page_keys=False,
    ),
)
COMMANDS: dict[str, AnyCommand] = {command.name: command for command in _TABLE}
