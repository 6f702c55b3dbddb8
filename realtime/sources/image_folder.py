"""A folder of pictures as a slide show, each fitted into the frame: what ``--source FOLDER`` means."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from engines.errors import SourceError
from realtime.frame import Frame
from realtime.sources.live_source import LiveSource
from realtime.timing import Clock

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SHOWN_S = 4.0
_FPS = 10.0  # a picture that stands still is painted on, so that fades go on, but not at a camera's rate


class ImageFolder(LiveSource):
    """The pictures of ``folder`` by name, upright, ``SHOWN_S`` each, in frames of (height, width) ``size``; ``loop``: for ever.

    A file that is no picture is left out, and ``warning`` names it.
    """

    def __init__(self, folder: Path, size: tuple[int, int], loop: bool = False, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self.name = folder.name or str(folder)
        self.expected_size = size
        self._folder, self._size, self._loop, self._clock = folder, size, loop, clock
        self._paths: list[Path] = []
        self._bad: set[Path] = set()
        self._shown: tuple[Path | None, np.ndarray] = (None, np.zeros((*size, 3), np.uint8))
        self._next = 0
        self._start_s: float | None = None
        self._stop = threading.Event()

    def open(self) -> tuple[int, int]:
        self._paths = sorted(path for path in self._folder.iterdir() if path.suffix.lower() in ENDINGS)
        if not self._paths or self._turn_to(0) is None:
            raise SourceError(f"{self._folder}: holds no picture that can be read ({', '.join(ENDINGS)}).")
        return self._size

    def read(self, timeout_s: float) -> Frame | None:
        if self.finished:
            return None
        if self._start_s is None:
            self._start_s = self._clock()
        due_s = self._start_s + self._next / _FPS
        wait_s = due_s - self._clock()
        if wait_s > 0 and (self._stop.wait(min(wait_s, timeout_s)) or self._clock() < due_s):
            return None
        index = max(self._next, int((self._clock() - self._start_s) * _FPS + 1e-9))
        self._next = index + 1
        if not self._loop and self._place(index) >= len(self._paths):
            return None
        started_s = time.perf_counter()
        pixels = self._turn_to(self._place(index))
        self.busy.add((time.perf_counter() - started_s) * 1000)
        return None if pixels is None else Frame(pixels, index, captured_s=self._start_s + index / _FPS)

    def close(self) -> None:
        self._stop.set()

    @property
    def finished(self) -> bool:
        return self._stop.is_set() or (not self._loop and self._place(self._next) >= len(self._paths))

    @property
    def warning(self) -> str | None:
        return f"cannot be read: {', '.join(sorted(path.name for path in self._bad))}" if self._bad else None

    def _place(self, index: int) -> int:
        return int(index / _FPS / SHOWN_S)

    def _turn_to(self, place: int) -> np.ndarray | None:
        """The picture at ``place``, or the next one that can be read; None if there is none at all."""
        for step in range(len(self._paths)):
            path = self._paths[(place + step) % len(self._paths)]
            if path not in self._bad and (path == self._shown[0] or self._load(path)):
                return self._shown[1]
        return None

    def _load(self, path: Path) -> bool:
        from PIL import Image, ImageOps

        try:
            with Image.open(path) as file:
                picture = ImageOps.pad(ImageOps.exif_transpose(file).convert("RGB"), self._size[::-1])
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            self._bad.add(path)
            return False
        self._shown = (path, np.array(picture))
        return True
