"""Writes one painted picture as PNG or JPEG."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from engines.errors import SinkError
from realtime.frame import FileFrame
from realtime.media.writing.pending_file import PendingFile

PICTURES = (".png", ".jpg", ".jpeg")
JPEG_QUALITY = 95


class PictureOutput:
    """The painted version of a picture at ``path``, with the ICC profile that its colours are meant
    in.

    One ``write``, then ``finish`` or ``discard``. Raises SinkError.
    """

    def __init__(self, path: Path, profile: bytes | None = None) -> None:
        self.notes: list[str] = []
        self.frames = self.resumed = 0
        self._file, self._profile = PendingFile(path), profile

    def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
        """pixels: (H, W, 3) uint8 RGB; the frame's alpha is kept in PNG.

        Raises SinkError for a second frame: a picture holds one.
        """
        if self.frames:
            raise SinkError(
                f"{self._file.path}: a picture cannot hold a video; use -o with .mp4, .mkv, .mov or .webm."
            )
        self.frames = 1
        try:
            encoded = encode_picture(
                self._with_alpha(pixels, frame.alpha), self._file.path.suffix, self._profile
            )
            self._file.temporary.write_bytes(encoded)
        except OSError as error:  # Pillow's, as of a JPEG wider than 65500, has no strerror
            raise SinkError(
                f"{self._file.path}: cannot be written ({error.strerror or error})."
            ) from error

    def _with_alpha(self, pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        if alpha is None or alpha.shape != pixels.shape[:2]:  # side by side the input stands beside
            return pixels
        if self._file.path.suffix.lower() != ".png":
            self.notes.append(
                "transparent places are painted on white: JPEG has no transparency, .png keeps it."
            )
            return pixels
        return np.dstack([pixels, alpha])

    def finish(self, _last_duration: int, name: Path | None = None) -> Path:
        """Put the file under its name, or under ``name`` in the same folder, and return that."""
        return self._file.commit(name)

    def discard(self) -> int:
        """Leave nothing; 0 frames are kept for --resume. Harmless after ``finish``."""
        self._file.discard()
        return 0


def encode_picture(pixels: np.ndarray, suffix: str, profile: bytes | None = None) -> bytes:
    """(H, W, 3) uint8 RGB, or RGBA for PNG, as the bytes of a file with this ending, one of
    ``PICTURES``.
    """
    from PIL import Image

    encoded = io.BytesIO()
    if suffix.lower() == ".png":
        Image.fromarray(pixels).save(encoded, "png", icc_profile=profile)
    else:
        Image.fromarray(pixels).save(
            encoded, "jpeg", icc_profile=profile, quality=JPEG_QUALITY, subsampling=0
        )
    return encoded.getvalue()
