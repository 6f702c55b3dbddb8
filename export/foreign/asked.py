"""What a user says of a network by somebody else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from engines.errors import UsageError, printable
from engines.style import MAX_TEXT, STYLE_NAME
from export.foreign.contract import RANGES

_TAKEN = ("original", "picture", "all")  # words that mean something else as a style


@dataclass(frozen=True)
class Asked:
    """What the user says of a network."""

    name: str
    family: str | None = None
    licence: str | None = None
    commercial_only: bool = False
    ranges: tuple[str, str] | None = None
    bgr: bool | None = None
    paintings: tuple[Path, ...] = ()
    """Pictures whose manner a network of any style shall have."""
    predictor: Path | None = None
    """The network that looks at those, None for the one beside the file."""


def parse_range(text: str | None) -> tuple[str, str] | None:
    """Return what --range says, as (taken, given). Raises UsageError."""
    if text is None:
        return None
    takes, _, gives = text.partition(":")
    both = (takes, gives or takes)
    if not set(both) <= set(RANGES):
        raise UsageError(
            f"--range {text}: allowed are {', '.join(RANGES)}, or two of them as TAKEN:GIVEN, for "
            "example --range 0..1:0..255."
        )
    return both


def slug(name: str) -> str:
    """Return ``name`` as a style may be called: small letters, digits, _, + and -."""
    kept = re.sub(r"[^a-z0-9_+-]+", "_", name.lower()).strip("_+-")[:64]
    if not STYLE_NAME.fullmatch(kept):
        raise UsageError(f"{name!r} has no letter for a style's name. Type --name NAME.")
    return f"{kept}_style" if kept in _TAKEN else kept


def title(name: str) -> str:
    """Return ``name`` as a style may be shown."""
    return printable(name)[:MAX_TEXT]
