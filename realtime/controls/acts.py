"""What the commands do: functions from one state of the controls to the next.

Values have been brought into range by then (``values.py`` beside this).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engines.errors import UnknownStyle, UsageError, printable
from engines.model_file import ORIGINAL
from engines.style import STYLE_NAME, Style
from realtime.controls.state import BANK_SIZE, LONGEST_TEXT, State
from realtime.look import ALPHA, BLUR, PAINTING, PICTURE, Look, name_styles, parse_mix


def say(state: State, text: str) -> State:
    """Return ``state`` with ``text`` as the newest answer."""
    return replace(state, said=text, said_count=state.said_count + 1)


def pick_slot(state: State, number: float) -> State:
    """Pick the style at a place of the bank, from 1, or add it to the blend."""
    place = int(number) - 1
    if place >= len(state.bank_styles):
        return say(
            state, f"there is no style {place + 1} in this bank: it has {len(state.bank_styles)}"
        )
    name = state.bank_styles[place]
    return _blend_in(state, name) if state.blending else _pick(state, name)


def pick_style(state: State, text: str) -> State:
    """Pick a style by its number, from 1, or by its name or title, or ``original``.

    Raises ValueError for what is no style, or several.
    """
    text = text or "1"
    if text.isdecimal() and text not in state.styles:
        if not 1 <= int(text) <= len(state.styles):
            return say(state, f"there is no style {text}: there are {len(state.styles)}")
        return _pick(state, state.styles[int(text) - 1])
    try:
        name = state.find_style(text)
    except UnknownStyle as error:
        raise ValueError(str(error)) from error
    return toggle_original(state) if name == ORIGINAL and state.number else _pick(state, name)


def add_style(state: State, style: Style) -> State:
    """Put ``style`` behind the others and pick it."""
    about = state.about or tuple(map(Style, (ORIGINAL, *state.styles)))
    groups = (
        replace(group, styles=(*group.styles, style.name)) if group.takes_pictures else group
        for group in state.groups
    )
    more = replace(state, styles=(*state.styles, style.name), about=(*about, style))
    more = replace(more, groups=tuple(groups))
    return _pick(more, style.name)


def turn_styles(by: int) -> Callable[[State, None], State]:
    """Return what picks the style that is ``by`` further on, round and round."""

    def act(state: State, _: None) -> State:
        at = state.number or (0 if by > 0 else 1)
        return _pick(state, state.styles[(at - 1 + by) % len(state.styles)])

    return act


def turn_banks(by: int) -> Callable[[State, None], State]:
    """Return what turns the bank by ``by``, round and round."""
    return lambda state, _: set_bank(state, (state.bank + by) % state.banks + 1)


def set_bank(state: State, number: float) -> State:
    """Turn to a bank, from 1; beyond the last one, to the last."""
    bank = min(int(number), state.banks) - 1
    return say(replace(state, bank=bank), f"bank {bank + 1} of {state.banks}")


def set_blending(state: State, on: bool) -> State:
    """Let digits add styles to the mix and take them out, or replace it."""
    text = "blend: digits add a style, or take it out" if on else "blend: done"
    return say(replace(state, blending=on), text)


def set_mix(state: State, text: str) -> State:
    """Paint a blend with weights, such as great_wave:0.6,starry_night:0.4.

    Raises ValueError for what is no blend, for a name that the models lack, and for styles of two
    models.
    """
    try:
        mix = name_styles(parse_mix(text), state)
        if problem := state.blend_problem(mix):
            raise ValueError(problem)
        return _with_mix(state, mix)
    except UsageError as error:
        raise ValueError(str(error)) from error


def toggle_favourite(state: State, _: None) -> State:
    """Put the style that is painted behind the favourites, before all others; or take it out."""
    if not state.number:
        return say(state, "the original is no style")
    name = state.styles[state.number - 1]
    if name in state.favourites:
        rest = tuple(other for other in state.favourites if other != name)
        return say(_in_order(state, rest), f"{state.title(name)}: no favourite any more")
    ordered = _in_order(state, (*state.favourites, name))
    return say(ordered, f"favourite: {ordered.number}  {state.title(name)}")


def set_favourites(state: State, text: str) -> State:
    """Have the styles of ``text`` come first, in its order; those that no model has may follow.

    Raises ValueError for what cannot be a style's name.
    """
    names = []
    for name in filter(None, map(str.strip, text.split(","))):
        try:
            names.append(state.find_style(name))
        except UnknownStyle as error:
            if not STYLE_NAME.fullmatch(name):
                raise ValueError(str(error)) from error
            names.append(name)
    favourites = tuple(dict.fromkeys(name for name in names if name != ORIGINAL))
    titles = ", ".join(state.title(name) for name in favourites)
    return say(_in_order(state, favourites), f"favourites: {titles or 'none'}")


def _in_order(state: State, favourites: tuple[str, ...]) -> State:
    """Return ``state`` with these favourites, then the other styles as the models have them."""
    known = tuple(style.name for style in state.about if style.name != ORIGINAL) or state.styles
    first = tuple(name for name in favourites if name in known)
    styles = (*first, *(name for name in known if name not in first))
    after = replace(state, styles=styles, favourites=favourites)
    return replace(after, bank=max(0, after.number - 1) // BANK_SIZE)


def set_balance(state: State, share: float) -> State:
    """Give the last style of a blend ``share`` of it; the others have the rest, as before."""
    *others, (last, _) = state.look.mix
    if not others:
        return say(state, "a blend takes two styles: one, then blend, then another one")
    rest = sum(weight for _, weight in others)
    shares = [weight / rest if rest else 1 / len(others) for _, weight in others]
    names = [name for name, _ in others]
    weights = [round((1 - share) * part, 6) for part in shares]
    mix = (*zip(names, weights, strict=True), (last, share))
    text = f"{state.title(last)} {100 * share:.0f} %"
    return say(replace(state, look=replace(state.look, mix=mix)), text)


def balance_of(state: State) -> float:
    """Return the share of the last style of the mix."""
    return state.look.mix[-1][1] / sum(weight for _, weight in state.look.mix)


def toggle_original(state: State, _: None = None) -> State:
    """Show the original; once it is shown, go back to the painting."""
    if state.number:
        shown = replace(state, look=replace(state.look, mix=((ORIGINAL, 1.0),)))
        return say(replace(shown, painting=state.look.mix), "original")
    if state.painting:
        return say(replace(state, look=replace(state.look, mix=state.painting)), "painting")
    return say(state, "original")


def leave_original(state: State) -> State:
    """Return ``state`` with the painting that lies behind the original, if that is shown."""
    if state.number or not state.painting:
        return state
    return replace(state, look=replace(state.look, mix=state.painting))


def set_strength(state: State, strength: float) -> State:
    """Set the strength of the painting."""
    look = replace(state.look, strength=strength)
    return say(replace(state, look=look), f"strength {100 * strength:.0f} %")


def set_brush(state: State, brush: float) -> State:
    """Set the breadth of the strokes."""
    return say(replace(state, look=replace(state.look, brush=brush)), f"brush {brush:g}")


def set_stability(state: State, stability: float) -> State:
    """Set how still areas are held still."""
    look = replace(state.look, stability=stability)
    return say(replace(state, look=look), f"stability {100 * stability:.0f} %")


def set_canvas(state: State, canvas: float) -> State:
    """Set how rough the canvas is."""
    look = replace(state.look, canvas=canvas)
    return say(replace(state, look=look), f"canvas {100 * canvas:.0f} %")


def set_keep_color(state: State, keep: bool) -> State:
    """Take the colours of the picture, or those of the painting."""
    text = "colours of the picture" if keep else "colours of the painting"
    return say(replace(state, look=replace(state.look, keep_color=keep)), text)


def set_paint(state: State, part: str) -> State:
    """Paint all, the person or the background; one of ``PAINTED_PARTS``."""
    look = replace(state.look, paint=part)
    return say(replace(state, look=look), f"painted: {part}")


def set_behind(state: State, text: str) -> State:
    """Set what is behind a person: as --behind, and ``PICTURE`` for the file that it named.

    No other file: who is at a remote must not open files here. Raises ValueError for what it may
    not be.
    """
    look = replace(state.look, behind=text)
    try:
        mix = look.behind_mix
    except UsageError as error:
        raise ValueError(f"behind: {error}") from error
    known = [name for name, _ in mix or ()]
    if (text == PICTURE and not state.has_picture) or not {*known} <= {ORIGINAL, *state.styles}:
        picture = f", {PICTURE}" if state.has_picture else ""
        raise ValueError(
            f"behind takes {PAINTING}, {ORIGINAL}, {BLUR}, {ALPHA}{picture}, a style or a colour "
            f"such as #1a2b3c, not {text!r}"
        )
    if problem := state.blend_problem(mix or ()):
        raise ValueError(f"behind: {problem}")
    spoken_text = " + ".join(state.title(name) for name in known) if mix else text
    return say(replace(state, look=look), f"behind the person: {spoken_text}")


def set_face(state: State, face: float) -> State:
    """Set how strongly faces are painted."""
    look = replace(state.look, face=face)
    return say(replace(state, look=look), f"faces {100 * face:.0f} %")


def set_fade(state: State, fade_s: float) -> State:
    """Set the seconds from style to style."""
    return say(replace(state, fade_s=fade_s), f"fade {fade_s:g} s")


def set_cycling(state: State, on: bool) -> State:
    """Change styles by itself, or let them stay."""
    text = f"a new style every {state.cycle_s:g} s" if on else "styles stay"
    return say(replace(state, cycling=on), text)


def set_cycle(state: State, cycle_s: float) -> State:
    """Set the seconds that each style stays."""
    return say(replace(state, cycle_s=cycle_s), f"auto: every {cycle_s:g} s")


def set_compare(state: State, mode: str) -> State:
    """Set how the original is shown beside the painting, one of ``COMPARE_MODES``."""
    return say(replace(state, compare=mode), f"compare: {mode}")


def set_frozen(state: State, on: bool) -> State:
    """Freeze the picture, or let it run."""
    return say(replace(state, frozen=on), "frozen" if on else "running")


def set_mirror(state: State, on: bool) -> State:
    """Show the picture as in a mirror, or as it is."""
    return say(replace(state, mirror=on), "mirrored" if on else "not mirrored")


def set_black(fades: bool) -> Callable[[State, bool], State]:
    """Return what makes the picture black, or brings it back: at once, or in the time of a fade."""

    def act(state: State, on: bool) -> State:
        seconds = state.fade_s if fades else 0.0
        return say(replace(state, black=on, black_fade_s=seconds), "" if on else "picture")

    return act


def set_text(state: State, text: str) -> State:
    """Write ``text`` over the painting; an empty one takes away what is there."""
    words = " ".join(printable(text).split())[:LONGEST_TEXT]
    if not words:
        return set_captioned(state, False)
    return say(replace(state, text=words, captioned=True), f"text: {words}")


def set_captioned(state: State, on: bool) -> State:
    """Write the text over the painting, or leave it out."""
    return say(replace(state, captioned=on), f"text: {state.text}" if on else "no text")


def with_own_fade(state: State, name: str, fade_s: float | None) -> State:
    """Have the command ``name`` fade in ``fade_s``; None: as all else does, whatever was before."""
    others = tuple(own for own in state.own_fades if own[0] != name)
    still = tuple(at for at in state.under_way if at[0] != name)
    own = others if fade_s is None else (*others, (name, fade_s))
    return replace(state, own_fades=own, under_way=still)


def reset(state: State, _: None) -> State:
    """Bring everything that decides how the styles are painted back to where it begins."""
    fresh = State(state.styles, Look(state.look.mix))
    kept = ("denoise", "canvas_seed", "grade")
    look = replace(fresh.look, **{name: getattr(state.look, name) for name in kept})
    settled = replace(state, look=look, fade_s=fresh.fade_s, frozen=False, compare="off")
    settled = replace(settled, blending=False, cycling=False, black=False, black_fade_s=0.0)
    settled = replace(settled, own_fades=(), under_way=())
    return say(settled, "reset: strength, brush and the rest as at the beginning")


def tap(state: State, _: None) -> State:
    """Tap the beat; what comes of it is the clock's to say (autopilot.py beside this)."""
    return replace(state, taps=state.taps + 1)


def set_beats(state: State, beats: float) -> State:
    """Set how many beats each style stays."""
    return say(replace(state, beats=int(beats)), f"auto: every {int(beats)} beats")


def set_storing(state: State, on: bool) -> State:
    """Let the next preset be stored, or not."""
    return say(replace(state, storing=on), "store: now the preset's key" if on else "store: done")


def grab(state: State, _: None) -> State:
    """Make the source's picture a style; it is said once it is there."""
    return replace(state, grabs=state.grabs + 1)


def grab_grade(state: State, _: None) -> State:
    """Grade by the source's picture; it is said once that is so."""
    return replace(state, grade_grabs=state.grade_grabs + 1)


def take_grade(state: State, name: str, title: str) -> State:
    """Grade by what has that name from now on, by a fade; at full strength where it was at 0."""
    strength = state.look.grade_strength if state.look.grade_strength > 0 else 1.0
    look = replace(state.look, grade=name, grade_strength=strength)
    return say(replace(state, look=look), f"graded by {title}")


def set_grade(state: State, strength: float) -> State:
    """Set how strongly the picture is graded."""
    if not state.look.grade:
        return say(state, "there is no grade yet: give it a picture first")
    look = replace(state.look, grade_strength=strength)
    return say(replace(state, look=look), f"grade {100 * strength:.0f} %")


def set_grade_parts(state: State, on: bool) -> State:
    """Grade people by people, or all by all."""
    look = replace(state.look, grade_parts=on)
    text = "people are graded by people" if on else "one grade for all"
    return say(replace(state, look=look), text)


def set_grade_hold(state: State, on: bool) -> State:
    """Hold the grade as it is, or let it go by what the picture looks like."""
    look = replace(state.look, grade_hold=on)
    return say(replace(state, look=look), "grade held" if on else "grade follows the picture")


def keep_style(state: State, _: None) -> State:
    """Keep what is painted for later runs; what came of it is said once it is written."""
    return replace(state, keeps=state.keeps + 1)


def go_back(state: State, _: None) -> State:
    """Leave what is open, one thing at a time; at last, the program."""
    if state.help:
        return replace(state, help=False)
    if state.sheet:
        return replace(state, sheet=False)
    if state.blending or state.storing:
        return replace(state, blending=False, storing=False)
    if state.fullscreen:
        return replace(state, fullscreen=False)
    return end_show(state)


def end_show(state: State, _: None = None) -> State:
    """Quit; where that would be a mishap on stage, ask once."""
    risks = {
        "recording": state.recording,
        "in full screen": state.fullscreen,
        "on air": state.on_air,
    }
    reasons = [name for name, on in risks.items() if on]
    if reasons and not state.asked:
        return say(replace(state, asked=True), f"{', '.join(reasons)}: once more ends the show")
    return replace(state, quit=True)


def _pick(state: State, name: str) -> State:
    if name == ORIGINAL:
        return say(replace(state, look=replace(state.look, mix=((ORIGINAL, 1.0),))), "original")
    number = state.styles.index(name)
    picked = replace(state, look=replace(state.look, mix=((name, 1.0),)))
    picked = replace(picked, bank=number // BANK_SIZE, blending=False)
    return say(picked, f"{number + 1}  {state.title(name)}")


def _blend_in(state: State, name: str) -> State:
    """Add a style with an equal share, or take it out again; the last one stays."""
    names = [other for other in state.look.style_names if other != ORIGINAL]
    if name in names and len(names) > 1:
        names = [other for other in names if other != name]
    else:
        names = [*names, name]
    mix = tuple((other, 1.0) for other in dict.fromkeys(names))
    problem = state.blend_problem(mix)
    return say(state, problem) if problem else _with_mix(state, mix)


def _with_mix(state: State, mix: tuple[tuple[str, float], ...]) -> State:
    text = " + ".join(state.title(name) for name, _ in mix)
    return say(replace(state, look=replace(state.look, mix=mix)), text)
