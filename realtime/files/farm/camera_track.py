"""Where the camera has gone before each frame of a file.

Painters of later parts go on from there: it adds up over a whole shot, which no warm-up sees.
"""

from __future__ import annotations

from collections import deque

from realtime.frame import FileFrame, FrameMemory
from realtime.picture.camera_motion import CameraMotion
from realtime.picture.gpu.tensors import on_host
from realtime.picture.resample import Scaler
from realtime.stylizer import as_camera_part


class CameraTrack:
    """Follows the camera as ``Stylizer`` does, and remembers the last ``frames`` of its states.

    size: (height, width) of the network. Use it from one thread.
    """

    def __init__(self, size: tuple[int, int], frames: int) -> None:
        self._size = size
        self._camera, self._scaler = CameraMotion(), Scaler()
        self._states: deque[tuple[int, FrameMemory]] = deque(maxlen=frames)

    def look_at(self, frame: FileFrame) -> None:
        """Follow the camera to the next frame of the file."""
        if frame.is_cut:
            self._camera.reset()
        self._states.append((frame.index, as_camera_part(self._camera.state())))
        self._camera.follow(self._scaler.resize(on_host(frame.pixels), self._size))

    def memory_before(self, index: int) -> FrameMemory:
        """Return what ``Stylizer.begin`` of frame ``index`` goes on from; {} at a beginning.

        Raises KeyError for a frame that is too long ago.
        """
        return dict(self._states)[index]
