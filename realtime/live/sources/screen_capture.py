"""The screen, or a part of it, as a camera: what ``--source screen`` means.

Read by mss on Linux (X11), Windows and macOS.
"""

from __future__ import annotations

import re
import time

import numpy as np

from engines.errors import SourceError, UsageError
from realtime.live.sources.camera_devices import Capture

_REGION = re.compile(r"screen(?::(\d+)x(\d+)(?:\+(\d+)\+(\d+))?)?")


def parse_region(text: str) -> tuple[int, int, int, int] | None:
    """``screen:WxH+X+Y`` as (top, left, height, width), ``screen`` as None, which is all of it.

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


def open_screen(device: int | str, size: tuple[int, int], fps: float) -> Capture:
    """Open the region that ``device`` names, at ``fps``; ``size`` is the region's own.

    Raises SourceError.
    """
    return _ScreenCapture(parse_region(str(device)), fps)


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
                f"the region does not lie on the screen, which has {whole['width']}x{whole['height']} pixels."
            )
        self._place = {
            "top": whole["top"] + top,
            "left": whole["left"] + left,
            "width": width,
            "height": height,
        }
        self._period_s, self._due_s = 1 / fps, time.monotonic()

    def read(self) -> np.ndarray | None:
        import cv2

        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s = max(self._due_s + self._period_s, time.monotonic())
        shot = self._screen.grab(self._place)
        return cv2.cvtColor(
            np.frombuffer(shot.bgra, np.uint8).reshape(shot.height, shot.width, 4),
            cv2.COLOR_BGRA2BGR,
        )

    def release(self) -> None:
        self._screen.close()
