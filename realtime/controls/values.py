"""The kinds of values that commands take: each knows what it accepts, and what no value means."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

Given = float | bool | str
Value = Given | None
"""What keys, remotes and files send; None stands for no value."""

V = TypeVar("V")
_SWITCH_WORDS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


class Values(ABC, Generic[V]):
    """What one command takes."""

    @abstractmethod
    def accept(self, value: Given) -> V:
        """Return ``value`` brought into range.

        Raises ValueError, which says what is taken, for anything that means nothing here.
        """

    @abstractmethod
    def other(self, now: V | None) -> V:
        """Return what no value means while ``now`` is set: the next or the other one.

        ``now`` is None for a command without a present value.
        """

    @abstractmethod
    def describe(self) -> str:
        """Return what is taken, for people; empty for nothing."""


@dataclass(frozen=True)
class Nothing(Values[None]):
    """For an action: what is sent with it does not matter."""

    def accept(self, value: Given) -> None:
        """Return None."""

    def other(self, now: None) -> None:
        """Return None."""

    def describe(self) -> str:
        """Return no text."""
        return ""


@dataclass(frozen=True)
class Range(Values[float]):
    """A number; one beyond the ends is brought to the nearer end."""

    low: float
    high: float

    def accept(self, value: Given) -> float:
        """Return the number within the range, as a clean decimal."""
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"takes a number from {self.low:g} to {self.high:g}, not {value!r}")
        return self._limit(number)

    def other(self, now: float | None) -> float:
        """Return the present number, else the lowest one."""
        return self.low if now is None else now

    def describe(self) -> str:
        """Return both ends."""
        return f"{self.low:g} to {self.high:g}"

    def step(self, now: float, by: float) -> float:
        """Return the next multiple of ``abs(by)`` in the direction of ``by``, within the range."""
        size = abs(by)
        up, down = math.floor(now / size + 1e-6) + 1, math.ceil(now / size - 1e-6) - 1
        return self._limit((up if by > 0 else down) * size)

    def _limit(self, number: float) -> float:
        return min(max(round(number, 6), self.low), self.high)


@dataclass(frozen=True)
class Words(Values[str]):
    """One of a few words; the first of them is the state of rest."""

    words: tuple[str, ...]

    def accept(self, value: Given) -> str:
        """Return the word."""
        for word in self.words:
            if word == value:
                return word
        raise ValueError(f"takes {', '.join(self.words)}, not {value!r}")

    def other(self, now: str | None) -> str:
        """Return the next word, and the first one after the last."""
        if now is None:
            return self.words[0]
        return self.words[(self.words.index(now) + 1) % len(self.words)]

    def describe(self) -> str:
        """Return all words."""
        return ", ".join(self.words)


@dataclass(frozen=True)
class Switch(Values[bool]):
    """On or off, by a word or by anything that is true or false."""

    def accept(self, value: Given) -> bool:
        """Return whether it is on."""
        if not isinstance(value, str):
            return bool(value)
        if value.lower() not in _SWITCH_WORDS:
            raise ValueError(f"takes on or off, not {value!r}")
        return _SWITCH_WORDS[value.lower()]

    def other(self, now: bool | None) -> bool:
        """Return the other one, and on where nothing is known."""
        return not now

    def describe(self) -> str:
        """Return both words."""
        return "on, off"


@dataclass(frozen=True)
class Text(Values[str]):
    """A text that the command itself understands, or refuses with ValueError."""

    def accept(self, value: Given) -> str:
        """Return the text, of a number its shortest form."""
        return f"{value:g}" if isinstance(value, float) else str(value)

    def other(self, now: str | None) -> str:
        """Return the present text, else an empty one."""
        return now or ""

    def describe(self) -> str:
        """Return what it is."""
        return "text"


@dataclass(frozen=True)
class UsualWords(Text):
    """A text that the command itself understands; a few of them are next to each other."""

    words: tuple[str, ...]

    def other(self, now: str | None) -> str:
        """Return the next of the usual words, and the first after any other text."""
        at = self.words.index(now) + 1 if now in self.words else 0
        return self.words[at % len(self.words)]

    def describe(self) -> str:
        """Return the usual words."""
        return f"text, such as {', '.join(self.words)}"
