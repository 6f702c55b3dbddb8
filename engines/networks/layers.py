"""What more than one network family uses; torch only."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def pad_edge(image: Tensor, multiple: int, margin: int) -> Tensor:
    """Repeat the edge pixels of ``image`` (N, C, H, W).

    ``margin`` on all four sides, then to the right and below until both sides divide by ``multiple``.
    Edge, not reflection: reflection fails on pictures smaller than the padding.
    """
    height, width = image.shape[-2], image.shape[-1]
    below = margin + (multiple - height % multiple) % multiple
    right = margin + (multiple - width % multiple) % multiple
    return F.pad(image, (margin, right, margin, below), mode="replicate")


def parameter_count(network: nn.Module) -> int:
    """Number of scalars in the network's parameters."""
    return sum(p.numel() for p in network.parameters())
