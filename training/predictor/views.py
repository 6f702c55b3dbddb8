"""What VGG16 sees in the views that a predictor learns from, computed once and kept in chunks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.atomic_write import atomic_write
from training.losses import STYLE_LAYERS, colours, gram_matrix, statistics
from training.predictor.pictures import SIDE_PX, Views
from training.vgg import Vgg16

CHUNK = 32
CHANNELS = (64, 128, 256, 512)
SEEN_PX = 208
"""Side of the views as a predictor sees them: a short side of 318 px at scale 1."""


@dataclass(frozen=True)
class Seen:
    """Views and what VGG16 sees in them.

    pictures: (N, 3, SEEN_PX, SEEN_PX) uint8 RGB. For each of the scales, statistics: (N, 1920)
    fp32, means and deviations of the channels of the style layers; grams: one (N, C, C) fp16 a
    layer, divided by its norm; norms: (N, layers) fp32.
    """

    pictures: Tensor
    statistics: dict[float, Tensor]
    grams: dict[float, list[Tensor]]
    norms: dict[float, Tensor]

    def picked(self, chosen: Tensor, device: str) -> Targets:
        """Return the targets of the ``chosen`` views, on ``device``."""
        grams = {
            scale: [
                layer[chosen].to(device).float()
                * self.norms[scale][chosen, i, None, None].to(device)
                for i, layer in enumerate(layers)
            ]
            for scale, layers in self.grams.items()
        }
        numbers = {scale: rows[chosen].to(device) for scale, rows in self.statistics.items()}
        pictures = self.pictures[chosen].to(device).float() / 255
        return Targets(grams, numbers, colours(pictures))

    def __len__(self) -> int:
        """Return how many views there are."""
        return len(self.pictures)


class Targets:
    """Style targets of one batch; its mixes (N, N) choose among the views of the batch."""

    def __init__(
        self,
        grams: dict[float, list[Tensor]],
        numbers: dict[float, Tensor],
        palette: tuple[Tensor, Tensor],
        scale: float = 0,
    ) -> None:
        self._grams, self._numbers, self._palette, self._scale = grams, numbers, palette, scale

    def at(self, scale: float) -> Targets:
        """Return these targets at ``scale``."""
        return Targets(self._grams, self._numbers, self._palette, scale)

    def grams(self, mix: Tensor) -> list[Tensor]:
        """As ``training.targets.Targets.grams``."""
        return [torch.einsum("np,pij->nij", mix, layer) for layer in self._grams[self._scale]]

    def colours(self, mix: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean (N, 3) and the covariance (N, 3, 3) of the mixes' colours."""
        mean, covariance = self._palette
        return mix @ mean, torch.einsum("np,pij->nij", mix, covariance)

    def statistics(self, mix: Tensor) -> list[Tensor]:
        """As ``training.targets.Targets.statistics``."""
        layers = self._numbers[self._scale].split([2 * layer for layer in CHANNELS], 1)
        return [torch.einsum("np,psc->nsc", mix, layer.unflatten(1, (2, -1))) for layer in layers]


def look(vgg: Vgg16, views: Tensor, scales: tuple[float, ...]) -> Seen:
    """Return what ``vgg`` sees in ``views``, (N, 3, SIDE_PX, SIDE_PX) uint8, at the ``scales``."""
    device = vgg.mean.device
    image = views.to(device).float() / 255
    grams: dict[float, list[Tensor]] = {}
    norms: dict[float, Tensor] = {}
    numbers: dict[float, Tensor] = {}
    for scale in sorted(scales):
        side = round(SIDE_PX * scale / 8) * 8
        smaller = F.interpolate(image, (side, side), mode="bilinear", antialias=True)
        with torch.no_grad():
            seen = vgg(smaller, STYLE_LAYERS)
            found = [gram_matrix(seen[layer]) for layer in STYLE_LAYERS]
        norms[scale] = torch.stack([g.flatten(1).norm(dim=1) for g in found], 1).cpu()
        grams[scale] = [
            (g / g.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None]).half().cpu()
            for g in found
        ]
        flat = [statistics(seen[layer]).flatten(1) for layer in STYLE_LAYERS]
        numbers[scale] = torch.cat(flat, 1).cpu()
    small = F.interpolate(image, (SEEN_PX, SEEN_PX), mode="bilinear", antialias=True)
    return Seen((small * 255).round().byte().cpu(), numbers, grams, norms)


def keep_views(
    folder: Path, views: Views, vgg: Vgg16, scales: tuple[float, ...], count: int, end_s: float
) -> Seen | None:
    """Look at ``count`` views, and keep what is seen in ``folder``; goes on where it ended.

    Returns all of it, None if ``time.monotonic()`` has reached ``end_s`` before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chunks = []
    for number in range(max(1, count // CHUNK)):
        if time.monotonic() > end_s:
            return None
        drawn = torch.stack([torch.from_numpy(views.next()).permute(2, 0, 1) for _ in range(CHUNK)])
        path = folder / f"{number:04d}.pt"
        if not path.exists():
            # One by one: a batch needs gigabytes, and is no faster on a CPU.
            parts = [look(vgg, view[None], scales) for view in drawn]
            with atomic_write(path) as written:
                torch.save(vars(join(parts)), written)
        chunks.append(Seen(**torch.load(path, weights_only=True)))
    return join(chunks)


def join(parts: list[Seen]) -> Seen:
    """Return several as one."""
    first = parts[0]
    return Seen(
        torch.cat([part.pictures for part in parts]),
        {scale: torch.cat([p.statistics[scale] for p in parts]) for scale in first.statistics},
        {
            scale: [
                torch.cat([part.grams[scale][i] for part in parts])
                for i in range(len(first.grams[scale]))
            ]
            for scale in first.grams
        },
        {scale: torch.cat([part.norms[scale] for part in parts]) for scale in first.norms},
    )
