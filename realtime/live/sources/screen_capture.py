"""The screen, or a part of it, as a camera: what ``--source screen`` means.

Read by mss on Linux (X11), Windows and macOS.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Self

import numpy as np

from engines.errors import SourceError, UsageError
from realtime.live.camera_devices import Capture
from realtime.live.capture_format import CaptureFormat
from realtime.live.live_source import EXACT_WORD
from realtime.live.sources.camera import Camera

_REGION = re.compile(r"screen(?::(\d+)x(\d+)(?:\+(\d+)\+(\d+))?)?")


def parse_region(text: str) -> tuple[int, int, int, int] | None:
    """Read ``screen:WxH+X+Y`` as (top, left, height, width), ``screen`` as None: all of it.

    Raises UsageError.
    """
    found = _REGION.fullmatch(text)
    if not found:
        raise UsageError(
            f"--source {text!r}: is not screen or screen:WxH+X+Y, for example screen:640x480+100+50"
        )
    if found[1] is None:
        return None
    width, height, left, top = (int(part or 0) for part in found.groups())
    if min(width, height) < 16:
        raise UsageError(f"--source {text!r}: a region has at least 16x16 pixels.")
    return top, left, height, width


class ScreenSource(Camera):
    """A region of the screen, read like a camera that may stand still.

    text: ``screen`` or ``screen:WxH+X+Y``. ``wanted`` gives the rate. Raises UsageError for a
    region that is none.
    """

    summary = "screen, screen:WxH+X+Y"
    precedence = EXACT_WORD

    def __init__(self, text: str, wanted: CaptureFormat) -> None:
        region = parse_region(text)
        size = region[2:] if region else wanted.size
        super().__init__(
            text,
            CaptureFormat(size, wanted.fps),
            open_capture=open_screen,
            may_stand_still=True,
        )

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim ``screen`` and everything that begins with ``screen:``."""
        return text == "screen" or text.startswith("screen:")

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return the region of the screen, which has no end."""
        return cls(text, wanted)


def open_screen(device: int | str, _size: tuple[int, int], fps: float) -> Capture:
    """Open the region that ``device`` names, at ``fps``; its size is its own.

    Raises SourceError.
    """
    return _ScreenCapture(parse_region(str(device)), fps)


@dataclass(frozen=True)
class Display:
    """One of the displays side by side, in pixels of all of them."""

    left: int
    top: int
    width: int
    height: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.width}x{self.height}+{self.left}+{self.top}".strip()


def displays() -> list[Display]:
    """Return the displays in the system's order; none if it does not tell."""
    try:
        import mss

        with mss.MSS() as screens:
            found = screens.monitors[1:]
        return [
            Display(at["left"], at["top"], at["width"], at["height"], at.get("name", ""))
            for at in found
        ]
    except Exception:  # noqa: BLE001 (Wayland and the like: each system has errors of its own)
        return []


class _ScreenCapture:
    note = ""

    def __init__(self, region: tuple[int, int, int, int] | None, fps: float) -> None:
        try:
            import mss
        except ImportError as error:
            raise SourceError(
                f"the screen is read by mss: {error}. Type: pip install mss"
            ) from error
        try:
            self._screen = mss.MSS()
        except mss.ScreenShotError as error:
            raise SourceError(
                f"cannot be grabbed: there is no X display, Windows or macOS screen here ({error})."
            ) from error
        whole = self._screen.monitors[0]
        top, left, height, width = region or (0, 0, whole["height"], whole["width"])
        if left + width > whole["width"] or top + height > whole["height"]:
            self._screen.close()
            raise SourceError(
                "the region does not lie on the screen, "
                f"which has {whole['width']}x{whole['height']} pixels."
            )
        self._place = {
            "top": whole["top"] + top,
            "left": whole["left"] + left,
            "width": width,
            "height": height,
        }
        self._period_s, self._due_s = 1 / fps, time.monotonic()

    def read(self) -> np.ndarray | None:
        """Wait until the next picture is due and grab it, (H, W, 3) uint8 BGR."""
        import cv2

        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s = max(self._due_s + self._period_s, time.monotonic())
        shot = self._screen.grab(self._place)
        return cv2.cvtColor(
            np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4),
            cv2.COLOR_BGRA2BGR,
        )

    def release(self) -> None:
        """Leave the screen."""
        self._screen.close()
