"""Shows the paintings to other programs as a camera: v4l2loopback on Linux through PyAV,
pyvirtualcam elsewhere.
"""

from __future__ import annotations

import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.errors import SinkError, UsageError
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.latest import Latest
from realtime.picture.resample import Scaler

_FPS = 30
_LOOPBACK_HINT = (
    "Load the module first: sudo modprobe v4l2loopback exclusive_caps=1 card_label=Livebrush"
)


def loopback_devices() -> list[str]:
    """The devices of v4l2loopback on this machine."""
    folder = Path("/sys/devices/virtual/video4linux")
    return (
        [f"/dev/{path.name}" for path in sorted(folder.glob("video*"))] if folder.is_dir() else []
    )


def open_virtual_camera(device: str, size: tuple[int, int]) -> VirtualCamera:
    """``device``: /dev/videoN, or "" for the first that there is.

    Raises UsageError or SinkError: what to install.
    """
    if sys.platform.startswith("linux"):
        device = device or next(iter(loopback_devices()), "")
        if not device:
            raise UsageError(
                f"--virtual-cam: there is no v4l2loopback device on this machine. {_LOOPBACK_HINT}"
            )
        return VirtualCamera(_V4l2(device, size))
    return VirtualCamera(_Pyvirtualcam(device, size))


class VirtualCamera(CleanSink):
    """The newest painting wins.

    Other programs want one size: what comes in another is brought to the first one.
    """

    def __init__(self, device: _V4l2 | _Pyvirtualcam) -> None:
        super().__init__()
        self._device = device
        self._slot: Latest[np.ndarray] = Latest()
        self._thread = threading.Thread(target=self._send_all, name="virtual camera", daemon=True)
        self._thread.start()

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        self._slot.put(painting)

    def close(self) -> None:
        self._slot.close()
        self._thread.join(2.0)

    def _send_all(self) -> None:
        try:
            while not self._slot.finished:
                painting = self._slot.get(0.5)
                if painting is not None:
                    self._device.send(painting)
        except (OSError, RuntimeError, ValueError) as error:
            self.answers.put(f"virtual camera ended: {getattr(error, 'strerror', None) or error}")
        finally:
            self._device.close()


class _V4l2:
    def __init__(self, device: str, size: tuple[int, int]) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self._size = (size[0] - size[0] % 2, size[1] - size[1] % 2)
        try:
            self._output = av.open(device, "w", format="v4l2")
            self._stream = self._output.add_stream("rawvideo", rate=_FPS)
            self._stream.height, self._stream.width = self._size
            self._stream.pix_fmt = "yuv420p"
            self._output.start_encoding()  # this is where the device is told the format
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(
                f"--virtual-cam {device}: {getattr(error, 'strerror', None) or error}. {_LOOPBACK_HINT}"
            ) from error
        self._reformatter, self._count = VideoReformatter(), 0

    def send(self, painting: np.ndarray) -> None:
        from av.video.frame import VideoFrame

        picture = self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(painting), "rgb24"),
            height=self._size[0],
            width=self._size[1],
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace="ITU601",  # what programs take a webcam's picture for
            dst_color_range=1,
        )
        picture.pts, picture.time_base = self._count, Fraction(1, _FPS)
        self._count += 1
        self._output.mux(self._stream.encode(picture))

    def close(self) -> None:
        self._output.close()


class _Pyvirtualcam:
    def __init__(self, device: str, size: tuple[int, int]) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise UsageError(
                "--virtual-cam needs pyvirtualcam here: pip install 'livebrush[virtual-cam]'"
            ) from error
        try:
            self._camera = pyvirtualcam.Camera(size[1], size[0], _FPS, device=device or None)
        except RuntimeError as error:
            raise SinkError(f"--virtual-cam: {error}") from error
        self._size, self._scaler = size, Scaler()

    def send(self, painting: np.ndarray) -> None:
        if painting.shape[:2] != self._size:
            painting = self._scaler.resize(painting, self._size)
        self._camera.send(painting)

    def close(self) -> None:
        self._camera.close()
