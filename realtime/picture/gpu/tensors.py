"""What is shared by all that computes on a card."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Numbers = tuple[float, ...] | tuple[tuple[float, ...], ...]


@functools.lru_cache(maxsize=64)
def constant(numbers: Numbers, device: torch.device) -> Tensor:
    """float32 on ``device``, put there once: to bring numbers to a card makes the host wait for all
    that is queued there.
    """
    import torch

    return torch.tensor(numbers, dtype=torch.float32, device=device)


def to_bytes(values: Tensor) -> Tensor:
    """Rounded to uint8, in place as far as that goes."""
    import torch

    return values.round_().clamp_(0, 255).to(torch.uint8)


def on_host(pixels: np.ndarray | Tensor) -> np.ndarray:
    """The array itself, or a copy of the tensor when all that it waits for is done."""
    return pixels if isinstance(pixels, np.ndarray) else pixels.cpu().numpy()
