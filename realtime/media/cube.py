"""Colour tables as .cube files, which editors and other players read and write.

The format: Adobe's Cube LUT Specification 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import SinkError, SourceError
from realtime.picture.grade import resampled, sampled

ENDING = ".cube"
LARGEST = 65
"""Points along each side of a table; larger ones are read at this size."""
_MOST_BYTES = 2**28
_SIZES = {1: (2, 65536), 3: (2, 256)}
_NUMBERS = re.compile(r"[-+.\d]|(nan|inf)", re.IGNORECASE)


def read_cube(path: Path) -> np.ndarray:
    """Return the table of ``path``: (n, n, n, 3) float32, 0..1, blue first and red last.

    Tables of one dimension become such of three, other domains than 0..1 are brought to it, and
    colours out of range to its end. Raises SourceError for what is no such file.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too large")
        return _read(path.read_text(encoding="utf-8-sig", errors="replace").splitlines())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(
            f"{path}: is no colour table that can be used ({reason}). A .cube file has a line "
            "LUT_3D_SIZE N and N x N x N lines of three numbers."
        ) from error


def write_cube(path: Path, table: np.ndarray) -> None:
    """Replace ``path`` by ``table``, as ``read_cube`` gives it. Raises SinkError."""
    lines = (f"{red:.6f} {green:.6f} {blue:.6f}" for red, green, blue in table.reshape(-1, 3))
    text = "\n".join([f'TITLE "{path.stem}"', f"LUT_3D_SIZE {len(table)}", *lines])
    try:
        with atomic_write(path) as written:
            written.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror}).") from error


def _read(lines: Iterable[str]) -> np.ndarray:
    content = _Content()
    for number, line in enumerate(lines, 1):
        content.take(line.partition("#")[0].split(), number)
    size, dimensions = content.size, content.dimensions
    if not dimensions:
        raise ValueError("it does not say its size")
    if len(content.rows) != size**dimensions:
        raise ValueError(f"it should have {size**dimensions} colours, and has {len(content.rows)}")
    low, high = content.low, content.high
    if not (high > low).all():
        raise ValueError("its domain ends before it begins")
    colours = np.clip(np.array(content.rows, np.float32), 0, 1)
    if dimensions == 1:
        return _from_curves(colours, low, high)
    table = colours.reshape(size, size, size, 3)
    if (low != 0).any() or (high != 1).any():
        table = _with_domain(table, low, high)
    return resampled(table, min(len(table), LARGEST))


class _Content:
    """What the lines of a file say."""

    def __init__(self) -> None:
        self.dimensions = self.size = 0
        self.low, self.high = np.zeros(3), np.ones(3)
        self.rows: list[list[float]] = []

    def take(self, words: list[str], number: int) -> None:
        """Take the words of line ``number``. Raises ValueError."""
        word, *values = words or [""]
        if _NUMBERS.match(word):
            self.rows.append(_three(words, number))
        elif word in ("LUT_1D_SIZE", "LUT_3D_SIZE"):
            if self.dimensions:
                raise ValueError("it holds two tables, of which only one can be used")
            self.dimensions = int(word[4])
            self.size = _size(values, self.dimensions)
        elif word == "DOMAIN_MIN":
            self.low = np.array(_three(values, number))
        elif word == "DOMAIN_MAX":
            self.high = np.array(_three(values, number))
        elif word.endswith("D_INPUT_RANGE"):
            first, last, _ = _three([*values, "0"], number)
            self.low, self.high = np.full(3, first), np.full(3, last)
        # What else begins with a letter, as TITLE does, is of no use here.


def _from_curves(colours: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the table of a curve for each channel: (n, 3) from ``low`` to ``high``."""
    steps, places = np.linspace(0, 1, LARGEST), np.linspace(low, high, len(colours))
    red, green, blue = (np.interp(steps, places[:, c], colours[:, c]) for c in range(3))
    planes = np.meshgrid(blue, green, red, indexing="ij")
    return np.stack(planes[::-1], -1).astype(np.float32)


def _with_domain(table: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return ``table``, which goes from ``low`` to ``high``, for colours of 0..1."""
    last = len(table) - 1
    steps = np.linspace(0, 1, LARGEST)
    shares = [(steps - one) / (two - one) for one, two in zip(low, high, strict=True)]
    return sampled(table, [np.clip(last * share, 0, last) for share in reversed(shares)])


def _size(values: list[str], dimensions: int) -> int:
    least, most = _SIZES[dimensions]
    if len(values) != 1 or not values[0].isdecimal() or not least <= int(values[0]) <= most:
        raise ValueError(f"its size must be a whole number of {least} to {most}")
    return int(values[0])


def _three(values: list[str], number: int) -> list[float]:
    try:
        three = [float(value) for value in values]
    except ValueError:
        three = []
    if len(three) != 3 or not np.isfinite(three).all():
        raise ValueError(f"line {number} is not three numbers")
    return three
