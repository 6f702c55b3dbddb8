"""Shows the paintings to other programs as a camera.

That is v4l2loopback through PyAV on Linux, and pyvirtualcam elsewhere.
"""

from __future__ import annotations

import argparse
import sys
import threading
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import numpy as np

from engines.errors import SinkError, UsageError
from engines.install import install_line
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.latest import Latest
from realtime.live.live_source import LiveSource
from realtime.picture.resample import Scaler

_FPS = 30
_LOOPBACK_HINT = (
    "Load the module first: sudo modprobe v4l2loopback exclusive_caps=1 card_label=Livebrush"
)


def loopback_devices() -> list[str]:
    """Return the devices of v4l2loopback on this machine."""
    folder = Path("/sys/devices/virtual/video4linux")
    return (
        [f"/dev/{path.name}" for path in sorted(folder.glob("video*"))] if folder.is_dir() else []
    )


def open_virtual_camera(device: str, size: tuple[int, int]) -> VirtualCamera:
    """Open a virtual camera for pictures of (height, width) ``size``.

    ``device``: /dev/videoN, or "" for the first that there is. Raises UsageError or SinkError: what
    to install.
    """
    if sys.platform.startswith("linux"):
        device = device or next(iter(loopback_devices()), "")
        if not device:
            raise UsageError(
                f"--virtual-cam: there is no v4l2loopback device on this machine. {_LOOPBACK_HINT}"
            )
        return VirtualCamera(_V4l2(device, size))
    return VirtualCamera(_Pyvirtualcam(device, size))


class _Device(Protocol):
    """What takes the pictures. Used from one thread."""

    def send(self, painting: np.ndarray) -> None:
        """Show (H, W, 3) uint8 RGB of any size."""

    def close(self) -> None:
        """Give the device back."""


class VirtualCamera(CleanSink):
    """Sends paintings to ``device``; the newest wins.

    Other programs want one size: what comes in another is brought to the first one.
    """

    def __init__(self, device: _Device) -> None:
        super().__init__()
        self._device = device
        self._slot: Latest[np.ndarray] = Latest()
        self._thread = threading.Thread(target=self._send_all, name="virtual camera", daemon=True)
        self._thread.start()

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --virtual-cam."""
        group.add_argument(
            "--virtual-cam",
            nargs="?",
            const="",
            metavar="DEV",
            help="be a camera for other programs (Linux: v4l2loopback)",
        )

    @classmethod
    def from_args(
        cls, args: argparse.Namespace, source: LiveSource, size: tuple[int, int]
    ) -> VirtualCamera | None:
        """Open the device that --virtual-cam names, or the first one."""
        if args.virtual_cam is None:
            return None
        return open_virtual_camera(args.virtual_cam, size)

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Leave the painting for the thread that sends."""
        self._slot.put(painting)

    def close(self) -> None:
        """Stop sending, and give the device back."""
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
                f"--virtual-cam {device}: {getattr(error, 'strerror', None) or error}. "
                f"{_LOOPBACK_HINT}"
            ) from error
        self._reformatter, self._count = VideoReformatter(), 0

    def send(self, painting: np.ndarray) -> None:
        """Write a picture to the device."""
        from av.video.frame import VideoFrame
        from av.video.reformatter import Colorspace

        picture = self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(painting), "rgb24"),
            height=self._size[0],
            width=self._size[1],
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace=Colorspace.ITU601,  # what programs take a webcam's picture for
            dst_color_range=1,
        )
        picture.pts, picture.time_base = self._count, Fraction(1, _FPS)
        self._count += 1
        self._output.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Give the device back."""
        self._output.close()


class _Pyvirtualcam:
    def __init__(self, device: str, size: tuple[int, int]) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise UsageError(
                f"--virtual-cam needs pyvirtualcam here: {install_line('virtual-cam')}"
            ) from error
        try:
            self._camera = pyvirtualcam.Camera(size[1], size[0], _FPS, device=device or None)
        except RuntimeError as error:
            raise SinkError(f"--virtual-cam: {error}") from error
        self._size, self._scaler = size, Scaler()

    def send(self, painting: np.ndarray) -> None:
        """Hand a picture to pyvirtualcam."""
        if painting.shape[:2] != self._size:
            painting = self._scaler.resize(painting, self._size)
        self._camera.send(painting)

    def close(self) -> None:
        """Give the device back."""
        self._camera.close()
