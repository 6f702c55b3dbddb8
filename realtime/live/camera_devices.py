"""Finding and opening camera devices through OpenCV.

``OpenCapture`` is the seam for other ways to reach a camera.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engines.errors import SourceError

if TYPE_CHECKING:
    from cv2 import VideoCapture

_URL_TIMEOUT_MS = 5000


class Capture(Protocol):
    """An open device. Used from one thread."""

    def read(self) -> np.ndarray | None:
        """Return the next picture, (H, W, 3) uint8 BGR in an array of its own, None without one.

        May block.
        """

    def release(self) -> None:
        """Give the device back."""

    @property
    def note(self) -> str:
        """The format that it gives, for people, for example "640x480 MJPG at 30 fps"."""
        return ""


OpenCapture = Callable[[int | str, tuple[int, int], float], Capture]


class _OpenCvCapture:
    def __init__(self, capture: VideoCapture) -> None:
        self._capture = capture

    def read(self) -> np.ndarray | None:
        """Return the next picture, None if there was none or it is none."""
        ok, pixels = self._capture.read()
        return pixels if ok and pixels is not None and pixels.ndim == 3 else None

    def release(self) -> None:
        """Give the device back."""
        self._capture.release()

    @property
    def note(self) -> str:
        """The format that OpenCV tells."""
        import cv2

        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        letters = "".join(chr(code >> shift & 255) for shift in (0, 8, 16, 24)) if code > 0 else ""
        width, height = (
            round(self._capture.get(key))
            for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        return (
            f"{width}x{height}"
            + (f" {letters}" if letters.isprintable() else "")
            + (f" at {fps:g} fps" if fps > 0 else "")
        )


def open_opencv(device: int | str, size: tuple[int, int], fps: float) -> Capture:
    """Open a camera number, device path or URL and ask for (height, width) and ``fps``.

    Raises SourceError if it cannot be opened.
    """
    cv2 = _quiet_cv2()
    if isinstance(device, str) and "://" in device:
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            _URL_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            _URL_TIMEOUT_MS,
        ]
        capture = cv2.VideoCapture(device, cv2.CAP_FFMPEG, limits)
    elif sys.platform.startswith("linux") and (
        isinstance(device, int) or device.startswith("/dev/")
    ):
        capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
    else:
        capture = cv2.VideoCapture(device)
    if not capture.isOpened():
        capture.release()
        raise SourceError(_explain_failure(device))
    # MJPG before the size: most USB cameras give full size at full rate only compressed.
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, size[1])
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size[0])
    capture.set(cv2.CAP_PROP_FPS, fps)
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return _OpenCvCapture(capture)


def _quiet_cv2() -> ModuleType:
    # Its messages would stand beside our one clear line.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise SourceError(
            f"cameras need OpenCV: {error}. Type: pip install opencv-python"
        ) from error
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def camera_list() -> str:
    """Say in one sentence which cameras this machine has, as far as can be told unopened."""
    if not sys.platform.startswith("linux"):
        return "Other cameras, if there are any, are --source 1, --source 2, ..."
    cameras = [f"{number} ({title})" for number, title in camera_titles().items()]
    return (
        f"Cameras here: {', '.join(cameras)}." if cameras else "There is no camera on this machine."
    )


def camera_titles(
    devices: Path = Path("/dev"), names: Path = Path("/sys/class/video4linux")
) -> dict[int, str]:
    """Return number -> name of every video device that Linux knows; empty elsewhere."""
    titles = {}
    for path in sorted(devices.glob("video*"), key=lambda p: (len(p.name), p.name)):
        number = path.name.removeprefix("video")
        if number.isdecimal():
            try:
                titles[int(number)] = (
                    (names / path.name / "name").read_text(encoding="utf-8").strip()
                )
            except OSError:
                titles[int(number)] = str(path)
    return titles


def find_camera(name: str, titles: dict[int, str] | None = None) -> int | None:
    """Return the number of the first camera with ``name`` in its name, whatever the case.

    Returns None if there is none.
    """
    titles = camera_titles() if titles is None else titles
    return next((number for number, title in titles.items() if name.lower() in title.lower()), None)


def camera_problem(number: int) -> str | None:
    """Say why camera ``number`` of this Linux machine may not be opened, None if it may.

    That is as far as can be told without opening it.
    """
    path = Path(f"/dev/video{number}")
    return None if os.access(path, os.R_OK | os.W_OK) else _explain_failure(number)


def _explain_failure(device: int | str) -> str:
    path = Path(f"/dev/video{device}" if isinstance(device, int) else device)
    if "://" in str(device):
        return "cannot be opened as a stream. Is the address right, and does the server run?"
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return (
            f"may not be opened: {path} belongs to others. "
            "Join its group (`sudo usermod -aG video $USER`) and log in again."
        )
    if path.exists():
        return "cannot be opened. Another program may be using it, or it is not a camera."
    return "does not exist."
