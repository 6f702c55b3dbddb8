"""A second window for those who watch: the painting alone, filling a display of its own."""

from __future__ import annotations

import argparse

import numpy as np

from engines.errors import UsageError
from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.desktop import DesktopWindow, display_problem, take_keys
from realtime.live.live_source import LiveSource
from realtime.live.sinks.window import view_size
from realtime.live.sources.screen_capture import Display, displays
from realtime.live.view import compose


class OutputWindow(CleanSink):
    """Shows paintings on ``display``.

    ``alone``: there is no other window, whose event loop would be this one's too. ``from_args``,
    ``follow`` and ``close`` belong to the main thread. Raises SinkError.
    """

    def __init__(self, display: Display, alone: bool) -> None:
        super().__init__()
        self._alone, self._open = alone, True
        self._newest: np.ndarray | None = None
        self._shown: tuple[np.ndarray | None, bool] = (None, False)
        place, size = (display.left, display.top), (display.height, display.width)
        self._window = window = DesktopWindow("Livebrush output", size, place)
        window.fill_display(True)
        # A part of a display that was made one (xrandr --setmonitor) is none to the window system.
        if window.place != (*place, display.width, display.height):
            window.fill_display(False)
            window.float_bare()
            window.fit(size, place)
        window.show(np.zeros((*size, 3), np.uint8))

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --output-window."""
        group.add_argument(
            "--output-window",
            metavar="DISPLAY",
            help="the painting alone, filling a display: its number, 2 for the second, or its name",
        )

    @classmethod
    def check(cls, args: argparse.Namespace) -> None:
        """Look for the display. Raises UsageError or SinkError."""
        if args.output_window:
            if problem := display_problem():
                raise UsageError(
                    f"--output-window: {problem}. Leave it out where there is no screen."
                )
            find_display(args.output_window)

    @classmethod
    def from_args(
        cls, args: argparse.Namespace, source: LiveSource, size: tuple[int, int]
    ) -> OutputWindow | None:
        """Open the window, if --output-window asks for it."""
        if not args.output_window:
            return None
        alone = args.headless or args.serve is not None
        return cls(find_display(args.output_window), alone)

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Have ``painting`` shown next."""
        self._newest = painting

    def follow(self, desk: Desk) -> None:
        """Show the newest painting, or the same one otherwise cut; obey keys."""
        if not self._open:
            return
        if self._alone:
            for key in take_keys():
                desk.press(key)
        if self._window.closed:
            self.close()
            self.answers.put("the output window was closed; the show goes on")
            return
        painting, fill = self._newest, desk.state.fill
        if painting is not None and (painting is not self._shown[0] or fill != self._shown[1]):
            self._shown = painting, fill
            size = view_size(self._window.size)
            self._window.show(compose(painting, painting, "off", size, fill=fill))

    def close(self) -> None:
        """Take the window away."""
        self._open = False
        self._window.close()


def find_display(text: str) -> Display:
    """Return the display of that number, from 1, or with ``text`` in its name.

    Raises UsageError, with all that there are.
    """
    found = displays()
    named = [display for display in found if text.lower() in display.name.lower()]
    if text.isdecimal() and 1 <= int(text) <= len(found):
        return found[int(text) - 1]
    if named and not text.isdecimal():
        return named[0]
    known = ", ".join(f"{number} ({display})" for number, display in enumerate(found, 1))
    raise UsageError(
        f"--output-window {text}: there is no such display. "
        + (f"There are: {known}." if found else "This system tells of none.")
    )
