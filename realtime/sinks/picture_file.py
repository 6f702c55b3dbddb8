"""Writes one painted picture as PNG or JPEG."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.errors import SinkError
from realtime.frame import Frame
from realtime.sinks.pending_file import PendingFile

PICTURES = (".png", ".jpg", ".jpeg")


class PictureOutput:
    """The painted version of a picture at ``path``. One ``write``, then ``finish`` or ``discard``. Raises SinkError."""

    def __init__(self, path: Path) -> None:
        self.notes: list[str] = []
        self.frames = self.resumed = 0
        self._file = PendingFile(path)

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """pixels: (H, W, 3) uint8 RGB; the frame's alpha is kept in PNG. Raises SinkError for a second frame: a picture holds
        one."""
        if self.frames:
            raise SinkError(f"{self._file.path}: a picture cannot hold a video; use -o with .mp4, .mkv, .mov or .webm.")
        self.frames = 1
        try:
            self._file.temporary.write_bytes(encode_picture(self._with_alpha(pixels, frame.alpha), self._file.path.suffix))
        except OSError as error:
            raise SinkError(f"{self._file.path}: cannot be written ({error.strerror}).") from error

    def _with_alpha(self, pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        if alpha is None or alpha.shape != pixels.shape[:2]:  # side by side the input stands beside
            return pixels
        if self._file.path.suffix.lower() != ".png":
            self.notes.append("transparent places are painted on white: JPEG has no transparency, .png keeps it.")
            return pixels
        return np.dstack([pixels, alpha])

    def finish(self, name: Path | None = None) -> Path:
        """Put the file under its name, or under ``name`` in the same folder, and return that."""
        return self._file.commit(name)

    def discard(self) -> int:
        """Leave nothing; 0 frames are kept for --resume. Harmless after ``finish``."""
        self._file.discard()
        return 0


def encode_picture(pixels: np.ndarray, suffix: str) -> bytes:
    """(H, W, 3) uint8 RGB, or RGBA for PNG, as the bytes of a file with this ending, one of ``PICTURES``."""
    import av

    png = suffix.lower() == ".png"
    encoder = av.CodecContext.create("png" if png else "mjpeg", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    pixel_format = "rgba" if pixels.shape[2] == 4 else "rgb24"
    encoder.pix_fmt = pixel_format if png else "yuvj444p"
    encoder.time_base = Fraction(1, 25)  # a picture has no time, but the encoder asks for one
    if not png:
        encoder.qmin = encoder.qmax = 2  # the finest; the default draws blocks
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), pixel_format)
    return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))
