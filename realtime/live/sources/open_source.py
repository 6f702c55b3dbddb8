"""What ``--source`` means: a number, a name, a device, an address, a file, a folder, the screen,
``browser`` or ``test``.
"""

from __future__ import annotations

from pathlib import Path

from engines.errors import SourceError
from realtime.live.sources.browser import BrowserSource
from realtime.live.sources.camera import Camera, CaptureFormat
from realtime.live.sources.camera_devices import camera_list, find_camera
from realtime.live.sources.image_folder import ImageFolder
from realtime.live.sources.live_file import LiveFile
from realtime.live.sources.live_source import LiveSource
from realtime.live.sources.screen_capture import open_screen, parse_region
from realtime.live.sources.synthetic import Synthetic


def live_source(text: str, wanted: CaptureFormat | None = None, loop: bool = False) -> LiveSource:
    """The source called ``text``, not yet opened.

    ``wanted`` is for cameras, ``test``, the rate of a screen and the size of a folder's frames;
    ``loop`` for files and folders. A name that is no file is looked for among the cameras' names.

    Raises UsageError for a screen's region that is none, SourceError for what is neither a file nor
    a camera.
    """
    wanted = wanted or CaptureFormat()
    if text == "test":
        return Synthetic(wanted.size, wanted.fps)
    if text == "browser":
        return BrowserSource(wanted.size)
    if text == "screen" or text.startswith("screen:"):
        region = parse_region(text)
        wanted = CaptureFormat(region[2:] if region else wanted.size, wanted.fps)
        return Camera(text, wanted, open_capture=open_screen, may_stand_still=True)
    if text.isdecimal():
        return Camera(int(text), wanted)
    if text.startswith("/dev/") or "://" in text:
        return Camera(text, wanted)
    path = Path(text)
    if path.is_dir():
        return ImageFolder(path, wanted.size, loop)
    if path.exists():
        return LiveFile(path, loop)
    number = find_camera(text)
    if number is None:
        raise SourceError(
            f"--source {text}: no such file, and no camera of that name. {camera_list()}"
        )
    return Camera(number, wanted)
