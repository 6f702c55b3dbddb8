"""Pictures of the moment: the frame and its painting as PNG files, without any text on them.

They are written beside the show.
"""

from __future__ import annotations

import itertools
import queue
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

_WAITING = 8


@dataclass(frozen=True)
class _Job:
    """A frame and its painting, (H, W, 3) uint8 RGB, and the name of its look."""

    frame: np.ndarray
    painting: np.ndarray
    label: str


class Snapshots:
    """Saves into ``folder`` on a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        """One line per snapshot for the user."""
        self._folder = folder
        self._jobs: queue.Queue[_Job | None] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None

    def take(self, frame: np.ndarray, painting: np.ndarray, label: str) -> None:
        """Save two pictures of (H, W, 3) uint8 RGB; neither may be changed afterwards.

        Returns at once.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="snapshots", daemon=True)
            self._thread.start()
        try:
            self._jobs.put_nowait(_Job(frame, painting, label))
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
                path = save_snapshot(self._folder, job.frame, job.painting, job.label)
                self.answers.put(f"saved {path.name} in {path.absolute().parent}")
            except OSError as error:
                self.answers.put(f"snapshot not saved: {error.strerror}")


def save_snapshot(folder: Path, frame: np.ndarray, painting: np.ndarray, label: str) -> Path:
    """Write livebrush-LABEL-TIME.png and livebrush-LABEL-TIME-original.png.

    Names that are taken get a number. Returns the painting's path. Raises OSError if they cannot be
    written; a file that was begun is removed.
    """
    stem = f"livebrush-{label}-{datetime.now():%Y%m%d-%H%M%S}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    path, original = next(
        (path, original)
        for path, original in (
            (folder / f"{name}.png", folder / f"{name}-original.png") for name in names
        )
        if not path.exists() and not original.exists()
    )
    _write_new(original, frame)
    _write_new(path, painting)
    return path


def _write_new(path: Path, pixels: np.ndarray) -> None:
    import cv2

    with path.open("xb") as file:
        try:
            file.write(cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
