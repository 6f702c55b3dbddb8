"""How far a network sees: what a piece of a frame must have around it to be painted as it is in the
whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from engines.model_file import ModelFile


@dataclass(frozen=True)
class Reach:
    """``margin_px``: how far beyond a pixel the network looks, a multiple of ``cell_px``; pieces
    must begin at multiples of that, because the network sees cells of so many pixels.

    ``statistics``: whether it also takes some of the whole frame, which pieces must be given
    (engines/fixed_statistics.py).
    """

    margin_px: int
    cell_px: int
    statistics: bool = False


def reach_of(model: ModelFile) -> Reach | None:
    """None for a network of which it is not known."""
    family = _FAMILIES.get(model.family)
    return family(json.loads(model.metadata.get("config", "{}"))) if family else None


def _fast(config: dict[str, int]) -> Reach:
    """Added up backwards over networks/families/fast.py, from the border of a deep cell of 8 x 8
    pixels.

    Its ring of fine cells moves the deep ones by half, which takes a fine cell off this; models
    without the ring still lie with users.
    """
    fine, deep = 4, 8
    deep_cells = (
        2 + 1 + 2 * config.get("blocks", 4)
    )  # tail and detail: 3 fine cells, so into the second deep one; up; body
    fine_cells = 2 * deep_cells + 2 + 1  # down, head
    return Reach(-(-fine_cells * fine // deep) * deep, deep)


def _transformer_net(config: dict[str, int]) -> Reach:
    """Added up backwards over networks/families/transformer_net.py, from the border of a
    quarter-size cell of 4 x 4 pixels.
    """
    full = 4 + 1  # deconv3, deconv2
    half = -(-full // 2) + 1  # deconv1
    quarter = -(-half // 2) + 10  # five blocks of two
    half = 2 * quarter + 1  # conv3
    full = 2 * half + 1 + 4  # conv2, conv1
    return Reach(-(-full // 4) * 4, 4, statistics=True)


_FAMILIES: dict[str, Callable[[dict[str, int]], Reach]] = {
    "fast": _fast,
    "transformer_net": _transformer_net,
}
