"""The window of the program, on the screen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Self

import numpy as np

from engines.errors import UsageError
from realtime.controls.pointer import Pointer
from realtime.live.desktop import DesktopWindow, display_problem, label_keys, take_keys
from realtime.live.live_sink import LiveSink
from realtime.live.sources.screen_capture import Display, displays

# A picture is composed at the window's size; beyond this many pixels (a 4K screen) at half that
# size, which costs a quarter and shows as clean double pixels.
MAX_VIEW_PIXELS = 1920 * 1200
_FIRST_HEIGHTS = (480, 720)
_SMALL_SCREEN = Display(0, 0, 1280, 720)  # where none tells its own
_SCREEN_SHARE = 0.9  # of the screen, for a new window with its frame


class Window(LiveSink):
    """A window with ``title`` that can be resized; closing it with the mouse is noticed.

    size: (height, width) of the pictures. Needs a display: ``prepare`` asks for one first. Raises
    SinkError if no window can be opened.
    """

    is_default = True

    def __init__(self, title: str, size: tuple[int, int]) -> None:
        self._screen = next(iter(displays()), _SMALL_SCREEN)
        first, place = self._find_place(size)
        self._window = DesktopWindow(title, first, place)

    @classmethod
    def prepare(cls) -> None:
        """Ask for a display. Raises UsageError, with what to type, if there is none."""
        if problem := display_problem():
            raise UsageError(
                f"{problem}. Use --headless (with --duration and --report), "
                "or run it where there is a screen."
            )

    @classmethod
    def from_args(cls, args: argparse.Namespace, size: tuple[int, int]) -> Self:
        """Open the program's window."""
        return cls("Livebrush", size)

    def fit(self, size: tuple[int, int]) -> None:
        """Give the window the size of pictures of (height, width), as far as the screen goes."""
        self._window.fit(*self._find_place(size))

    def _find_place(self, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return (height, width) and (left, top) of a window for pictures of ``size``."""
        scale = float(np.clip(size[0], *_FIRST_HEIGHTS)) / size[0]
        screen, share = self._screen, _SCREEN_SHARE
        scale = min(scale, share * screen.width / size[1], share * screen.height / size[0])
        high, wide = round(size[0] * scale), round(size[1] * scale)
        left, top = screen.left + (screen.width - wide) // 2, (screen.height - high) // 3
        return (high, wide), (left, screen.top + top)

    @property
    def view_size(self) -> tuple[int, int]:
        """The size of the window's inside, or half of it where that is very large."""
        return view_size(self._window.size)

    @property
    def printed_keys(self) -> dict[str, str]:
        """What is printed on the keys that US keyboards have otherwise, by their names."""
        return label_keys()

    def show(self, pixels: np.ndarray) -> None:
        """Put a picture into the window."""
        self._window.show(pixels)

    def poll(self) -> list[str]:
        """Return the keys."""
        return take_keys()

    def pointers(self) -> list[Pointer]:
        """Return where the left button was pressed and dragged."""
        moved, self._window.pointers = self._window.pointers, []
        return moved

    def dropped(self) -> list[Path]:
        """Return the files that were dropped on it."""
        files, self._window.dropped = self._window.dropped, []
        return files

    @property
    def closed(self) -> bool:
        """True once the user has closed it, or ``close`` was called."""
        return self._window.closed

    def set_fullscreen(self, on: bool) -> None:
        """Fill the screen, or go back to a window."""
        self._window.fill_display(on)

    def close(self) -> None:
        """Take the window away."""
        self._window.close()


def view_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of pictures for a window of ``size``: the same, or a half."""
    height, width = size
    while width * height > MAX_VIEW_PIXELS:
        width, height = (width + 1) // 2, (height + 1) // 2
    return height, width
