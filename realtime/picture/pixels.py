"""What is computed on both kinds of pixels: NumPy arrays, and PyTorch tensors on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from realtime.frame import FrameMemory

if TYPE_CHECKING:
    from torch import Tensor

P = TypeVar("P", np.ndarray, "Tensor")
"""One kind of pixels: what goes in as an array comes out as one, and so do tensors."""


class FrameScaler(Protocol[P]):
    """Brings paintings to the size and colours of frames; all pictures are (H, W, 3) uint8 RGB.

    The formulas: ``realtime.picture.formulas``.
    """

    def resize(self, pixels: P, size: tuple[int, int]) -> P:
        """Return ``pixels`` at (height, width) ``size``; ``pixels`` itself if it has that size.

        Averaged when smaller, bicubic when larger.
        """
        ...

    def guided_upsample(self, low: P, frame: P, frame_low: P) -> P:
        """Bring ``low``, the painting of ``frame_low``, to the size of ``frame``."""
        ...

    def mix(self, one: P, other: P, share: float) -> P:
        """Return share * one + (1 - share) * other, rounded."""
        ...

    def with_colors_of(self, frame: P, painting: P) -> P:
        """Return the luma of ``painting`` with the chroma of ``frame``."""
        ...

    def from_array(self, array: np.ndarray, like: P, /) -> P:
        """Return ``array`` as pixels of this kind, where ``like`` lies."""
        ...


class FrameDenoiser(Protocol[P]):
    """Takes noise out of frame after frame; remembers the mean so far. One thread."""

    def reset(self) -> None:
        """Begin anew with the next frame."""
        ...

    def state(self) -> FrameMemory:
        """Return what is remembered; empty at the start. From here on, both go on alike."""
        ...

    def restore(self, state: FrameMemory) -> None:
        """Go on from what ``state`` returned; from {} as at the start."""
        ...

    def reduce(self, frame: P) -> P:
        """Return ``frame`` (H, W, 3) uint8 RGB with less noise, not to be written to."""
        ...
