"""Where the mouse is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pointer:
    """The left mouse button at a place of the view, in shares of its sides."""

    across: float
    down: float
    pressed: bool
    """Whether it was pressed just now; else it is dragged."""
