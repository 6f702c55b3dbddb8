"""A folder of pictures as a slide show, each fitted into the frame."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

import numpy as np

from engines.errors import SourceError
from realtime.live.capture_format import CaptureFormat
from realtime.live.live_source import PATH
from realtime.live.paced import Paced
from realtime.media.reading.picture_files import open_picture
from realtime.timing import Clock

ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
    *(".heic", ".heif", ".hif", ".avif", ".tga", ".jp2", ".ppm"),
)
SHOWN_S = 4.0
# A picture that stands still is painted on, so that fades go on, but not at a camera's rate.
_FPS = 10.0


class ImageFolder(Paced):
    """The pictures of ``folder`` in the order of their names, upright, ``SHOWN_S`` each.

    ``size``: (height, width) of the frames. ``loop``: for ever. A file that is no picture is left
    out, and ``warning`` names it.
    """

    summary = "folder of pictures"
    precedence = PATH

    def __init__(
        self, folder: Path, size: tuple[int, int], loop: bool = False, clock: Clock = time.monotonic
    ) -> None:
        super().__init__(_FPS, None, clock)
        self.name = folder.name or str(folder)
        self.expected_size = self._size = size
        self._folder, self._loop = folder, loop
        self._paths: list[Path] = []
        self._bad: set[Path] = set()
        self._shown: tuple[Path | None, np.ndarray] = (None, np.zeros((*size, 3), np.uint8))

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim a folder that is there."""
        return Path(text).is_dir()

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return a slide show in frames of the size that is wanted; the rate is its own."""
        return cls(Path(text), wanted.size, loop)

    def open(self) -> tuple[int, int]:
        """Read the first picture.

        Raises SourceError if there is none.
        """
        self._paths = sorted(
            path for path in self._folder.iterdir() if path.suffix.lower() in ENDINGS
        )
        if not self._turn_to(0):
            raise SourceError(
                f"{self._folder}: holds no picture that can be read ({', '.join(ENDINGS)})."
            )
        self._frames = None if self._loop else round(len(self._paths) * SHOWN_S * _FPS)
        return self._size

    def picture(self, index: int) -> np.ndarray:
        """Return the picture that is shown at frame ``index``, (H, W, 3) uint8 RGB."""
        self._turn_to(int(index / _FPS / SHOWN_S))
        return self._shown[1]

    @property
    def warning(self) -> str | None:
        """Which files are left out."""
        return (
            f"cannot be read: {', '.join(sorted(path.name for path in self._bad))}"
            if self._bad
            else None
        )

    def _turn_to(self, place: int) -> bool:
        """Show the picture at ``place``, or the next one that can be read.

        Returns False if there is none at all.
        """
        for step in range(len(self._paths)):
            path = self._paths[(place + step) % len(self._paths)]
            if path not in self._bad and (path == self._shown[0] or self._load(path)):
                return True
        return False

    def _load(self, path: Path) -> bool:
        from PIL import ImageOps

        try:
            with open_picture(path) as file:
                # A JPEG is decoded no larger than it is shown, whichever way up that is.
                file.draft("RGB", (max(self._size), max(self._size)))
                picture = ImageOps.pad(
                    ImageOps.exif_transpose(file).convert("RGB"), self._size[::-1]
                )
        except (SourceError, OSError, ValueError, SyntaxError, RuntimeError):
            self._bad.add(path)
            return False
        self._shown = (path, np.array(picture))
        return True
