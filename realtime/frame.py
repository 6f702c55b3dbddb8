"""The vocabulary of the pipeline: one picture and when it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    Pixels = np.ndarray | Tensor

FrameMemory = dict[str, np.ndarray]  # what is remembered from one frame to the next


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source.

    pixels: (H, W, 3) uint8 RGB, full-range sRGB, upright (rotation already applied); a PyTorch
    tensor if it lives on a GPU. index: counts from 0 in its source.
    """

    pixels: Pixels
    index: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]


@dataclass(frozen=True, slots=True)
class LiveFrame(Frame):
    """One picture of a live source.

    captured_s: the monotonic clock when the source got it. file_s: its time on the clock of the
    file that it comes from, in seconds; None if it comes from none.
    """

    pixels: np.ndarray
    captured_s: float
    file_s: float | None = None


@dataclass(frozen=True, slots=True)
class FileFrame(Frame):
    """One picture of a file.

    pts: its presentation time in units of ``time_base`` seconds, exactly as the file has it.
    is_cut: it begins a new scene. alpha: (H, W) uint8, 255 opaque, of an input that has it;
    ``pixels`` are then laid over white. mark: as in ``Moment``.
    """

    pts: int
    time_base: Fraction
    is_cut: bool = False
    alpha: np.ndarray | None = None
    mark: int = 0


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
