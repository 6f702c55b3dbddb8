"""Pictures of the moment: the frame and its painting as PNG files, without any text on them,
written beside the show.
"""

from __future__ import annotations

import itertools
import queue
import threading
from datetime import datetime
from pathlib import Path

import numpy as np

_WAITING = 8


class Snapshots:
    """Saves into ``folder`` on a thread of its own.

    ``answers`` collects one line per snapshot for the user.
    """

    def __init__(self, folder: Path) -> None:
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._folder = folder
        self._jobs: queue.Queue = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None

    def take(self, frame: np.ndarray, painting: np.ndarray, label: str) -> None:
        """Save two pictures of (H, W, 3) uint8 RGB; neither may be changed afterwards.

        Returns at once.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="snapshots", daemon=True)
            self._thread.start()
        try:
            self._jobs.put_nowait((frame, painting, label))
        except queue.Full:
            self.answers.put("too many snapshots at once: this one is left out")

    def close(self) -> None:
        """Finish what was asked for, waiting at most two seconds."""
        if self._thread:
            self._jobs.put(None)
            self._thread.join(2.0)

    def _write_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self.answers.put(f"saved {save_snapshot(self._folder, *job).name}")
            except OSError as error:
                self.answers.put(f"snapshot not saved: {error.strerror}")


def save_snapshot(folder: Path, frame: np.ndarray, painting: np.ndarray, label: str) -> Path:
    """Write livebrush-LABEL-TIME.png and livebrush-LABEL-TIME-original.png under names that are
    still free.

    Returns the painting's path. Raises OSError if they cannot be written; a file that was begun is
    removed.
    """
    stem = f"livebrush-{label}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in itertools.count(1):
        name = stem if number == 1 else f"{stem}-{number}"
        path, original = folder / f"{name}.png", folder / f"{name}-original.png"
        if path.exists() or original.exists():
            continue
        _write_new(original, frame)
        _write_new(path, painting)
        return path


def _write_new(path: Path, pixels: np.ndarray) -> None:
    import cv2

    with path.open("xb") as file:
        try:
            file.write(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1])
        except BaseException:
            path.unlink(missing_ok=True)
            raise
