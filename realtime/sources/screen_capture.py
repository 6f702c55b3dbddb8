"""The screen, or a part of it, as a camera: what ``--source screen`` means. Read by FFmpeg's grabber of each system."""

from __future__ import annotations

import os
import re
import sys

import numpy as np

from engines.errors import SourceError, UsageError
from realtime.sources.camera_devices import Capture

_REGION = re.compile(r"screen(?::(\d+)x(\d+)(?:\+(\d+)\+(\d+))?)?")


def parse_region(text: str) -> tuple[int, int, int, int] | None:
    """``screen:WxH+X+Y`` as (top, left, height, width), ``screen`` as None, which is all of it. Raises UsageError."""
    found = _REGION.fullmatch(text)
    if not found:
        raise UsageError(f"--source {text!r}: is not screen or screen:WxH+X+Y, for example screen:640x480+100+50")
    if found[1] is None:
        return None
    width, height, left, top = (int(part or 0) for part in found.groups())
    if min(width, height) < 16:
        raise UsageError(f"--source {text!r}: a region has at least 16x16 pixels.")
    return top, left, height, width


def open_screen(device: int | str, size: tuple[int, int], fps: float) -> Capture:
    """Open the region that ``device`` names, at ``fps``; ``size`` is the region's own. Raises SourceError."""
    return _ScreenCapture(parse_region(str(device)), fps)


class _ScreenCapture:
    note = ""

    def __init__(self, region: tuple[int, int, int, int] | None, fps: float) -> None:
        import av

        name, file_format, options = _grabber(region)
        try:
            self._container = av.open(name, format=file_format, options={"framerate": f"{fps:g}", **options})
        except (av.error.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SourceError(f"cannot be grabbed ({reason}). Does the region lie on the screen?") from error
        self._frames = self._container.decode(video=0)

    def read(self) -> np.ndarray | None:
        """The pixels are copied and the frame dropped at once: it lies in memory shared with the screen's server."""
        return next(self._frames).to_ndarray(format="bgr24")

    def release(self) -> None:
        self._frames.close()
        self._container.close()


def _grabber(region: tuple[int, int, int, int] | None) -> tuple[str, str, dict[str, str]]:
    """Name, format and options for FFmpeg on this system."""
    size = {} if region is None else {"video_size": f"{region[3]}x{region[2]}"}
    if sys.platform.startswith("linux"):
        if not os.environ.get("DISPLAY"):
            raise SourceError("there is no X display to grab: DISPLAY is not set.")
        place = "" if region is None else f"+{region[1]},{region[0]}"
        return os.environ["DISPLAY"] + place, "x11grab", size
    if sys.platform == "win32":
        place = {} if region is None else {"offset_x": str(region[1]), "offset_y": str(region[0])}
        return "desktop", "gdigrab", {**size, **place}
    raise SourceError("screens are grabbed on Linux with X11 and on Windows only.")
