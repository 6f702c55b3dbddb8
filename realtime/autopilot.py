"""Styles that change by themselves: every so many seconds, or at the times of a schedule. Decides; the clock is the caller's."""

from __future__ import annotations

from dataclasses import dataclass

from engines.errors import UsageError
from realtime.controls import CYCLE_RANGE_S, FADE_RANGE_S, State, perform
from realtime.look import parse_mix

_EXAMPLE = '--style-schedule "0:great_wave 12.5:starry_night/2s"'


class Cycle:
    """The next style whenever ``state.cycle_s`` has passed since the last change of styles, whoever made it."""

    def __init__(self) -> None:
        self._mix: object = None
        self._changed_s = 0.0

    def follow(self, state: State, now_s: float) -> State:
        if not state.cycling or state.look.mix != self._mix:
            self._mix, self._changed_s = state.look.mix, now_s
        elif now_s - self._changed_s >= state.cycle_s:
            state = perform(state, "next")
            self._mix, self._changed_s = state.look.mix, now_s
        return state


@dataclass(frozen=True)
class Change:
    """At ``at_s`` seconds of the run fade to ``mix`` over ``fade_s``; None keeps the fade time that is set."""

    at_s: float
    mix: str
    fade_s: float | None = None


class Schedule:
    """Performs the changes when their time has come; what the user does between them stays until the next one."""

    def __init__(self, changes: list[Change]) -> None:
        self.changes = changes
        self._begin_s: float | None = None
        self._done = 0

    def follow(self, state: State, now_s: float) -> State:
        self._begin_s = now_s if self._begin_s is None else self._begin_s
        due = [change for change in self.changes[self._done :] if change.at_s <= now_s - self._begin_s]
        self._done += len(due)
        for change in due[-1:]:  # what a stall has skipped is not flashed by
            if change.fade_s is not None:
                state = perform(state, "fade", change.fade_s)
            state = perform(state, "mix", change.mix)
        return state


def parse_schedule(text: str) -> list[Change]:
    """``SECONDS:STYLE`` or ``SECONDS:STYLE/FADEs``, separated by spaces; STYLE may be a blend such as a:0.6,b:0.4.

    Raises UsageError for anything else, for times that do not grow, and for changes closer than a second, which would flash.
    """
    changes: list[Change] = []
    for part in text.split():
        change = _parse_change(part)
        if changes and change.at_s - changes[-1].at_s < CYCLE_RANGE_S[0]:
            raise UsageError(f"--style-schedule {part!r}: must come at least {CYCLE_RANGE_S[0]:g} s after the one before it.")
        changes.append(change)
    if not changes:
        raise UsageError(f"--style-schedule is empty. Write it like {_EXAMPLE}")
    return changes


def _parse_change(part: str) -> Change:
    at, colon, rest = part.partition(":")
    mix, slash, fade = rest.partition("/")
    try:
        at_s, fade_s = float(at), float(fade.removesuffix("s")) if slash else None
    except ValueError:
        raise UsageError(f"--style-schedule {part!r}: is not SECONDS:STYLE/FADEs. Write it like {_EXAMPLE}") from None
    if not colon or not at_s >= 0:
        raise UsageError(f"--style-schedule {part!r}: is not SECONDS:STYLE/FADEs. Write it like {_EXAMPLE}")
    if fade_s is not None and not FADE_RANGE_S[0] <= fade_s <= FADE_RANGE_S[1]:
        raise UsageError(f"--style-schedule {part!r}: a fade lasts from {FADE_RANGE_S[0]:g} to {FADE_RANGE_S[1]:g} s.")
    parse_mix(mix)
    return Change(at_s, mix, fade_s)
