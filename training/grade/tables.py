"""Colour tables (LUTs), and what colours become by them, as PyTorch tensors."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.errors import TrainingError

HELD_OUT = 30
_VARIANT = re.compile(r"(_(plus|minus|alt|cold|warm|cool|hc|generic))+$")
_GREY = 0.03  # of chroma, up to which a table is black and white


def read_tables(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the tables of ``path``, an .npz, to train with, and ``HELD_OUT`` others, by name.

    Each is (3, n, n, n) float32, 0..1, blue first and red last. Held out are whole films with all
    their variants, in colour. Raises TrainingError for another file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            tables = {name: _as_table(file[name]) for name in sorted(file.files)}
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: is no file of colour tables ({error}).") from error
    families: dict[str, list[str]] = {}
    for name, table in tables.items():
        if float((table.amax(0) - table.amin(0)).mean()) > _GREY:
            families.setdefault(_VARIANT.sub("", name), []).append(name)
    held: list[str] = []
    order = np.random.default_rng(24).permutation(sorted(families))
    for family in order:
        if len(held) + len(families[family]) <= HELD_OUT:
            held += families[family]
    kept = {name: table for name, table in tables.items() if name not in held}
    return kept, {name: tables[name] for name in sorted(held)}


def _as_table(array: np.ndarray) -> Tensor:
    if array.ndim != 4 or array.shape[3] != 3 or array.dtype != np.uint8:
        raise ValueError("a table is (n, n, n, 3) bytes")
    return torch.from_numpy(array).permute(3, 0, 1, 2).float() / 255


def look_up(tables: Tensor, colours: Tensor) -> Tensor:
    """Return what (B, P, 3) ``colours``, 0..1, become by (B, 3, n, n, n) ``tables``: trilinear."""
    places = (2 * colours - 1)[:, None, None]
    found = F.grid_sample(tables, places, align_corners=True, padding_mode="border")
    return found[:, :, 0, 0].transpose(1, 2)


def identity(size: int) -> Tensor:
    """Return the table that changes nothing, (3, n, n, n)."""
    steps = torch.linspace(0, 1, size)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack([red, green, blue])


def varied(tables: Tensor, count: int) -> Tensor:
    """Return ``count`` tables made of (T, 3, n, n, n): mixed, weakened, and with a light of theirs.

    Light, contrast and saturation are drawn like those of photos that somebody has edited.
    """
    n = len(tables)
    one, two = (tables[torch.randint(n, (count,))] for _ in range(2))
    share = torch.rand(count, 1, 1, 1, 1)
    mixed = torch.where(torch.rand(count, 1, 1, 1, 1) < 0.6, one, share * one + (1 - share) * two)
    plain = identity(tables.shape[-1]).expand_as(mixed)
    weak = torch.where(torch.rand(count, 1, 1, 1, 1) < 0.6, 1.0, torch.rand(count, 1, 1, 1, 1))
    mixed = plain + weak * (mixed - plain)
    return torch.where(torch.rand(count, 1, 1, 1, 1) < 0.65, mixed, _edited(mixed))


def _edited(tables: Tensor) -> Tensor:
    shape = (len(tables), 1, 1, 1, 1)

    def drawn(deviation: float, channels: int = 1) -> Tensor:
        return deviation * torch.randn(len(tables), channels, 1, 1, 1).clamp(-2, 2)

    light = tables.clamp(1e-4, 1) ** torch.exp(drawn(0.25))
    light = light * torch.exp(drawn(0.09, 3))
    grey = light.mean(1, keepdim=True)
    light = grey + torch.exp(drawn(0.25)) * (light - grey)
    light = 0.45 + torch.exp(drawn(0.18)) * (light - 0.45)
    lift = 0.06 * torch.rand(shape) * (torch.rand(shape) < 0.3)
    return (lift + (1 - lift) * light).clamp(0, 1)
