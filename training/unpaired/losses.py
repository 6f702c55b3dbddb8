"""What two translators and their discriminators are trained by."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def least_squares(verdicts: list[Tensor], wanted: float) -> Tensor:
    """Return the sum over the verdicts of mean (D - wanted)^2.

    Source: Mao et al. 2017, eq. 2, as Zhu et al. 2017 and Kim et al. 2020 use it; the factor of a
    half is the caller's.
    """
    return torch.stack([(verdict - wanted).square().mean() for verdict in verdicts]).sum()


def difference(picture: Tensor, wanted: Tensor) -> Tensor:
    """Return mean |picture - wanted| on the papers' scale of -1..1.

    Zhu et al. 2017, eq. 2 (cycle) and section 5.2 (identity). Both are RGB in 0..1.
    """
    return 2 * (picture - wanted).abs().mean()


def attention_loss(translated: Tensor, kept: Tensor) -> Tensor:
    """Return the auxiliary loss of a generator's class activation, Kim et al. 2020, section 2.2.

    translated, kept: its logits (N, 2) on pictures to be translated, and on such as it shall keep.
    """
    return F.binary_cross_entropy_with_logits(
        translated, torch.ones_like(translated)
    ) + F.binary_cross_entropy_with_logits(kept, torch.zeros_like(kept))
