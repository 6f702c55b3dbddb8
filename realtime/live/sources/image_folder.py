"""A folder of pictures as a slide show, each fitted into the frame: what ``--source FOLDER`` means."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from engines.errors import SourceError
from realtime.live.sources.paced import Paced
from realtime.timing import Clock

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SHOWN_S = 4.0
_FPS = 10.0  # a picture that stands still is painted on, so that fades go on, but not at a camera's rate


class ImageFolder(Paced):
    """The pictures of ``folder`` by name, upright, ``SHOWN_S`` each, in frames of (height, width)
    ``size``; ``loop``: for ever.

    A file that is no picture is left out, and ``warning`` names it.
    """

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

    def open(self) -> tuple[int, int]:
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
        self._turn_to(int(index / _FPS / SHOWN_S))
        return self._shown[1]

    @property
    def warning(self) -> str | None:
        return (
            f"cannot be read: {', '.join(sorted(path.name for path in self._bad))}"
            if self._bad
            else None
        )

    def _turn_to(self, place: int) -> bool:
        """Show the picture at ``place``, or the next one that can be read; False if there is none
        at all.
        """
        for step in range(len(self._paths)):
            path = self._paths[(place + step) % len(self._paths)]
            if path not in self._bad and (path == self._shown[0] or self._load(path)):
                return True
        return False

    def _load(self, path: Path) -> bool:
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as file:
                picture = ImageOps.pad(
                    ImageOps.exif_transpose(file).convert("RGB"), self._size[::-1]
                )
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            self._bad.add(path)
            return False
        self._shown = (path, np.array(picture))
        return True
