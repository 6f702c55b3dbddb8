"""Training of a style from a painting that a page has brought: seen while it goes on, and kept.

PyTorch is not known here: the training is a program of its own, like all that paints.
"""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from engines.atomic_write import atomic_write
from engines.errors import ModelError, SinkError, UsageError, printable
from engines.folders import cache_dir
from engines.install import install_line
from engines.style import MAX_TEXT
from engines.style_row import ENDING, read_row
from realtime.media.reading.style_pictures import read_uploaded
from realtime.media.writing.picture_file import encode_picture
from realtime.web.studio.lane import Lane, Work
from realtime.web.studio.own_styles import OwnStyles
from realtime.web.studio.programs import Outcome, Progress, lesson_command, read_lesson

MINUTES = (3, 6, 15)
"""Among which a page chooses."""
_NEEDS = ("torch", "matplotlib", "scipy", "skimage", "yaml")
_VGG = "vgg16-397923af.pth"  # as training.vgg downloads it
_PAINTING, _ROW, _PREVIEW = "painting.png", f"style{ENDING}", "preview.jpg"


@dataclass
class Lesson:
    """A style that is being trained, or was."""

    title: str
    minutes: int
    state: Literal["running", "done", "failed"] = "running"
    done: float = 0.0
    """0..1"""
    words: str = ""
    """How far it is, or why it has failed, for people."""


class Lessons:
    """Trains one style at a time in ``folder``. Methods: from any thread.

    own: where it is kept. vgg: the weights of VGG16, None: downloaded. A server that ends gives it
    up.
    """

    def __init__(self, folder: Path, own: OwnStyles, vgg: Path | None = None) -> None:
        self._folder, self._own, self._vgg = folder, own, vgg
        self._lesson: Lesson | None = None
        self._begun = False
        self._changed = threading.Condition(threading.RLock())
        shutil.rmtree(folder, ignore_errors=True)
        self._lane = Lane("studio training", self._changed, self._choose)

    def begin_close(self) -> None:
        """Tell the training to end."""
        self._lane.begin_close()

    def close(self) -> None:
        """End the training, and keep nothing of it."""
        self._lane.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def begin(self, content: bytes, title: str, minutes: int) -> None:
        """Train on the picture that ``content`` is the file of.

        Raises UsageError where that cannot be, SourceError for what is no picture, SinkError.
        """
        if refusal := training_refusal():
            raise UsageError(refusal)
        if minutes not in MINUTES:
            raise UsageError(f"minutes: {', '.join(map(str, MINUTES))}, not {minutes}.")
        picture = encode_picture(read_uploaded(content), ".png")
        with self._changed:
            if self._lesson is not None:
                raise UsageError("another style is being trained: keep it, or give it up.")
            try:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                with atomic_write(self._folder / _PAINTING) as written:
                    written.write_bytes(picture)
            except OSError as error:
                raise SinkError(f"{self._folder}: cannot be written ({error.strerror}).") from error
            title = printable(title).strip()[:MAX_TEXT] or "painting"
            self._lesson, self._begun = Lesson(title, minutes, words="starting"), False
            self._changed.notify_all()

    def keep(self) -> str:
        """End it, and keep what it has become so far; return the style's name. Raises KeyError."""
        with self._changed:
            lesson = self._lesson
            if lesson is None or not (self._folder / _ROW).exists():
                raise KeyError("nothing is trained yet")
            lesson.state = "done"  # whatever the program says of being ended
        self._stop()
        try:
            name = self._own.add(read_row(self._folder / _ROW), lesson.title)
        except ModelError as error:
            raise UsageError(f"{lesson.title}: cannot be kept ({error})") from error
        self.cancel()
        return name

    def cancel(self) -> None:
        """Give it up, or put away what has ended."""
        self._stop()
        with self._changed:
            self._lesson = None
            shutil.rmtree(self._folder, ignore_errors=True)

    def preview(self) -> bytes | None:
        """Return the newest picture of how it comes along, a JPEG; None before the first."""
        with suppress(OSError):
            return (self._folder / _PREVIEW).read_bytes()
        return None

    def state(self) -> dict[str, Any]:
        """Return all that the page shows, JSON-ready."""
        with self._changed:
            lesson = self._lesson
            about: dict[str, Any] = {"refusal": training_refusal(), "minutes": MINUTES}
            about["downloads"] = self._vgg is None and not (cache_dir() / _VGG).exists()
            about["lesson"] = None
            if lesson is None:
                return about
            row = self._folder / _ROW
            shown = {"kept_at": row.stat().st_mtime_ns if row.exists() else 0}
            return {**about, "lesson": {**vars(lesson), **shown}}

    def _stop(self) -> None:
        with self._changed:
            self._begun = True  # so that it is not begun any more
        self._lane.stop(lambda _: True)

    def _choose(self) -> Work | None:
        lesson = self._lesson
        if lesson is None or self._begun:
            return None
        self._begun = True
        painting, row, preview = (self._folder / name for name in (_PAINTING, _ROW, _PREVIEW))
        command = lesson_command(painting, row, preview, lesson.minutes, self._vgg)
        return Work(
            "lesson", command, partial(_advance, lesson), partial(_end, lesson), read_lesson
        )


def training_refusal() -> str:
    """Return why nothing can be trained here, "" where it can."""
    if any(not find_spec(name) for name in _NEEDS):
        return f"Training needs PyTorch and more: {install_line('train')}"
    return ""


def _advance(lesson: Lesson, progress: Progress) -> None:
    lesson.done, lesson.words = max(lesson.done, progress.done), progress.words


def _end(lesson: Lesson, outcome: Outcome) -> None:
    if lesson.state != "running":
        return
    if outcome.code == 0:
        lesson.state, lesson.done = "done", 1.0
    else:
        lesson.state, lesson.words = "failed", outcome.problem
