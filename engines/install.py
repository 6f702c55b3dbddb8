"""What to type for a part of Livebrush that is not installed."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

_SOURCE = Path(__file__).parents[1]


def install_line(*extras: str) -> str:
    """Return the ``pip install`` of these extras that works here.

    Where Livebrush is installed, by its name: pip finds it there, whether an index has it or not.
    In a copy that is run without having been installed, by the folder of that. The application that
    needs no Python can be added nothing, and that is said.
    """
    if getattr(sys, "frozen", False):
        names = ",".join(extras)
        end = "where there is Python (nothing can be added to this application)"
        return f"pip install 'livebrush[{names}]' {end}"
    try:
        importlib.metadata.distribution("livebrush")
        where = "livebrush"
    except importlib.metadata.PackageNotFoundError:
        where = "." if Path(os.curdir).absolute() == _SOURCE else str(_SOURCE)
    return f"pip install '{where}[{','.join(extras)}]'"
