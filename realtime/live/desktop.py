"""Windows on the screen, opened by SDL: their pictures, their keys, the mouse.

All of it belongs to the main thread. SDL has one queue of events for all windows, which every
window reads for all: keys count wherever the focus is.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from engines.errors import SinkError
from realtime.controls.pointer import Pointer
from realtime.live.physical_keys import key_name, printed_labels

_REPEAT_AFTER_MS, _REPEAT_EVERY_MS = 500, 60  # of a key that is held
_SETTINGS = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_VIDEO_X11_WMCLASS": "livebrush",
    "SDL_VIDEO_WAYLAND_WMCLASS": "livebrush",
    # A signal is the program's.
    "SDL_NO_SIGNAL_HANDLERS": "1",
    # Pictures come ready for the screen; the way over a renderer waits for its refresh, and the
    # next picture meanwhile for this one.
    "SDL_FRAMEBUFFER_ACCELERATION": "0",
    # A fullscreen window stays when another one on the other display is used.
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",
}

_pressed: list[str] = []
_windows: list[DesktopWindow] = []


def display_problem() -> str | None:
    """Say why no window can be opened here; None if one can."""
    if _windows:
        return None
    try:
        _open_desktop().display.quit()
    except SinkError as error:
        return str(error)
    return None


@functools.cache
def import_pygame() -> ModuleType:
    """Return pygame, set up for windows that others' signals and pictures go through.

    Raises SinkError if it is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import pygame
    except ImportError as error:
        raise SinkError(
            f"a window needs pygame-ce: {error}. Type: pip install pygame-ce"
        ) from error
    return pygame


def _open_desktop() -> ModuleType:
    """Return pygame with its display open. Raises SinkError where there is none."""
    linux = sys.platform.startswith("linux")
    if linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SinkError("there is no display: DISPLAY is not set")
    if linux:  # else it would draw on the console
        os.environ.setdefault("SDL_VIDEODRIVER", "x11,wayland")
    pygame = import_pygame()
    try:
        if not pygame.display.get_init():
            pygame.display.init()
            pygame.key.stop_text_input()  # keys are no text: they would go to an input method
            pygame.key.set_repeat(_REPEAT_AFTER_MS, _REPEAT_EVERY_MS)
    except pygame.error as error:
        where = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        raise SinkError(
            f"the display{f' ({where})' if where else ''} cannot be opened: {error}"
        ) from error
    return pygame


def take_keys() -> list[str]:
    """Return the keys pressed in any window since the last call; runs the event loop."""
    global _pressed
    _read_events()
    pressed, _pressed = _pressed, []
    return pressed


def label_keys() -> dict[str, str]:
    """Return what is printed on the keys that US keyboards have otherwise, by their names."""
    pygame = import_pygame()
    if not pygame.display.get_init():
        return {}
    # pygame asks SDL for this, but hands it out only with a key that is pressed.
    library = "SDL2.dll" if sys.platform == "win32" else pygame.base.__file__
    try:
        find = ctypes.CDLL(library).SDL_GetKeyFromScancode
    except (OSError, AttributeError):  # another build: keys are called as on US keyboards
        return {}
    return printed_labels(lambda code: chr(key) if 0 < (key := find(code)) < 0x1000 else "")


class DesktopWindow:
    """A window of (height, width) ``size``, at (left, top) ``place``; in the middle without.

    Raises SinkError if it cannot be opened.
    """

    def __init__(
        self, title: str, size: tuple[int, int], place: tuple[int, int] | None = None
    ) -> None:
        self._pygame = pygame = _open_desktop()
        self.pointers: list[Pointer] = []
        """What the mouse did in it; whoever uses that takes it out."""
        self.dropped: list[Path] = []
        """Files that were dropped on it; whoever uses them takes them out."""
        self.closed = False
        """Whether the user closed it, or ``close`` was called."""
        at = {} if place is None else {"position": place}
        try:
            self._window = pygame.Window(title, size[::-1], resizable=True, **at)
        except pygame.error as error:
            raise SinkError(f"a window cannot be opened: {error}. Use --headless.") from error
        self._window.set_icon(_draw_icon(pygame))
        _windows.append(self)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its inside."""
        width, height = self._window.size
        return height, width

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of its inside on the desktop."""
        return *self._window.position, *self._window.size

    def fit(self, size: tuple[int, int], place: tuple[int, int]) -> None:
        """Make it (height, width) ``size`` at (left, top) ``place``."""
        self._window.size, self._window.position = size[::-1], place

    def show(self, pixels: np.ndarray) -> None:
        """Show a picture, (H, W, 3) uint8 RGB, over the whole window. Raises SinkError."""
        pygame, (height, width) = self._pygame, pixels.shape[:2]
        try:
            surface = self._window.get_surface()
            picture = pygame.image.frombuffer(np.ascontiguousarray(pixels), (width, height), "RGB")
            if picture.get_size() != surface.get_size():
                picture = pygame.transform.scale(picture, surface.get_size())
            surface.blit(picture, (0, 0))
            self._window.flip()
        except pygame.error as error:
            raise SinkError(f"the window cannot show a picture: {error}") from error

    def fill_display(self, on: bool) -> None:
        """Fill the display that it lies on, or stop filling it."""
        if on:
            self._window.set_fullscreen(desktop=True)
        else:
            self._window.set_windowed()

    def float_bare(self) -> None:
        """Have no frame, and stay above others: for a part of a display."""
        self._window.borderless = self._window.always_on_top = True

    def close(self) -> None:
        """Take it away. Closing twice is harmless."""
        self.closed = True
        if self in _windows:
            _windows.remove(self)
            self._window.destroy()

    def obey(self, event: Any) -> None:
        """Note what the event of this window tells: its end, the mouse, a file."""
        pygame, kind = self._pygame, event.type
        pressed = kind == pygame.MOUSEBUTTONDOWN and event.button == 1
        if kind in (pygame.WINDOWCLOSE, pygame.QUIT):
            self.closed = True
        elif kind == pygame.DROPFILE:
            self.dropped.append(Path(event.file))
        elif pressed or (kind == pygame.MOUSEMOTION and event.buttons[0]):
            (x, y), (width, height) = event.pos, self._window.size
            self.pointers.append(Pointer(x / width, y / height, pressed))

    def owns(self, event: Any) -> bool:
        """Tell whether the event is of this window, or of all."""
        return event.type == self._pygame.QUIT or getattr(event, "window", None) is self._window


def _draw_icon(pygame: ModuleType) -> object:
    """Return a brush with its paint, as the page in the browser has it."""
    icon = pygame.Surface((64, 64))
    icon.fill("#121216")
    pygame.draw.ellipse(icon, "#ffbe46", (13, 34, 23, 17))
    pygame.draw.polygon(icon, "#f4f5f7", ((33, 33), (51, 10), (55, 14), (36, 37)))
    return icon


def _read_events() -> None:
    pygame = import_pygame()
    if not pygame.display.get_init():
        return
    for event in pygame.event.get():
        if event.type == pygame.KEYDOWN:
            others = pygame.KMOD_CTRL | pygame.KMOD_ALT | pygame.KMOD_META
            name = key_name(event.scancode, bool(event.mod & pygame.KMOD_SHIFT))
            if name and not event.mod & others:
                _pressed.append(name)
        for window in _windows:
            if window.owns(event):
                window.obey(event)
