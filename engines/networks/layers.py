"""What more than one network family uses; torch only."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def pad_edge(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of ``image`` (N, C, H, W) until both sides divide by ``multiple``.

    Edge, not reflection: reflection fails on pictures smaller than the padding.
    """
    below, right = ((multiple - side % multiple) % multiple for side in image.shape[-2:])
    return F.pad(image, (0, right, 0, below), mode="replicate")


def parameter_count(network: nn.Module) -> int:
    """Number of scalars in the network's parameters."""
    return sum(p.numel() for p in network.parameters())
