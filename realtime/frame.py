"""The vocabulary of the pipeline: one picture and when it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    Pixels = np.ndarray | Tensor

FrameMemory = dict[str, np.ndarray]
"""What is remembered from one frame to the next, by name."""


def named_memory(begins: str, memory: FrameMemory) -> FrameMemory:
    """Return ``memory`` with names that begin so, to be told from that of others."""
    return {f"{begins}{name}": array for name, array in memory.items()}


def memory_part(begins: str, memory: FrameMemory) -> FrameMemory:
    """Return what of ``memory`` has names that begin so, without that."""
    named = {name: array for name, array in memory.items() if name.startswith(begins)}
    return {name.removeprefix(begins): array for name, array in named.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a source."""

    pixels: Pixels
    """(H, W, 3) uint8 RGB, full-range sRGB, upright; a PyTorch tensor if it lies on a GPU."""
    index: int
    """Counts from 0 in its source."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]


@dataclass(frozen=True, slots=True)
class LiveFrame(Frame):
    """One picture of a live source; it never lies on a GPU."""

    pixels: np.ndarray
    captured_s: float
    """The monotonic clock when the source got it."""
    file_s: float | None = None
    """Its time in the file that it comes from, in seconds; None if it comes from none."""
    file: int = 0
    """Which of the source's files that is, from 0."""
    performed: int = 0
    """Of a painted one: ``State.performed`` of the controls that it was painted with."""
    cutout: np.ndarray | None = None
    """Of a painted one with nothing behind people: the painting with alpha, (H, W, 4) uint8."""


@dataclass(frozen=True, slots=True)
class FileFrame(Frame):
    """One picture of a file."""

    pts: int
    """Its presentation time in units of ``time_base`` seconds, exactly as the file has it."""
    time_base: Fraction
    is_cut: bool = False
    """Whether it begins a new scene."""
    alpha: np.ndarray | None = None
    """(H, W) uint8, 255 opaque, of an input that has it; ``pixels`` are then laid over white."""
    mark: int = 0
    """As in ``Moment``."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Where one picture of a file belongs, without its pixels; as in ``FileFrame``."""

    index: int
    pts: int
    is_cut: bool
    mark: int
    """CRC-32 of its thumbnail: whether somebody else who reads the file sees the same picture."""
