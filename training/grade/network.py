"""The network of a grade: pictures to codes, and colours to colours by two of these.

Its first layers are drawn, its last one is solved for (``training.grade.fit``): mean and deviation
of colours bent in many directions tell how a picture's colours are spread.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import torch
from torch import Tensor, nn

from engines.grade import CODE, VIEW

_DIRECTIONS, _HIDDEN = 96, 512
FEATURES = 2 * _DIRECTIONS + _HIDDEN
_DEGREE = 4
POWERS = [
    p for degree in range(_DEGREE + 1) for p in combinations_with_replacement(range(3), degree)
]
"""The channels that are multiplied in each term of a polynomial."""


class Codes(nn.Module):
    """What a picture is graded like: (N, 3, h, w), 0..1, to two codes of (N, ``CODE``).

    The first is of a picture that is to be graded, the second of one that others are graded by.
    """

    directions: Tensor
    bends: Tensor
    mean: Tensor
    deviation: Tensor
    hidden: Tensor
    shifts: Tensor
    solved: Tensor

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)

        def random(*size: int) -> Tensor:
            return torch.randn(size, generator=drawn)

        directions = random(_DIRECTIONS, 3)
        directions[:24] = torch.cat([torch.eye(3), -torch.eye(3)]).repeat(4, 1)
        directions = directions / directions.norm(dim=1, keepdim=True)
        # Bent where colours of 0..1 are: between the ends of each direction.
        low, high = directions.clamp(max=0).sum(1), directions.clamp(min=0).sum(1)
        place = torch.rand(_DIRECTIONS, generator=drawn)
        self.register_buffer("directions", directions)
        self.register_buffer("bends", low + place * (high - low))
        self.register_buffer("mean", torch.zeros(2 * _DIRECTIONS))
        self.register_buffer("deviation", torch.ones(2 * _DIRECTIONS))
        self.register_buffer("hidden", random(2 * _DIRECTIONS, _HIDDEN) / (2 * _DIRECTIONS) ** 0.5)
        self.register_buffer("shifts", random(_HIDDEN))
        self.register_buffer("solved", torch.zeros(FEATURES + 1, 2 * CODE))

    def spread(self, pictures: Tensor) -> Tensor:
        """Return how the colours of pictures are spread, (N, 2 * directions)."""
        colours = pictures.flatten(2).transpose(1, 2)
        bent = torch.relu(colours @ self.directions.T - self.bends)
        mean = bent.mean(1)
        spread = (bent - mean[:, None]).square().mean(1).add(1e-6).sqrt()
        return torch.cat([mean, spread], 1)

    def features(self, spread: Tensor) -> Tensor:
        """Return what codes are linear in, (N, FEATURES)."""
        known = ((spread - self.mean) / self.deviation).clamp(-4, 4)
        return torch.cat([known, torch.relu(known @ self.hidden + self.shifts)], 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return both codes."""
        both = self.features(self.spread(pictures)) @ self.solved[:-1] + self.solved[-1]
        return both[:, :CODE], both[:, CODE:]


class ColourMap(nn.Module):
    """Colours to colours by a code: a polynomial of the fourth degree is added to each channel.

    ``basis`` makes its terms such that the sum of squares of a code is the mean square of what it
    changes, on the colours that it was made from.
    """

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", torch.eye(len(POWERS)))

    def terms(self, colours: Tensor) -> Tensor:
        """Return the terms of (..., 3) colours."""
        channels, products = colours.clamp(0, 1).unbind(-1), []
        for powers in POWERS:
            product = torch.ones_like(channels[0])
            for channel in powers:
                product = product * channels[channel]
            products.append(product)
        return torch.stack(products, -1) @ self.basis

    def forward(self, colours: Tensor, code: Tensor) -> Tensor:
        """Return what (N, P, 3) colours become by (N, ``CODE``)."""
        return colours + self.terms(colours) @ code.unflatten(-1, (len(POWERS), 3))


class Grading(nn.Module):
    """All of it, as it ships: see ``engines.grade``."""

    def __init__(self) -> None:
        super().__init__()
        self.codes, self.map = Codes(), ColourMap()

    def graded(self, colours: Tensor, content: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Return what colours are without their own grade, and in that of the reference.

        colours: (N, P, 3). content, reference: codes. Neither is kept within 0..1.
        """
        plain = self.map(colours, content)
        return plain, self.map(plain, reference)

    def forward(
        self, picture: Tensor, content: Tensor, gain: Tensor, reference: Tensor, colours: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the code of the content from now on, that as a reference, and (P, 3) colours.

        picture: (1, *VIEW, 3) uint8. content: (1, CODE) so far, which goes towards the picture's
        by ``gain``, (1,). reference: (1, CODE). colours: (P, 3), 0..1.
        """
        seen, as_reference = self.codes(picture.permute(0, 3, 1, 2).float() / 255)
        now = content + gain * (seen - content)
        _, graded = self.graded(colours[None], now, reference)
        return now, as_reference, graded[0].clamp(0, 1)


def example() -> tuple[Tensor, ...]:
    """Return inputs of ``Grading`` as it ships."""
    code = torch.zeros(1, CODE)
    return (
        torch.zeros(1, *VIEW, 3, dtype=torch.uint8),
        code,
        torch.ones(1),
        code,
        torch.rand(17**3, 3),
    )
