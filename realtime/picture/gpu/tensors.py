"""What is shared by all that computes on a GPU."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from realtime.frame import Pixels

Numbers = tuple[float, ...] | tuple[tuple[float, ...], ...]


@functools.lru_cache(maxsize=64)
def constant(numbers: Numbers, device: torch.device) -> Tensor:
    """Return ``numbers`` as float32 on ``device``, put there once.

    To bring numbers to a GPU makes the host wait for all that is queued there.
    """
    import torch

    return torch.tensor(numbers, dtype=torch.float32, device=device)


def to_bytes(values: Tensor) -> Tensor:
    """Return ``values`` rounded to uint8, 0..255; they are changed."""
    import torch

    return values.round_().clamp_(0, 255).to(torch.uint8)


def size_of(picture: Tensor) -> tuple[int, int]:
    """Return the (height, width) of a picture (H, W) or (H, W, C)."""
    return picture.shape[0], picture.shape[1]


def on_device(pixels: np.ndarray, device: str) -> Tensor:
    """Return a copy of ``pixels`` on a GPU."""
    import torch

    return torch.from_numpy(pixels).to(device)


def on_host(pixels: Pixels) -> np.ndarray:
    """Return the array itself, or a copy of the tensor when all that it waits for is done."""
    return pixels if isinstance(pixels, np.ndarray) else pixels.cpu().numpy()
