"""Lets several frames be under way at a time.

A result is waited for once, by its caller or by whoever needs its slot again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engines.base import Conditions, Frames, Pending


class Slot(Protocol):
    """Buffers and a queue of its own, for one inference at a time."""

    def start(self, frames: Frames, conditions: Conditions) -> None:
        """Queue one inference; arrays may be changed afterwards, a tensor is kept."""

    def wait(self) -> Frames:
        """Wait for it and return (N, H, W, 3) uint8, where ``frames`` were, a copy."""


class Turns:
    """Slots that take turns. Call it from one thread at a time."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self._slots = slots
        self._tickets: list[_Ticket | None] = [None] * len(slots)
        self._next = 0

    def start(self, frames: Frames, conditions: Conditions) -> Pending:
        """Queue one inference and return what waits for it.

        With all slots taken, the oldest is waited for; its result is kept for its caller.
        """
        i, self._next = self._next, (self._next + 1) % len(self._slots)
        self._settle(i)
        self._slots[i].start(frames, conditions)
        ticket = self._tickets[i] = _Ticket(self._slots[i])
        return ticket.result

    def finish(self) -> None:
        """Wait for everything that is under way; the results stay to be had."""
        for i in range(len(self._slots)):
            self._settle(i)

    def _settle(self, i: int) -> None:
        ticket, self._tickets[i] = self._tickets[i], None
        if ticket is not None:
            ticket.result()


class _Ticket:
    """One inference that is under way; its slot is waited for once."""

    def __init__(self, slot: Slot) -> None:
        self._wait: Pending = slot.wait

    def result(self) -> Frames:
        """Return the result, waited for now if it was not."""
        result = self._wait()
        self._wait = lambda: result  # the slot is not held any longer
        return result
