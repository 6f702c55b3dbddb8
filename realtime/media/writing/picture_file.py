"""Writes one painted picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import SinkError
from realtime.frame import FileFrame
from realtime.media.format_registry import PICTURE_FORMATS
from realtime.media.writing.pending_file import PendingFile
from realtime.media.writing.segments import Resume
from realtime.picture.gpu.tensors import on_host

if TYPE_CHECKING:
    from realtime.frame import Pixels


class PictureOutput:
    """The painted version of a picture at ``path``, one of ``PICTURE_FORMATS``.

    ``profile``: the ICC profile that its colours are meant in. One ``write``, then ``finish`` or
    ``discard``. Raises SinkError.
    """

    frames: int
    """How many have been written."""

    resume: Resume
    """Nothing to go on from: a picture is painted at once."""

    notes: list[str]
    """Lines that the user should see."""

    def __init__(self, path: Path, profile: bytes | None = None) -> None:
        self.notes = []
        self.frames = 0
        self.resume = Resume()
        self._format = PICTURE_FORMATS[path.suffix.lower()]
        self._file, self._profile = PendingFile(path), profile

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Write ``pixels``, (H, W, 3) uint8 RGB, with the frame's alpha where the format keeps it.

        Raises SinkError for a second frame: a picture holds one.
        """
        path = self._file.path
        if self.frames:
            raise SinkError(
                f"{path}: a picture cannot hold a video; use -o with .mp4, .mkv, .mov or .webm."
            )
        self.frames = 1
        try:
            picture = self._add_alpha(on_host(pixels), frame.alpha)
            encoded = self._format.encode(picture, self._profile)
            self._file.temporary.write_bytes(encoded)
        except OSError as error:  # Pillow's, as of a JPEG wider than 65500, has no strerror
            raise SinkError(f"{path}: cannot be written ({error.strerror or error}).") from error

    def finish(self, _last_duration: int, name: Path | None = None) -> Path:
        """Put the file under its name, or under ``name`` in the same folder, and return that."""
        return self._file.commit(name)

    def discard(self) -> int:
        """Leave nothing; 0 frames are kept for --resume. Harmless after ``finish``."""
        self._file.discard()
        return 0

    def _add_alpha(self, pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
        if pixels.shape[2] == 4:
            pixels, alpha = pixels[..., :3], pixels[..., 3]
        if alpha is None or alpha.shape != pixels.shape[:2]:  # side by side the input stands beside
            return pixels
        if self._format.keeps_alpha:
            return np.dstack([pixels, alpha])
        self.notes.append(
            f"transparent places are painted on white: {self._format.name} has no transparency, "
            ".png keeps it."
        )
        return pixels


def encode_picture(pixels: np.ndarray, suffix: str, profile: bytes | None = None) -> bytes:
    """Return the bytes of a file with this ending, one of ``PICTURE_FORMATS``.

    ``pixels``: (H, W, 3) uint8 RGB, or RGBA where the format keeps transparency. Raises OSError
    for what it cannot hold.
    """
    return PICTURE_FORMATS[suffix.lower()].encode(pixels, profile)
