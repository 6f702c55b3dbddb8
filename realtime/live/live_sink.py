"""Where live pictures are shown. One sink per file beside this one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from realtime.controls.pointer import Pointer


class LiveSink(ABC):
    """Shows pictures and tells which keys were pressed.

    Every method is called from the main thread.
    """

    @abstractmethod
    def open(self, title: str, size: tuple[int, int]) -> None:
        """Get ready for pictures of about (height, width). Raises SinkError if that cannot be."""

    @property
    @abstractmethod
    def view_size(self) -> tuple[int, int] | None:
        """The (height, width) at which a picture is shown pixel for pixel, or None if nobody looks."""

    @abstractmethod
    def show(self, pixels: np.ndarray) -> None:
        """Show a picture: (H, W, 3) uint8 RGB.

        When this returns it is on the screen. Raises SinkError.
        """

    @abstractmethod
    def poll(self) -> list[str]:
        """The names of the keys pressed since the last call ("left", "esc", "space", "a", "{").

        Takes a millisecond or two.
        """

    def pointers(self) -> list[Pointer]:
        """What the mouse did since the last call."""
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
