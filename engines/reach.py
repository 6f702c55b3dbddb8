"""How far a network sees: what a piece of a frame must have around it to be painted as it is in the whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from engines.model_file import ModelFile


@dataclass(frozen=True)
class Reach:
    """``margin_px``: how far beyond a pixel the network looks, a multiple of ``cell_px``; pieces must begin at multiples of
    that, because the network sees cells of so many pixels."""

    margin_px: int
    cell_px: int


def reach_of(model: ModelFile) -> Reach | None:
    """None for a network that takes statistics of the whole frame, or of which it is not known."""
    family = _FAMILIES.get(model.family)
    return family(json.loads(model.metadata.get("config", "{}"))) if family else None


def _fast(config: dict[str, int]) -> Reach:
    """Added up backwards over engines/networks/fast.py, from the border of a deep cell of 8 x 8 pixels."""
    fine, deep = 4, 8
    deep_cells = 2 + 1 + 2 * config.get("blocks", 4)  # tail and detail: 3 fine cells, so into the second deep one; up; body
    fine_cells = 2 * deep_cells + 2 + 1  # down, head
    return Reach(-(-fine_cells * fine // deep) * deep, deep)


_FAMILIES: dict[str, Callable[[dict[str, int]], Reach]] = {"fast": _fast}
