"""Compares two ways of running a model: how far apart their pictures are, and may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from engines.errors import ParityError
from engines.model_file import ModelFile

# ``Engine.infer`` or anything like it: frames (N, H, W, 3) uint8 and style (N, S) float32 to
# frames.
Infer = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Tolerance:
    """Bounds on |a - b| in 1/255: of every value and of the mean over a picture."""

    largest: float
    mean: float


FP32 = Tolerance(largest=2, mean=0.5)
FP16 = Tolerance(largest=8, mean=1)
# An int8 network is another network: single values may differ where a brush stroke shifts, the
# picture may not.
INT8 = Tolerance(largest=255, mean=2.5)
# Three bits of mantissa are fewer than the levels of bytes that the weights were trained on.
FP8 = Tolerance(largest=255, mean=4)
# Networks with statistics of the frame magnify what two runtimes round differently, so single
# values may stray; the mean is 1e-3 of the range.
WITH_STATISTICS = Tolerance(largest=64, mean=0.255)
TOLERANCES = {"fp32": FP32, "fp16": FP16, "int8": INT8, "fp8": FP8}
SIZES = ((480, 640), (272, 640), (33, 47), (47, 33), (5, 3), (1, 1))
# Of heavy networks with statistics, which a frame of one colour does not have.
FEW_SIZES = ((120, 160), (33, 47))


@dataclass(frozen=True)
class Difference:
    """The worst picture of a comparison."""

    largest: float
    """Of all values, in 1/255."""
    mean: float
    """Over a picture, in 1/255."""
    where: str
    """Which picture it was, in words."""


def compare(
    reference: Infer, other: Infer, frames: Iterable[np.ndarray], styles: Iterable[np.ndarray]
) -> Difference:
    """Run every frame (H, W, 3) with every style (1, S) through both.

    Returns the worst largest and worst mean difference.
    """
    largest = mean = 0.0
    where = ""
    vectors = list(styles)
    for frame in frames:
        for style in vectors:
            a = reference(frame[None], style).astype(np.int16)
            difference = np.abs(a - other(frame[None], style))
            if difference.max() > largest or difference.mean() > mean:
                vector = np.round(style[0], 2).tolist()
                where = f"{frame.shape[1]}x{frame.shape[0]}, style vector {vector}"
            largest, mean = (
                max(largest, float(difference.max())),
                max(mean, float(difference.mean())),
            )
    return Difference(largest, mean, where)


def require(difference: Difference, tolerance: Tolerance, pair: str) -> None:
    """Raise ParityError if the difference is over the tolerance."""
    if difference.largest > tolerance.largest or difference.mean > tolerance.mean:
        raise ParityError(
            f"{pair} disagree: by {difference.largest:.0f}/255 at most "
            f"(allowed {tolerance.largest:g}) and {difference.mean:.3f}/255 on average "
            f"(allowed {tolerance.mean:g}), worst at {difference.where}."
        )


def style_vectors(model: ModelFile) -> list[np.ndarray]:
    """Return style vectors to compare with, (1, S) fp32 each.

    Every single style, original first, then an even blend of all and a half-strength first
    painting; of models that take rows, also one with a row beside the painting.
    """
    count = model.own_styles
    single = list(np.eye(count, dtype=np.float32)[:, None])
    even = np.full((1, count), 1 / count, np.float32)
    half = np.zeros((1, count), np.float32)
    half[0, :2] = 0.5
    with_row = [] if not model.row_length else [_with_row(model, half)]
    return [*single, *with_row, even, half]


def _with_row(model: ModelFile, style: np.ndarray) -> np.ndarray:
    """Return ``style``, half of it given up for the mean of the model's own rows."""
    row = model.read_own_rows().mean(0, keepdims=True)
    return np.concatenate([style / 2, [[np.float32(0.5)]], row / 2], axis=1)


def check_frames(
    pictures: list[np.ndarray], sizes: Iterable[tuple[int, int]] = SIZES
) -> list[np.ndarray]:
    """Return centre crops of real pictures at each size, the pictures taking turns.

    They are enlarged by repetition where one is too small.
    """
    frames = []
    for i, (height, width) in enumerate(sizes):
        picture = pictures[i % len(pictures)]
        repeat = max(1, -(-height // picture.shape[0]), -(-width // picture.shape[1]))
        picture = picture.repeat(repeat, 0).repeat(repeat, 1)
        top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
        frames.append(np.ascontiguousarray(picture[top : top + height, left : left + width]))
    return frames
