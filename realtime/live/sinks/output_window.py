"""A second window for those who watch: the painting alone, filling a display of its own."""

from __future__ import annotations

import argparse

import numpy as np

from engines.errors import SinkError, UsageError
from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.bootstrap import display_problem, import_for_window
from realtime.live.clean_sink import CleanSink
from realtime.live.live_source import LiveSource
from realtime.live.sinks.window import MAX_VIEW_PIXELS, key_name
from realtime.live.sources.screen_capture import Display, displays
from realtime.live.view import compose

_TITLE = "Livebrush output"
_LAID_OUT = 5  # rounds of the event loop until a window has its place


class OutputWindow(CleanSink):
    """Shows paintings on ``display``.

    ``alone``: there is no other window, whose event loop would be this one's too. ``from_args``,
    ``follow`` and ``close`` belong to the main thread. Raises SinkError.
    """

    def __init__(self, display: Display, alone: bool) -> None:
        super().__init__()
        self._cv2 = cv2 = import_for_window()
        self._display, self._alone, self._open = display, alone, True
        self._newest: np.ndarray | None = None
        self._shown: tuple[np.ndarray | None, bool] = (None, False)
        height, width = display.height, display.width
        while width * height > MAX_VIEW_PIXELS:  # as of the other window
            width, height = (width + 1) // 2, (height + 1) // 2
        self._view_size = height, width
        try:
            self._system = cv2.currentUIFramework()
            flags = cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL
            cv2.namedWindow(_TITLE, flags)
            self._fill_display()
        except cv2.error as error:
            raise SinkError(f"--output-window: cannot be opened: {error}") from error

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
            import_for_window()
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
        cv2, painting, fill = self._cv2, self._newest, desk.state.fill
        try:
            if painting is not None and (painting is not self._shown[0] or fill != self._shown[1]):
                self._shown = painting, fill
                view = compose(painting, painting, "off", self._view_size, fill=fill)
                cv2.imshow(_TITLE, cv2.cvtColor(view, cv2.COLOR_RGB2BGR))
            code = cv2.waitKeyEx(1) if self._alone else -1
            visible = cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:
            code, visible = -1, False
        if not visible:
            self._open = False
            self.answers.put("the output window was closed; the show goes on")
        elif code != -1 and (name := key_name(code, self._system)):
            desk.press(name)

    def close(self) -> None:
        """Take the window away."""
        if self._open:
            self._open = False
            self._cv2.destroyWindow(_TITLE)
            self._cv2.waitKeyEx(1)

    def _fill_display(self) -> None:
        cv2, at = self._cv2, self._display
        cv2.imshow(_TITLE, np.zeros((*self._view_size, 3), np.uint8))
        self._move()
        cv2.setWindowProperty(_TITLE, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN)
        self._lay_out()
        # A part of a display that was made one (xrandr --setmonitor) is none to the window system.
        if tuple(cv2.getWindowImageRect(_TITLE)) != (at.left, at.top, at.width, at.height):
            cv2.setWindowProperty(_TITLE, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_NORMAL)
            self._lay_out()
            self._move()

    def _move(self) -> None:
        self._cv2.resizeWindow(_TITLE, self._display.width, self._display.height)
        self._cv2.moveWindow(_TITLE, self._display.left, self._display.top)
        self._lay_out()

    def _lay_out(self) -> None:
        for _ in range(_LAID_OUT):
            self._cv2.waitKeyEx(1)


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
