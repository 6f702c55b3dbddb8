"""Where live pictures are shown.

A file in ``sinks`` beside this one may hold such a sink; ``registry.py`` finds it there.
"""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from realtime.controls.pointer import Pointer


class LiveSink(ABC):
    """Shows pictures and tells which keys were pressed.

    It is open as long as it lives, until ``close``. Every method is called from the main thread.
    """

    is_default: ClassVar[bool] = False
    """The sink of a run whose flags ask for no other."""

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add the flags that ask for this sink."""

    @classmethod
    def is_asked_for(cls, args: argparse.Namespace) -> bool:
        """Tell whether the flags ask for this sink."""
        return cls.is_default

    @classmethod
    def prepare(cls) -> None:
        """Settle what must be settled before a source is opened, such as the order of imports.

        Raises UsageError or SinkError, with what to type, where this sink cannot be.
        """

    @classmethod
    @abstractmethod
    def from_args(cls, args: argparse.Namespace, size: tuple[int, int]) -> Self:
        """Open the sink for pictures of about (height, width) ``size``.

        Raises SinkError if that cannot be.
        """

    def fit(self, size: tuple[int, int]) -> None:
        """Know that pictures are of (height, width) ``size`` after all."""

    @property
    @abstractmethod
    def view_size(self) -> tuple[int, int] | None:
        """The (height, width) at which pictures show pixel for pixel, or None if nobody looks."""

    @abstractmethod
    def show(self, pixels: np.ndarray) -> None:
        """Show a picture: (H, W, 3) uint8 RGB.

        When this returns it is on the screen. Raises SinkError.
        """

    @abstractmethod
    def poll(self) -> list[str]:
        """Return the keys pressed since the last call ("left", "esc", "space", "a", "{").

        They are called by what lies there on a US keyboard.
        """

    @property
    def printed_keys(self) -> dict[str, str]:
        """What is printed on the keys that US keyboards have otherwise, by the keys' names."""
        return {}

    def dropped(self) -> list[Path]:
        """Return the files that were dropped on it since the last call."""
        return []

    def pointers(self) -> list[Pointer]:
        """Return what the mouse did since the last call."""
        return []

    @property
    def closed(self) -> bool:
        """True once the user has closed the window."""
        return False

    def set_fullscreen(self, on: bool) -> None:
        """Fill the screen, or stop filling it."""

    @abstractmethod
    def close(self) -> None:
        """Take the window away. Closing twice is harmless."""
