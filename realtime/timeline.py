"""Styles over time: which one from when on, and how long it fades in.

Knows times and names, not pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from engines import Models
from engines.errors import UsageError
from realtime.look import Look, Mix, name_styles, parse_mix
from realtime.stylizer import Stylizer

_FADE_S = Fraction(1)
_ENTRY = re.compile(
    r"(?P<when>cut|[\d:.]+?):(?P<mix>(?=\d*[^\d:.,/])[^/]+)(?:/(?P<fade>\d+(?:\.\d+)?)s?)?"
)
_EXAMPLE = 'Write it like "0:great_wave 12.5:starry_night/2s cut:the_scream".'


@dataclass(frozen=True)
class Entry:
    """One change of style."""

    at_s: Fraction | None
    """When it begins, on the clock of the input.

    None: at the first scene cut after the entry before. A cut that does not come before the next
    entry is due is not waited for.
    """
    mix: Mix
    """What it fades to."""
    fade_s: Fraction | None = None
    """How long that takes; None: not said."""

    @property
    def file_fade_s(self) -> Fraction:
        """The fade that a file gets.

        Where it is not said that is a second, but none at the beginning and at a cut.
        """
        default_s = Fraction(0) if not self.at_s else _FADE_S
        return default_s if self.fade_s is None else self.fade_s


@dataclass(frozen=True)
class Timeline:
    """Entries in order of time. The empty one changes nothing."""

    entries: tuple[Entry, ...] = ()

    @property
    def style_names(self) -> list[str]:
        """The names of all styles, each once, in order."""
        return list(dict.fromkeys(name for entry in self.entries for name, _ in entry.mix))

    def named_by(self, models: Models) -> Timeline:
        """Return it with the models' own names for the styles.

        Raises UnknownStyle, and UsageError for an entry that mixes styles of two models.
        """
        named = [replace(entry, mix=name_styles(entry.mix, models)) for entry in self.entries]
        for entry in named:
            models.model_of(name for name, _ in entry.mix)
        return Timeline(tuple(named))

    def begun_by(self, now_s: Fraction, cuts: Sequence[Fraction]) -> list[tuple[Fraction, Entry]]:
        """Return the entries that have begun at ``now_s``, each with its time.

        cuts: when scenes have changed so far.
        """
        begun: list[tuple[Fraction, Entry]] = []
        last_s = Fraction(-1)
        for number, entry in enumerate(self.entries):
            start_s = entry.at_s
            if start_s is None:
                times = (later.at_s for later in self.entries[number:] if later.at_s is not None)
                until_s = next(times, math.inf)
                start_s = next((cut for cut in cuts if last_s < cut < until_s), None)
                if start_s is None and until_s <= now_s:
                    continue  # the scene did not change before the next entry was due
            if start_s is None or start_s > now_s:
                break
            begun.append((start_s, entry))
            last_s = start_s
        return begun

    def apply(
        self, stylizer: Stylizer, look: Look, now_s: Fraction, cuts: Sequence[Fraction], done: int
    ) -> int:
        """Set what has begun at ``now_s`` beyond the first ``done``; return how many are done now.

        Fades count from the times of their entries, not from the frames around: it does not matter
        which frames came.
        """
        begun = self.begun_by(now_s, cuts)
        for start_s, entry in begun[done:]:
            stylizer.set_look(
                replace(look, mix=entry.mix), float(entry.file_fade_s), float(start_s)
            )
        return len(begun)

    def as_text(self) -> str:
        """Return all of it as text, for comparing."""
        return " ".join(
            f"{'cut' if e.at_s is None else e.at_s}:{e.mix}/{e.file_fade_s}" for e in self.entries
        )


def parse_timeline(text: str, flag: str) -> Timeline:
    """Read entries ``TIME:STYLES[/FADEs]`` or ``cut:STYLES[/FADEs]`` with white space between them.

    What follows a # on a line is left out. TIME: seconds or H:MM:SS.mmm of the input. STYLES: as
    for -s. Live programs read the same text (controls/autopilot.py). Raises UsageError, naming
    ``flag``.
    """
    words = [word for line in text.splitlines() for word in line.partition("#")[0].split()]
    if not words:
        raise UsageError(f"{flag}: is empty. {_EXAMPLE}")
    entries = [_parse_entry(word, flag) for word in words]
    times = [entry.at_s for entry in entries if entry.at_s is not None]
    if times != sorted(times):
        found = ", ".join(f"{float(time):g}" for time in times)
        raise UsageError(f"{flag}: the times must rise, but are {found}.")
    return Timeline(tuple(entries))


def read_timeline(path: Path) -> Timeline:
    """Read the file of --timeline. Raises UsageError if it cannot be read or understood."""
    try:
        return parse_timeline(path.read_text(encoding="utf-8-sig"), f"--timeline {path}")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--timeline {path}: cannot be read ({getattr(error, 'strerror', None) or error})."
        ) from error


def parse_time(flag: str, text: str) -> Fraction:
    """Read seconds, M:SS or H:MM:SS, each with decimals, as exact seconds.

    Raises UsageError for anything else.
    """
    try:
        *wholes, seconds = text.split(":")
        if len(wholes) > 2 or not all(
            part.isdecimal() for part in (*wholes, *seconds.split(".", 1))
        ):
            raise ValueError
        return sum(
            (int(part) * 60 ** (len(wholes) - i) for i, part in enumerate(wholes)),
            Fraction(seconds),
        )
    except ValueError:
        raise UsageError(f"{flag} is a time like 12.5 or 1:02:03.5, not {text!r}.") from None


def _parse_entry(word: str, flag: str) -> Entry:
    found = _ENTRY.fullmatch(word)
    if not found:
        raise UsageError(f"{flag}: {word!r} is no entry. {_EXAMPLE}")
    at_s = None if found["when"] == "cut" else parse_time(flag, found["when"])
    try:
        mix = Look(parse_mix(found["mix"])).mix
    except UsageError as error:
        raise UsageError(
            f"{flag}: {word!r}: {str(error).removeprefix('-s ').removeprefix('-s: ')}"
        ) from error
    return Entry(at_s, mix, None if found["fade"] is None else Fraction(found["fade"]))
