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


class FrameMean(Protocol[P]):
    """A mean over time of pictures (H, W, 3) uint8 RGB. One thread."""

    def reset(self) -> None:
        """Begin anew with the next picture."""
        ...

    def state(self) -> FrameMemory:
        """Return what is remembered; empty at the start. From here on, both go on alike."""
        ...

    def restore(self, state: FrameMemory) -> None:
        """Go on from what ``state`` returned; from {} as at the start."""
        ...

    def step(self, picture: P) -> P | None:
        """Return by how much ``picture`` is off the mean, (H, W, 3) int16.

        None for the first picture, and for one of another size: it is the mean from here on.
        """
        ...

    def take(self, step: P, gains: P) -> P:
        """Return the new mean, (H, W, 3) uint8, not to be written to: mean += gain * step.

        step: of ``step``, may be changed. gains: of each block, (h, w) int16.
        """
        ...


class FrameDenoiser(FrameMean[P], Protocol[P]):
    """Takes noise out of frame after frame."""

    gains: P | None
    """What was taken of each block of the frame reduced last, (h, w) int16; None: all of it."""

    def reduce(self, frame: P) -> P:
        """Return ``frame`` (H, W, 3) uint8 RGB with less noise, not to be written to."""
        ...
