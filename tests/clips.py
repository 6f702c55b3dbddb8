"""Inputs made by recipe, and those that others made: the folders of LIVEBRUSH_CASES."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CASES = Path(os.environ.get("LIVEBRUSH_CASES", Path(__file__).parents[2] / "shared" / "cases"))


def case(name: str) -> Path:
    """Return the file FOLDER/NAME of the cases that users have met; skip where they are not."""
    path = _CASES / name
    if not path.exists():
        pytest.skip(f"{path} is not here: LIVEBRUSH_CASES names the folder of cases")
    return path
