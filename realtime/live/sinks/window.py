"""A window on the screen, drawn by OpenCV.

Knows the key codes of OpenCV's window systems, not what the keys do.
"""

from __future__ import annotations

import argparse
from typing import Self

import numpy as np

from engines.errors import SinkError, UsageError
from realtime.controls.pointer import Pointer
from realtime.live.bootstrap import display_problem, import_for_window
from realtime.live.live_sink import LiveSink
from realtime.live.sources.screen_capture import Display, displays

# OpenCV enlarges pictures with hard pixel edges, so a picture is brought to the window's size
# before; beyond this many pixels (a 4K screen) at half that size, which costs a quarter and shows
# as clean double pixels.
MAX_VIEW_PIXELS = 1920 * 1200
_FIRST_HEIGHTS = (480, 720)
_SMALL_SCREEN = Display(0, 0, 1280, 720)  # where none tells its own
_SCREEN_SHARE = 0.9  # of the screen, for a new window with its frame

_X11_KEYS = {
    65361: "left",
    65362: "up",
    65363: "right",
    65364: "down",
    65365: "pageup",
    65366: "pagedown",
    65360: "home",
    65367: "end",
    65379: "insert",
    65535: "delete",
    65288: "backspace",
    **{65469 + n: f"f{n}" for n in range(1, 13)},
}
_KEYS = {
    # Virtual-key codes, 16 bits up.
    "WIN32": {
        **{
            code << 16: name
            for code, name in enumerate(
                ("pageup", "pagedown", "end", "home", "left", "up", "right", "down"), 0x21
            )
        },
        0x2D << 16: "insert",
        0x2E << 16: "delete",
        8: "backspace",
        **{(0x6F + n) << 16: f"f{n}" for n in range(1, 13)},
    },
    # NSEvent's function keys.
    "COCOA": {
        **{0xF700 + n: name for n, name in enumerate(("up", "down", "left", "right"))},
        **{0xF703 + n: f"f{n}" for n in range(1, 13)},
        0xF727: "insert",
        0xF728: "delete",
        0xF729: "home",
        0xF72B: "end",
        0xF72C: "pageup",
        0xF72D: "pagedown",
        127: "backspace",
    },
}
_COMMON_KEYS = {27: "esc", 32: "space", 9: "tab", 13: "enter", 10: "enter", 8: "backspace"}


def key_name(code: int, system: str) -> str | None:
    """Return the name of a key, None for a key that has none.

    ``code`` is what ``cv2.waitKeyEx`` returns, ``system`` what ``cv2.currentUIFramework()`` does.
    """
    special = _KEYS.get(system, _X11_KEYS)
    if code in special:
        return special[code]
    code &= 0xFFFF  # GTK keeps Shift and Num Lock in the upper bits
    if system not in _KEYS and code in special:
        return special[code]
    if 0xFFB0 <= code <= 0xFFB9:  # digits of the number pad, X11
        return str(code - 0xFFB0)
    if code in _COMMON_KEYS:
        return _COMMON_KEYS[code]
    return chr(code) if 33 <= code < 127 else None


class Window(LiveSink):
    """A window with ``title`` that can be resized; closing it with the mouse is noticed.

    size: (height, width) of the pictures. Needs a display: ``prepare`` asks for one first. Raises
    SinkError if no window can be opened.
    """

    is_default = True

    def __init__(self, title: str, size: tuple[int, int]) -> None:
        self._cv2 = cv2 = import_for_window()
        self._title = title
        self._bgr: np.ndarray | None = None
        self._pressed: list[str] = []
        self._pointers: list[Pointer] = []
        self._shown_size = (1, 1)
        self._pumped = self._left = False
        self._screen = next(iter(displays()), _SMALL_SCREEN)
        try:
            self._system = cv2.currentUIFramework()
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
            self.fit(size)
        except cv2.error as error:
            raise SinkError(
                f"a window cannot be opened: {error}. "
                "Use --headless, or install opencv-python (not -headless)."
            ) from error
        cv2.setMouseCallback(title, self._on_mouse)
        self._pump()

    @classmethod
    def prepare(cls) -> None:
        """Load the window's libraries, in the order that they need.

        Raises UsageError, with what to type, if there is no display.
        """
        problem = display_problem()
        if problem:
            raise UsageError(
                f"{problem}. Use --headless (with --duration and --report), "
                "or run it where there is a screen."
            )
        import_for_window()

    @classmethod
    def from_args(cls, args: argparse.Namespace, size: tuple[int, int]) -> Self:
        """Open the program's window."""
        return cls("Livebrush", size)

    def fit(self, size: tuple[int, int]) -> None:
        """Give the window the size of pictures of (height, width), as far as the screen goes."""
        scale = float(np.clip(size[0], *_FIRST_HEIGHTS)) / size[0]
        screen, share = self._screen, _SCREEN_SHARE
        scale = min(scale, share * screen.width / size[1], share * screen.height / size[0])
        self._first_view = high, wide = round(size[0] * scale), round(size[1] * scale)
        self._cv2.resizeWindow(self._title, wide, high)
        # Placed before it had its size, it may lie half off the screen.
        left, top = screen.left + (screen.width - wide) // 2, (screen.height - high) // 3
        self._cv2.moveWindow(self._title, left, screen.top + top)

    @property
    def view_size(self) -> tuple[int, int]:
        """The size of the window's inside, or half of it where that is very large."""
        try:
            _, _, width, height = self._cv2.getWindowImageRect(self._title)
        except self._cv2.error:
            return self._first_view
        if width < 16 or height < 16:  # not laid out yet, or minimised
            return self._first_view
        while width * height > MAX_VIEW_PIXELS:
            width, height = (width + 1) // 2, (height + 1) // 2
        return height, width

    def show(self, pixels: np.ndarray) -> None:
        """Put a picture into the window and let it be drawn."""
        cv2 = self._cv2
        self._shown_size = pixels.shape[:2]
        if self._bgr is not None and self._bgr.shape != pixels.shape:
            self._bgr = None
        self._bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR, dst=self._bgr)
        try:
            cv2.imshow(self._title, self._bgr)
        except cv2.error as error:
            raise SinkError(f"the window cannot show a picture: {error}") from error
        self._pump()  # it is the event loop that paints
        self._pumped = True

    def poll(self) -> list[str]:
        """Return the keys; runs the window's event loop where ``show`` has not just done so."""
        if not self._pumped:
            self._pump()
        self._pumped = False
        pressed, self._pressed = self._pressed, []
        return pressed

    def pointers(self) -> list[Pointer]:
        """Return where the left button was pressed and dragged."""
        moved, self._pointers = self._pointers, []
        return moved

    @property
    def closed(self) -> bool:
        """True once the user has closed it, or ``close`` was called."""
        if self._left:
            return True
        try:
            return bool(self._cv2.getWindowProperty(self._title, self._cv2.WND_PROP_VISIBLE) < 1)
        except self._cv2.error:
            return True

    def set_fullscreen(self, on: bool) -> None:
        """Fill the screen, or go back to a window."""
        cv2 = self._cv2
        cv2.setWindowProperty(
            self._title, cv2.WND_PROP_FULLSCREEN, cv2.WINDOW_FULLSCREEN if on else cv2.WINDOW_NORMAL
        )

    def close(self) -> None:
        """Take the window away, if the user has not done so."""
        if not self.closed:
            self._cv2.destroyWindow(self._title)
            self._cv2.waitKeyEx(1)
        self._left = True

    def _on_mouse(self, event: int, x: int, y: int, flags: int, _: object) -> None:
        cv2, (height, width) = self._cv2, self._shown_size
        pressed = event == cv2.EVENT_LBUTTONDOWN
        if pressed or (event == cv2.EVENT_MOUSEMOVE and flags & cv2.EVENT_FLAG_LBUTTON):
            # OpenCV tells places in pixels of the picture.
            self._pointers.append(Pointer(x / width, y / height, pressed))

    def _pump(self) -> None:
        code = self._cv2.waitKeyEx(1)
        name = key_name(code, self._system) if code != -1 else None
        if name:
            self._pressed.append(name)
