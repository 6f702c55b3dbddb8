"""A camera by its name: what ``--source`` means if it means nothing else."""

from __future__ import annotations

from typing import Self

from engines.errors import SourceError
from realtime.live.camera_devices import camera_list, find_camera
from realtime.live.capture_format import CaptureFormat
from realtime.live.live_source import ANYTHING_ELSE
from realtime.live.sources.camera import Camera


class CameraByName(Camera):
    """The first camera with the text in its name."""

    summary = "camera by number or name"
    precedence = ANYTHING_ELSE

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim whatever nobody else has claimed."""
        return True

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return the camera.

        Raises SourceError, with the cameras that there are, if none has that name.
        """
        number = find_camera(text)
        if number is None:
            raise SourceError(
                f"--source {text}: no such file, and no camera of that name. {camera_list()}"
            )
        return cls(number, wanted)
