"""What is written over the painting, for everybody who sees it."""

from __future__ import annotations

from datetime import datetime

from realtime.controls.state import LONGEST_TEXT, State

CLOCK, STYLE = "{clock}", "{style}"


def words_of(state: State, clock: datetime) -> str:
    """Return the text as it is seen at ``clock``; "" for none."""
    if not state.captioned:
        return ""
    titles = " + ".join(state.title(name) for name in state.look.style_names)
    text = state.text[:LONGEST_TEXT]  # a show's file may hold any
    return text.replace(CLOCK, f"{clock:%H:%M}").replace(STYLE, titles)
