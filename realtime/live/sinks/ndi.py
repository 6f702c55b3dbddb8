"""Sends the paintings into the network as an NDI source, with cyndilib."""

from __future__ import annotations

import argparse
import threading
from fractions import Fraction
from typing import Protocol

import numpy as np

from engines.errors import SinkError, UsageError
from engines.install import install_line
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.latest import Latest
from realtime.live.live_source import LiveSource
from realtime.look import ALPHA
from realtime.picture.resample import Scaler

_NAME = "Livebrush"
_RATE = Fraction(30)  # what receivers are told; pictures are sent as they come


class _Sender(Protocol):
    """What takes the pictures. Used from one thread."""

    def send(self, pixels: np.ndarray) -> None:
        """Send (H, W, 4) uint8 RGBA of the size that it was opened for."""

    def close(self) -> None:
        """Leave the network."""


class NdiOutput(CleanSink):
    """Sends paintings to ``sender`` at (height, width) ``size``; the newest wins.

    Receivers wait for seconds when a source changes its form, so it is settled once: what comes in
    another size is brought to the first one. ``keeps_alpha``: where nothing is behind people,
    nothing is sent there.
    """

    def __init__(self, sender: _Sender, size: tuple[int, int], keeps_alpha: bool = False) -> None:
        super().__init__()
        self._sender, self._size, self._keeps_alpha = sender, size, keeps_alpha
        self._scaler = Scaler()
        self._slot: Latest[np.ndarray] = Latest()
        self._thread = threading.Thread(target=self._send_all, name="ndi", daemon=True)
        self._thread.start()

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --ndi."""
        group.add_argument(
            "--ndi",
            nargs="?",
            const=_NAME,
            metavar="NAME",
            help=f"be an NDI source in the network (default name: {_NAME}); needs cyndilib",
        )

    @classmethod
    def check(cls, args: argparse.Namespace) -> None:
        """Look for cyndilib. Raises UsageError."""
        if args.ndi is None:
            return
        if not args.ndi.strip():
            raise UsageError('--ndi "": takes a name, such as --ndi Stage, or none for Livebrush.')
        try:
            import cyndilib.sender  # noqa: F401
        except ImportError as error:  # of a library of the system, too
            raise UsageError(
                f"--ndi needs cyndilib ({error}): {install_line('ndi')}. Without: --virtual-cam."
            ) from error

    @classmethod
    def from_args(
        cls, args: argparse.Namespace, source: LiveSource, size: tuple[int, int]
    ) -> NdiOutput | None:
        """Announce the source, if --ndi asks for it."""
        if args.ndi is None:
            return None
        # Its pictures are 4:2:2, so widths are even.
        even = size[0], max(2, size[1] - size[1] % 2)
        keeps_alpha = args.behind == ALPHA
        return cls(_Cyndilib(args.ndi, even, keeps_alpha), even, keeps_alpha)

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Leave the painting for the thread that sends."""
        cutout = frame.cutout if self._keeps_alpha else None
        self._slot.put(painting if cutout is None else cutout)

    def close(self) -> None:
        """Stop sending, and leave the network."""
        self._slot.close()
        self._thread.join(2.0)

    def _send_all(self) -> None:
        pixels = np.full((*self._size, 4), 255, np.uint8)
        try:
            while not self._slot.finished:
                painting = self._slot.get(0.5)
                if painting is None:
                    continue
                picture = np.ascontiguousarray(painting[..., :3])
                pixels[..., :3] = self._scaler.resize(picture, self._size)
                pixels[..., 3] = 255
                if painting.shape[2] == 4:
                    alpha = np.ascontiguousarray(painting[..., 3])
                    pixels[..., 3] = self._scaler.resize(alpha, self._size)
                self._sender.send(pixels)
        except Exception as error:  # noqa: BLE001 (cyndilib raises nothing more special)
            self.answers.put(f"NDI ended: {error}")
        finally:
            self._sender.close()


class _Cyndilib:
    """The source ``name`` of pictures of (height, width) ``size``. Raises SinkError."""

    def __init__(self, name: str, size: tuple[int, int], has_alpha: bool) -> None:
        from cyndilib.sender import Sender
        from cyndilib.video_frame import VideoSendFrame
        from cyndilib.wrapper.ndi_structs import FourCC

        form = VideoSendFrame()
        form.set_resolution(size[1], size[0])
        form.set_frame_rate(_RATE)
        form.set_fourcc(FourCC.RGBA if has_alpha else FourCC.RGBX)
        try:
            self._sender = Sender(name, clock_video=False)
            self._sender.set_video_frame(form)
            self._sender.open()
        except Exception as error:
            raise SinkError(f"--ndi {name}: cannot be sent ({error}).") from error

    def send(self, pixels: np.ndarray) -> None:
        """Hand a picture to NDI, which copies it."""
        self._sender.write_video(pixels.reshape(-1))

    def close(self) -> None:
        """Leave the network."""
        self._sender.close()
