"""Styles that change by themselves: every so many seconds, or at the times of a schedule.

Decides; the clock is the caller's.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from itertools import pairwise

from engines.errors import UsageError
from realtime.controls.acts import say
from realtime.controls.commands import COMMANDS, perform
from realtime.controls.state import CYCLE_RANGE_S, FADE_RANGE_S, State
from realtime.look import Fade, mix_text
from realtime.timeline import Timeline, parse_timeline

_FEWEST_TAPS, _MOST_TAPS = 3, 8
_LONGEST_BEAT_S, _SHORTEST_BEAT_S = 2.0, 0.2


class Cycle:
    """Turns to the next style when the last one has stayed for ``state.cycle_s``.

    It does not matter who has picked that one. Once the beat was tapped, styles change on it,
    every ``state.beats``: never closer than a second, at twice the beats or more where that is due.
    """

    def __init__(self) -> None:
        self._mix: object = None
        self._changed_s = 0.0
        self._taps: deque[float] = deque(maxlen=_MOST_TAPS)
        self._tapped = 0
        self._beats = 0

    def follow(self, state: State, now_s: float) -> State:
        """Return ``state``, with the next style if it is due at ``now_s``."""
        state = self._follow_beat(state, now_s)
        if not state.cycling or state.look.mix != self._mix:
            self._mix, self._changed_s = state.look.mix, now_s
        elif now_s >= self._due_s(state):
            state = perform(state, "next")
            self._mix, self._changed_s = state.look.mix, now_s
        return state

    def _follow_beat(self, state: State, now_s: float) -> State:
        if state.taps != self._tapped:
            self._tapped = state.taps
            if self._taps and now_s - self._taps[-1] > _LONGEST_BEAT_S:
                self._taps.clear()
            self._taps.append(now_s)
            if len(self._taps) < _FEWEST_TAPS:
                return say(state, "tap" + " ·" * len(self._taps))
            beat_s = (self._taps[-1] - self._taps[0]) / (len(self._taps) - 1)
            state = replace(state, beat_s=max(beat_s, _SHORTEST_BEAT_S))
        elif state.beat_s is None or state.beats == self._beats:
            return state
        self._beats = state.beats
        assert state.beat_s is not None
        cycle_s = state.beats * state.beat_s
        while cycle_s < CYCLE_RANGE_S[0]:
            cycle_s *= 2
        state = perform(state, "auto_period", cycle_s)
        beats = round(state.cycle_s / (state.beat_s or 1))
        return say(state, f"{60 / (state.beat_s or 1):.0f} bpm, auto: every {beats} beats")

    def _due_s(self, state: State) -> float:
        """Return when the next style comes, on a beat if there is one."""
        if state.beat_s is None or not self._taps:
            return self._changed_s + state.cycle_s
        soonest_s = self._changed_s + max(CYCLE_RANGE_S[0], state.cycle_s / 2)
        periods = math.ceil((soonest_s - self._taps[-1]) / state.cycle_s - 1e-6)
        return self._taps[-1] + periods * state.cycle_s


class Schedule:
    """Performs the entries when their time has come.

    What the user does between them stays until the next one. An entry without a fade takes the fade
    time that is set. Times count from the first ``follow``; entries without one, which wait for a
    cut, never come (``live_timeline`` refuses them).
    """

    def __init__(self, timeline: Timeline) -> None:
        self._due = [(entry.at_s, entry) for entry in timeline.entries if entry.at_s is not None]
        self._begin_s: float | None = None
        self._done = 0

    def follow(self, state: State, now_s: float) -> State:
        """Return ``state`` as the entry has it that is due at ``now_s``, if there is a new one."""
        self._begin_s = now_s if self._begin_s is None else self._begin_s
        passed_s = now_s - self._begin_s
        due = [entry for at_s, entry in self._due[self._done :] if at_s <= passed_s]
        self._done += len(due)
        for entry in due[-1:]:  # what a stall has skipped is not flashed by
            if entry.fade_s is not None:
                state = perform(state, "fade", float(entry.fade_s))
            state = perform(state, "mix", mix_text(entry.mix))
        return state


class OwnFades:
    """Tells how far the numbers have come that fade by themselves, as ``State.under_way``.

    The painter fades them; who sees or moves a control wants to know, too.
    """

    def __init__(self) -> None:
        self._fades: dict[str, Fade] = {}

    def follow(self, state: State, now_s: float) -> State:
        """Return ``state`` with how far they are at ``now_s``, in seconds."""
        settled, lengths_s = replace(state, under_way=()), dict(state.own_fades)
        under_way = []
        for command in COMMANDS.values():
            if not command.fades or command.now is None:
                continue
            name, to = command.name, float(command.now(settled) or 0.0)
            fade = self._fades.get(name, Fade(to, to, now_s, 0.0))
            fade = self._fades[name] = fade.towards(to, lengths_s.get(name, 0.0), now_s)
            if now_s < fade.end_s:
                under_way.append((name, round(float(fade.at(now_s)), 6)))
        return replace(settled, under_way=tuple(under_way))


def live_timeline(text: str, flag: str) -> Timeline:
    """Read a timeline for a live run.

    Raises UsageError as ``parse_timeline`` does, for cuts, which nobody knows ahead, for fades
    longer than the control's, and for changes closer than a second, which would flash.
    """
    timeline = parse_timeline(text, flag)
    if any(entry.fade_s and entry.fade_s > FADE_RANGE_S[1] for entry in timeline.entries):
        raise UsageError(f"{flag}: live, a fade lasts at most {FADE_RANGE_S[1]:g} s.")
    times_s = [entry.at_s for entry in timeline.entries if entry.at_s is not None]
    if len(times_s) < len(timeline.entries):
        raise UsageError(
            f"{flag}: `cut` is for files; live, say when, for example 12.5:starry_night/2s"
        )
    for before_s, at_s in pairwise(times_s):
        if at_s - before_s < CYCLE_RANGE_S[0]:
            raise UsageError(
                f"{flag}: {float(at_s):g} must come at least {CYCLE_RANGE_S[0]:g} s "
                f"after {float(before_s):g}."
            )
    return timeline
