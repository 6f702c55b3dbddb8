"""The frame sizes that a plan takes: one, or everything between a smallest and a largest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from engines.errors import UsageError

Size = tuple[int, int]


@dataclass(frozen=True)
class Shapes:
    """The frames of a plan: (height, width) of the smallest, the usual and the largest."""

    smallest: Size
    usual: Size
    largest: Size
    batch: int = 1
    """How many frames at a time."""

    @classmethod
    def only(cls, size: Size, batch: int = 1) -> Shapes:
        """Return the shapes of one size: what runs fastest."""
        return cls(size, size, size, batch)

    @classmethod
    def parse(cls, text: str) -> Shapes:
        """Read "WxH", or "MIN,OPT,MAX" of three such. Raises UsageError for anything else."""
        sizes = [_parse_size(part) for part in text.split(",")]
        if len(sizes) == 1:
            return cls.only(sizes[0])
        if len(sizes) != 3:
            raise UsageError(
                "--size is WxH or MIN,OPT,MAX, for example 320x240,640x480,1920x1080, "
                f"not {text!r}."
            )
        smallest, usual, largest = sizes
        if not all(a <= b <= c for a, b, c in zip(smallest, usual, largest, strict=True)):
            raise UsageError(
                f"--size {text}: no side of MIN may be longer than that of OPT, "
                "and none of OPT than that of MAX."
            )
        return cls(smallest, usual, largest)

    @property
    def fixed(self) -> bool:
        """Whether there is one size only."""
        return self.smallest == self.largest

    def covers(self, batch: int, size: Size) -> bool:
        """Return whether a plan of these shapes runs ``batch`` frames of (height, width)."""
        fits = all(
            low <= side <= high
            for low, side, high in zip(self.smallest, size, self.largest, strict=True)
        )
        return fits and batch == self.batch

    def sizes(self) -> list[Size]:
        """Return the different ones among the three."""
        return list(dict.fromkeys((self.usual, self.smallest, self.largest)))

    def __str__(self) -> str:
        sides = [self.usual] if self.fixed else [self.smallest, self.usual, self.largest]
        text = ",".join(f"{width}x{height}" for height, width in sides)
        return text if self.batch == 1 else f"{self.batch} of {text}"


def _parse_size(text: str) -> Size:
    match = re.fullmatch(r"(\d{1,5})[xX](\d{1,5})", text.strip())
    if not match or not all(0 < int(side) <= 16384 for side in match.groups()):
        raise UsageError(f"--size is WIDTHxHEIGHT in pixels, for example 640x480, not {text!r}.")
    return int(match[2]), int(match[1])
