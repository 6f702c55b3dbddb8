"""The vocabulary of the pipeline: one picture and when it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

State = dict[str, np.ndarray]  # what is remembered from one frame to the next


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    pixels: (H, W, 3) uint8 RGB, full-range sRGB, upright (rotation already applied); a PyTorch
    tensor if it lives on a card.

    ``index`` counts from 0 in its source. ``pts`` is the presentation time in units of
    ``time_base`` seconds, exactly as the file has it (None for live sources). ``captured_s`` is the
    monotonic clock when a live source got it (0.0 for files). ``is_cut``: it begins a new scene;
    ``mark``: as in ``Moment`` (both for files only). ``alpha``: (H, W) uint8, 255 opaque, of an
    input that has it; ``pixels`` are then laid over white.
    """

    pixels: np.ndarray | Tensor
    index: int
    pts: int | None = None
    time_base: Fraction = Fraction(1, 1000)
    captured_s: float = 0.0
    is_cut: bool = False
    alpha: np.ndarray | None = None
    mark: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)"""
        return self.pixels.shape[0], self.pixels.shape[1]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where one picture of a file belongs, without its pixels: ``index``, ``pts``, ``is_cut`` as in
    ``Frame``.

    ``mark``, the CRC-32 of its thumbnail, tells whether somebody else who reads the file sees the
    same.
    """

    index: int
    pts: int
    is_cut: bool
    mark: int
