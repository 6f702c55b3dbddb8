"""Whether a program's memory grows, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Has glibc give back at once what is freed: what it keeps for later, in an arena for each thread,
# wobbles by megabytes and would hide what a program holds.
GIVES_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "32768",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
_WINDOWS = 20


def slope_of_lows(places: Sequence[float], held: Sequence[float]) -> float:
    """Return by how much ``held`` grows with ``places``, through the least of each window.

    What comes and goes, such as sizes, recordings and browsers, is not growth.
    """
    windows = np.array_split(np.arange(len(held)), min(_WINDOWS, len(held)))
    lows = [min(window, key=lambda n: held[n]) for window in windows]
    slope = np.polyfit([places[n] for n in lows], [held[n] for n in lows], 1)[0]
    return float(slope)
