"""How far a network sees.

So far a piece of a frame must have the frame around it, to be painted as it is in the whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from engines.errors import ModelError
from engines.model_file import ModelFile


@dataclass(frozen=True)
class Reach:
    """What a piece of a frame must have, and where it may begin."""

    margin_px: int
    """How far beyond a pixel the network looks, a multiple of ``cell_px``."""
    cell_px: int
    """The network sees cells of so many pixels; pieces must begin at multiples of it."""
    statistics: bool = False
    """Whether it also takes statistics of the whole frame, which pieces must be given.

    See engines/fixed_statistics.py.
    """


def reach_of(model: ModelFile) -> Reach | None:
    """Return how far ``model`` sees, None where it is not known.

    Raises ModelError where its metadata is damaged.
    """
    metadata = model.metadata
    if "reach_px" not in metadata:
        return _reach_by_family(model)
    try:
        margin_px, cell_px = int(metadata["reach_px"]), int(metadata["cell_px"])
    except (KeyError, ValueError) as error:
        raise ModelError(f"{model.path}: its reach_px or cell_px is damaged ({error}).") from error
    return Reach(margin_px, cell_px, metadata.get("takes_statistics") == "true")


def _reach_by_family(model: ModelFile) -> Reach | None:
    """Return what files say that were written before ``reach_px`` was: two families had it."""
    if model.family == "fast":
        blocks = int(json.loads(model.metadata.get("config", "{}")).get("blocks", 4))
        return Reach((2 * blocks + 5) * 8, 8)
    return Reach(56, 4, statistics=True) if model.family == "transformer_net" else None
