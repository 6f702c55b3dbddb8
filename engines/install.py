"""What to type for a part of Livebrush that is not installed."""

from __future__ import annotations

import importlib.metadata
import os
from pathlib import Path

_SOURCE = Path(__file__).parents[1]


def install_line(*extras: str) -> str:
    """Return the ``pip install`` of these extras that works here.

    Where Livebrush is installed, by its name: pip finds it there, whether an index has it or not.
    In a copy that is run without having been installed, by the folder of that.
    """
    try:
        importlib.metadata.distribution("livebrush")
        where = "livebrush"
    except importlib.metadata.PackageNotFoundError:
        where = "." if Path(os.curdir).absolute() == _SOURCE else str(_SOURCE)
    return f"pip install '{where}[{','.join(extras)}]'"
