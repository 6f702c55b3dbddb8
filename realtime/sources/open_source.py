"""What ``--source`` means: a number, a device, an address, a file or ``test``. A new kind of source is one line here."""

from __future__ import annotations

from pathlib import Path

from realtime.sources.camera import Camera, CaptureFormat
from realtime.sources.live_file import LiveFile
from realtime.sources.live_source import LiveSource
from realtime.sources.synthetic import Synthetic


def live_source(text: str, wanted: CaptureFormat | None = None, loop: bool = False) -> LiveSource:
    """The source called ``text``, not yet opened. ``wanted`` is for cameras and ``test``, ``loop`` for files."""
    wanted = wanted or CaptureFormat()
    if text == "test":
        return Synthetic(wanted.size, wanted.fps)
    if text.isdecimal():
        return Camera(int(text), wanted)
    if text.startswith("/dev/") or "://" in text:
        return Camera(text, wanted)
    return LiveFile(Path(text), loop)
