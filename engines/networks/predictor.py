"""Networks that say which row of the bundled network paints like a picture."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CODE = 100
"""Numbers that a style is squeezed into (Ghiasi et al. 2017, section 4)."""
_GAINS = (0.4, 2.5)  # of a painting's contrast in a channel
_FREE_MOST = 3.0  # of the numbers that are no shares of bundled styles: three deviations
_WIDTHS = (32, 64, 96, 128, 192)
_HIDDEN, _DROPPED = 384, 0.1


class CodeToRow(nn.Module):
    """A code is a mix of the bundled styles and what they lack; a row is linear in it.

    Its colours are then moved to the picture's: the last scales and shifts of a row, its tint,
    are an affine map of each channel, so means and deviations are met without being learned
    (Reinhard et al. 2001, in RGB). rows: (P, R), those of the bundled styles. tint_at: where the
    tint's six numbers begin.
    """

    spread: Tensor
    colours: Tensor
    """(P, 2, 3): mean and deviation of what each bundled style paints; to be set."""

    def __init__(self, rows: Tensor, tint_at: int) -> None:
        super().__init__()
        self.paintings, self.tint_at = rows.shape[0], tint_at
        self.known = nn.Parameter(rows.clone())
        # In deviations of the bundled rows: an optimiser's steps would be far too long for some.
        self.free = nn.Parameter(torch.zeros(CODE - self.paintings, rows.shape[1]))
        self.register_buffer("spread", rows.std(0))
        self.register_buffer("colours", rows.new_zeros(len(rows), 2, 3))

    def forward(self, code: Tensor, colours: Tensor) -> Tensor:
        """Return the rows, (N, R), of codes (N, CODE) and of pictures' ``colours`` (N, 2, 3)."""
        logits, rest = torch.split(code, [self.paintings, CODE - self.paintings], 1)
        mix = logits.softmax(1)
        free = _FREE_MOST * torch.tanh(rest / _FREE_MOST)
        row = mix @ self.known + free @ (self.free * self.spread)
        mean, deviation = torch.einsum("np,pkc->knc", mix, self.colours).unbind()
        gain = (colours[:, 1] / deviation).clamp(*_GAINS)
        sizes = [self.tint_at, 3, 3, row.shape[1] - self.tint_at - 6]
        before, scale, shift, strengths = torch.split(row, sizes, 1)
        scale = (1 + scale) * gain - 1
        shift = (shift + 0.5 - mean) * gain + colours[:, 0] - 0.5
        return torch.cat([before, scale, shift, strengths], 1)


def colours_of(pictures: Tensor) -> Tensor:
    """Return mean and deviation of the channels of ``pictures``, (N, 3, H, W): (N, 2, 3)."""
    flat = pictures.flatten(2)
    mean = flat.mean(2)
    return torch.stack([mean, (flat - mean[..., None]).square().mean(2).sqrt()], 1)


class StatisticsToCode(nn.Module):
    """``kept`` whitened statistics of VGG16's channels become a code."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        last = nn.Linear(_HIDDEN, CODE)
        with torch.no_grad():
            last.weight.mul_(0.3)
        self.layers = nn.Sequential(
            nn.Linear(kept, _HIDDEN),
            nn.GELU(),
            nn.Dropout(_DROPPED),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
            nn.Dropout(_DROPPED),
            last,
        )

    def forward(self, whitened: Tensor) -> Tensor:
        """Return codes (N, CODE) of ``whitened`` statistics (N, K)."""
        code: Tensor = self.layers(whitened)
        return code


class Whitening(nn.Module):
    """Turns statistics (N, S) into (N, K) numbers of variance 1 that know nothing of each other.

    Principal components of their logarithms: the channels' sizes differ by powers of ten.
    """

    mean: Tensor
    whiten: Tensor

    def __init__(self, statistics: Tensor, kept: int) -> None:
        super().__init__()
        logs = (statistics + 1).log()
        mean, deviation = logs.mean(0), logs.std(0) + 1e-3
        _, sizes, axes = torch.linalg.svd((logs - mean) / deviation, full_matrices=False)
        scale = sizes[:kept] / (len(statistics) - 1) ** 0.5
        self.register_buffer("mean", mean)
        self.register_buffer("whiten", axes[:kept].T / scale / deviation[:, None])

    def forward(self, statistics: Tensor) -> Tensor:
        """Whiten ``statistics``, (N, S)."""
        whitened: Tensor = ((statistics + 1).log() - self.mean) @ self.whiten
        return whitened


class PictureToStatistics(nn.Module):
    """Guesses whitened statistics of VGG16 from a picture: what ships instead of VGG16.

    Its features are, as VGG16's, means and deviations of channels at several depths.
    """

    def __init__(self, kept: int) -> None:
        super().__init__()
        widths = (3, *_WIDTHS)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 5 if a == 3 else 3, 2, 2 if a == 3 else 1) for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in _WIDTHS)
        self.out = nn.Sequential(
            nn.Linear(2 * sum(_WIDTHS), _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, kept)
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Return (N, K) of ``picture``, (N, 3, H, W) RGB in 0..1."""
        x, found = picture - 0.5, []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x)))
            flat = x.flatten(2)
            mean = flat.mean(2)
            spread = ((flat - mean[..., None]).square().mean(2) + 1e-4).sqrt()
            found += [(mean + 1e-2).log(), spread.log()]
        guessed: Tensor = self.out(torch.cat(found, 1))
        return guessed


class PictureToRow(nn.Module):
    """What ships: picture (1, H, W, 3) uint8 RGB to a row (1, R)."""

    def __init__(
        self, statistics: PictureToStatistics, code: StatisticsToCode, row: CodeToRow
    ) -> None:
        super().__init__()
        self.statistics, self.code, self.row = statistics, code, row

    def forward(self, picture: Tensor) -> Tensor:
        """Return the rows of ``picture``, (N, H, W, 3) uint8 RGB."""
        image = picture.permute(0, 3, 1, 2).float() / 255
        row: Tensor = self.row(self.code(self.statistics(image)), colours_of(image))
        return row
