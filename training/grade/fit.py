"""Fitting the network of a grade to photos under tables that are known: one set of equations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.grade import VIEW
from training.data import read_photo
from training.grade.network import Grading
from training.grade.tables import identity, look_up, varied

_BATCH = 64
_COLOURS, _ANY_SHARE = 600, 0.25  # that maps are compared on, and how many are of no photo
_CROPS = (0.6, 1.0)  # of a photo's sides
_PLAIN = (0.8, 0.25)  # the share of contents, and of references, without a grade of their own
_PARTS = 0.15  # the share of pictures of which only a part is seen, as a person's
_PLAIN_BATCHES = 8
_CHECKED = 0.1  # the share of photos that say how much is smoothed
_SMOOTHINGS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # per sample
_STIFF = 1e-3  # of the equations of a single map

HELD_PHOTOS = 20
"""So many photos are never learned from."""


def split_photos(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the photos to learn from, and ``HELD_PHOTOS`` others, evenly spread by name."""
    places = np.linspace(0, len(files) - 1, min(HELD_PHOTOS, len(files))).round().astype(int)
    held = [files[place] for place in places]
    return [file for file in files if file not in held], held


class GradeFit:
    """One fit. ``photos`` are read at once, small; ``tables`` as ``read_tables`` gives them."""

    def __init__(self, photos: list[Path], tables: list[Tensor], seed: int = 1) -> None:
        torch.manual_seed(seed)
        self._random = np.random.default_rng(seed)
        self._photos = [_small(read_photo(path)) for path in photos]
        self._photos = [self._photos[n] for n in self._random.permutation(len(photos))]
        self._checked = max(1, round(_CHECKED * len(photos)))
        self._tables = torch.stack(tables)
        self.network = Grading()
        self._colours = self._draw_colours()
        terms = self.network.map.terms(self._colours)
        _, upper = torch.linalg.qr(terms / len(terms) ** 0.5)
        self.network.map.basis = torch.linalg.inv(upper)

    def fit(self, samples: int, on_batch: Callable[[int], None] = lambda _: None) -> float:
        """Fit to so many ``samples``; return what share of the maps, as variance, is missed.

        It is that of photos that were not fitted to. on_batch: is given how many there are so far.
        """
        codes = self.network.codes
        learned, checked = [], []
        for count in range(0, samples, _BATCH):
            learned.append(self._sample(self._photos[self._checked :]))
            if count % (8 * _BATCH) == 0:
                checked.append(self._sample(self._photos[: self._checked]))
            on_batch(count)
        # Spreads as content and as reference, and the codes wanted of each.
        spreads, wanted = (
            torch.stack(parts, 1).flatten(1, 2) for parts in zip(*learned, strict=True)
        )
        codes.mean = spreads.flatten(0, 1).mean(0)
        codes.deviation = spreads.flatten(0, 1).std(0) + 1e-4
        others, true = (torch.stack(parts, 1).flatten(1, 2) for parts in zip(*checked, strict=True))
        found = [self._regress(*head) for head in zip(spreads, wanted, others, true, strict=True)]
        codes.solved = torch.cat([solved for solved, _ in found], 1)
        # A photo that nobody has graded has no grade, on average.
        plain = [codes(self._draw(self._photos, _BATCH)) for _ in range(_PLAIN_BATCHES)]
        codes.solved[-1] -= torch.cat([torch.cat(both, 1) for both in plain]).mean(0)
        return found[1][1]

    def _regress(
        self, spread: Tensor, wanted: Tensor, other: Tensor, true: Tensor
    ) -> tuple[Tensor, float]:
        """Return what codes are made by, smoothed as suits ``other`` best, and what is missed."""
        known = _with_one(self.network.codes.features(spread))
        seen = _with_one(self.network.codes.features(other))
        square, product = (known.T @ known).double(), (known.T @ wanted).double()
        unit = torch.eye(len(square), dtype=torch.float64)
        unit[-1, -1] = 0  # the mean costs nothing
        tried = []
        for smoothing in _SMOOTHINGS:
            solved = torch.linalg.solve(square + smoothing * len(known) * unit, product).float()
            tried.append((float((seen @ solved - true).square().mean()), smoothing, solved))
        missed, _, solved = min(tried, key=lambda one: one[0])
        return solved, missed / float((true - true.mean(0)).square().mean())

    def _sample(self, photos: list[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Return how the colours of two batches of pictures are spread, and the codes wanted.

        (2, N, ...) both: of contents, some of which have no grade of their own, and of references.
        """
        colours = self._colours.expand(_BATCH, -1, -1)
        spreads, codes = [], []
        for is_reference in (False, True):
            views, tables = self._draw(photos, _BATCH), varied(self._tables, _BATCH)
            tables[torch.rand(_BATCH) < _PLAIN[is_reference]] = identity(tables.shape[-1])
            seen = _in_part(_rounded(look_up(tables, _colours_of(views)), views))
            spreads.append(self.network.codes.spread(seen))
            after = look_up(tables, colours)
            ends = (colours, after) if is_reference else (after, colours)
            codes.append(self._solve(*ends))
        return torch.stack(spreads), torch.stack(codes)

    def _solve(self, start: Tensor, end: Tensor) -> Tensor:
        """Return the codes of the maps that take (N, P, 3) ``start`` nearest to ``end``."""
        terms = self.network.map.terms(start)
        square = terms.transpose(1, 2) @ terms / terms.shape[1]
        square = square + _STIFF * torch.eye(square.shape[1])
        product = terms.transpose(1, 2) @ (end - start) / terms.shape[1]
        return torch.linalg.solve(square, product).flatten(1)

    def _draw_colours(self) -> Tensor:
        """Return (P, 3) colours of photos, and some of all that there are."""
        any_colours = round(_ANY_SHARE * _COLOURS)
        pixels = np.concatenate([photo.reshape(-1, 3) for photo in self._photos])
        chosen = pixels[self._random.integers(len(pixels), size=_COLOURS - any_colours)]
        return torch.cat([torch.from_numpy(chosen).float() / 255, torch.rand(any_colours, 3)])

    def _draw(self, photos: list[np.ndarray], count: int) -> Tensor:
        """Return (count, 3, *VIEW) views of parts of ``photos``, 0..1."""
        views = []
        for index in self._random.integers(len(photos), size=count):
            photo = photos[index]
            height, width = (
                max(8, round(side * self._random.uniform(*_CROPS))) for side in photo.shape[:2]
            )
            top = self._random.integers(photo.shape[0] - height + 1)
            left = self._random.integers(photo.shape[1] - width + 1)
            part = photo[top : top + height, left : left + width]
            views.append(cv2.resize(part, VIEW[::-1], interpolation=cv2.INTER_AREA))
        return torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float() / 255


def _with_one(features: Tensor) -> Tensor:
    return torch.cat([features, torch.ones(len(features), 1)], 1)


def _colours_of(pictures: Tensor) -> Tensor:
    """Return (N, P, 3) colours of (N, 3, h, w)."""
    return pictures.flatten(2).transpose(1, 2)


def _rounded(colours: Tensor, like: Tensor) -> Tensor:
    """Return colours as pictures of the shape of ``like``, rounded to 8 bits."""
    return (255 * colours.transpose(1, 2).reshape(like.shape)).round() / 255


def _in_part(pictures: Tensor) -> Tensor:
    """Return (N, 3, h, w), some of them in the mean colour of an ellipse all around that."""
    count, _, height, width = pictures.shape
    rows = torch.linspace(0, 1, height)[:, None].expand(height, width)
    places = torch.stack([rows, torch.linspace(0, 1, width).expand(height, width)])
    middle, radius = torch.rand(count, 2, 1, 1), 0.15 + 0.4 * torch.rand(count, 2, 1, 1)
    middle = 0.2 + 0.6 * middle
    inside = (((places - middle) / radius).square().sum(1, keepdim=True) < 1).float()
    if torch.rand(()) < 0.5:  # or all around the ellipse
        inside = 1 - inside
    inside[torch.rand(count) >= _PARTS] = 1
    mean = (pictures * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True)
    return torch.where(inside > 0, pictures, mean)


def _small(photo: np.ndarray) -> np.ndarray:
    """Return a photo from which views can be cut, some three times as large as one."""
    factor = 3 * VIEW[0] / min(photo.shape[:2])
    size = [max(1, round(side * factor)) for side in photo.shape[1::-1]]
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA) if factor < 1 else photo
