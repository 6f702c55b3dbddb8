"""Paints a show again: what was done to the controls, frame by frame over its source."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

import numpy as np

from engines import Models, find_models
from engines.errors import LivebrushError, UsageError
from engines.style_row import row_from_text
from realtime.controls.caption import words_of
from realtime.controls.curtain import Curtain
from realtime.controls.show import Show, Step
from realtime.controls.state import State
from realtime.frame import FileFrame, FrameMemory
from realtime.look import Look, parse_behind
from realtime.media.info import VideoInfo
from realtime.stylizer import Stylizer

_HELD = "show_held"
_EARLY_S = 0.001  # of a frame against its own time, which video files round to their ticks


@dataclass(frozen=True)
class Over:
    """What lies over the painting of a frame."""

    words: str = ""
    level: float = 1.0
    """How bright it is with them, 0..1."""


class Replay:
    """Sets the controls as they were, for each frame in order.

    Fades count from the times of what was done, not from the frames around: it does not matter
    which frames come. ``steps``: what is done, by the clock of the frames. ``clock``: what the time
    of day was when that began.
    """

    def __init__(
        self,
        first: State,
        steps: Sequence[Step],
        stylizer: Stylizer,
        clock: datetime | None = None,
    ) -> None:
        self._clock = clock or datetime.min
        self._state, self._steps, self._stylizer = first, steps, stylizer
        self._done, self._curtain = 0, Curtain()
        self._held: np.ndarray | None = None

    @property
    def under_way(self) -> int:
        """How many frames may be begun before the first is finished, in any of the looks."""
        looks = [self._state.look, *(step.state.look for step in self._steps)]
        paintings = 1 if all(look.behind_mix is None for look in looks) else 2
        return max(1, self._stylizer.engine.in_flight // paintings)

    def follow(
        self, frame: FileFrame, now_s: float, memory: FrameMemory | None
    ) -> tuple[FileFrame, Over]:
        """Set the controls for ``frame``, which belongs at ``now_s``.

        memory: what was kept before it, where frames were left out. Returns what is painted in its
        place, turned round or one that is held, and what lies over its painting.
        """
        turned = False
        while self._done < len(self._steps) and self._steps[self._done].at_s <= now_s + _EARLY_S:
            step, before = self._steps[self._done], self._state
            self._set(step)
            self._done += 1
            # Where frames were left out, it may have been one of those that turned round.
            is_here = memory is None or step.at_s >= now_s - _EARLY_S
            turned = turned != (is_here and before.mirror != self._state.mirror)
        was_held = self._held is not None
        if memory is not None:
            self._held, was_held = memory.get(_HELD), _HELD in memory
        if not self._state.frozen:
            self._held = None
        elif self._held is None:
            self._held = np.asarray(frame.pixels)
        shown = np.asarray(frame.pixels) if self._held is None else self._held
        if self._state.mirror:
            shown = np.ascontiguousarray(shown[:, ::-1])
        # What is remembered of a picture that was the other way round is of no use.
        is_cut = turned or (frame.is_cut and not (was_held and self._state.frozen))
        level = self._curtain.level(self._state, now_s)
        words = words_of(self._state, self._clock + timedelta(seconds=max(0.0, now_s)))
        return replace(frame, pixels=shown, is_cut=is_cut), Over(words, level)

    def memory(self) -> FrameMemory:
        """Return what must be remembered for the next frame."""
        return {} if self._held is None else {_HELD: self._held}

    def _set(self, step: Step) -> None:
        state = step.state
        before = self._state
        if (state.look, state.own_fades) != (before.look, before.own_fades):
            own_s = dict(state.own_fades)
            self._stylizer.set_look(state.look, state.fade_s, step.at_s, own_s)
        self._curtain.level(state, step.at_s)
        self._state = state


def replay_on(show: Show, video: VideoInfo, stylizer: Stylizer) -> Replay:
    """Return what paints ``show`` on ``video``. Raises UsageError for another source."""
    return Replay(show.head.state, steps_on(show, video), stylizer, show.head.clock)


def steps_on(show: Show, video: VideoInfo) -> tuple[Step, ...]:
    """Return what is done while ``video`` is painted. Raises UsageError for another source."""
    comment = next((v for k, v in video.metadata.items() if k.lower() == "comment"), "")
    return show.steps_on(video.path, video.fingerprint(), comment)


def models_for(show: Show, model: str | None) -> Models:
    """Return models that have all styles of ``show``, those that came from outside included.

    model: that of --model; None: the show's own where they are installed, else all that are.
    Raises UsageError, UnknownStyle or ModelError.
    """
    try:
        rows = [
            row_from_text(name, show.rows[name]) for name in show.style_names if name in show.rows
        ]
        own = [name for name in show.style_names if name not in show.rows]
        found = find_models(model, [])
        if model is None:
            named = show.head.model.split("/")
            shows_own = [file for file in found.files if file.name in named]
            found = Models(tuple(shows_own)) if len(shows_own) == len(named) else found
        names = {row.style.name for row in rows}
        others = [row for row in found.rows if row.style.name not in names]
        for row in rows:
            found.check_row(row)
        for name in own:
            found.find_style(name)
        return found.with_rows([*others, *rows])
    except LivebrushError as error:
        raise type(error)(f"--replay {show.path}: {error}") from error


def check_flags(args: argparse.Namespace, show: Show) -> None:
    """Raise UsageError for flags that say what ``show`` says, and for pictures that are missing."""
    grades = list(dict.fromkeys(look.grade for look in show.looks if look.grade))
    if grades:
        raise UsageError(
            f"--replay {show.path}: was graded by {', '.join(grades)}, and a show does not keep "
            "what it was graded by. Paint it from its recording, or play it without a grade."
        )
    given = ["-s"] if args.style is not None else []
    for field in fields(Look):
        if getattr(args, field.name, field.default) != field.default and field.name != "behind":
            negated = "no-" if field.default is True else ""
            given.append(f"--{negated}{field.name.replace('_', '-')}")
    if given:
        raise UsageError(
            f"--replay: the show says how it is painted: leave out {', '.join(given)}."
        )
    picture = parse_behind(args.behind)[1]
    if show.shows_picture and picture is None:
        raise UsageError(
            f"--replay {show.path}: had a picture behind people. Name it: --behind FILE"
        )
