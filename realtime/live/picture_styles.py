"""Pictures that become styles while a live run goes on: dropped, chosen, or held up to the camera.

They are read and made styles on a thread of their own; the picture goes on meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from engines.errors import LivebrushError, ModelError
from engines.folders import user_models_dir
from engines.grade import GradeNetwork
from engines.machine import step_back
from engines.model_file import kept_rows
from engines.predictor import Predictor
from engines.style_row import ENDING, StyleRow, write_row
from realtime.controls.desk import Desk
from realtime.media.reading.grades import find_person, grade_of
from realtime.media.reading.style_pictures import (
    distinct,
    free_name,
    open_predictor,
    read_style_picture,
    row_of,
)
from realtime.picture.grade import Grade
from realtime.picture.resample import Scaler
from realtime.picture.sizes import scaled
from realtime.stylizer import Stylizer

MOST_WAITING = 4
_KEPT_PX = 550  # of the short side, at scale 1: training looks at 490 within the borders
_NICENESS = 10  # of the thread: a large photo takes a core for half a second
MOST_STYLES = 100
"""From outside, in one run: beyond that nobody finds one of them any more."""


@dataclass(frozen=True)
class _Job:
    """What reads a picture, (H, W, 3) uint8 RGB, and what it is called."""

    read: Callable[[], np.ndarray]
    title: str
    scale: float
    is_grade: bool
    """Whether it is to be graded by, and no style."""


class PictureStyles:
    """Makes pictures styles of those that ``stylizer`` paints in.

    ``bring``, ``add``, ``keep`` and ``brought`` may be used from any thread, the rest from the one
    that owns the desk.
    """

    def __init__(self, stylizer: Stylizer, scale: float = 1.0) -> None:
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stylizer, self._scale = stylizer, scale
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._made: queue.SimpleQueue[tuple[StyleRow, np.ndarray | None]] = queue.SimpleQueue()
        self._pictures: dict[str, np.ndarray] = {}
        self._grades: queue.SimpleQueue[tuple[Grade, str]] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def bring(self, read: Callable[[], np.ndarray], title: str, is_grade: bool = False) -> bool:
        """Have what ``read`` gives made a style that is called like ``title``; return at once.

        is_grade: it becomes what frames are graded by instead.

        read: returns a picture, (H, W, 3) uint8 RGB, or raises LivebrushError; it is called on
        another thread. False where too many are waiting, or there are too many already.
        """
        if len(self._stylizer.models.rows) >= MOST_STYLES and not is_grade:
            return False
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._make_all, name="styles", daemon=True)
                self._thread.start()
        try:
            self._jobs.put_nowait(_Job(read, title, self._scale, is_grade))
        except queue.Full:
            return False
        return True

    def add(self, row: StyleRow) -> None:
        """Have a style that is made already put beside the others, and paint in it."""
        self._made.put((row, None))

    @property
    def brought(self) -> tuple[StyleRow, ...]:
        """The styles from outside, kept ones too, that this run can paint in."""
        return self._stylizer.models.rows

    def follow(self, desk: Desk) -> None:
        """Put the styles that are made by now beside the others, and paint in the newest.

        What could not be done is answered like any command.
        """
        for _ in range(self._answers.qsize()):
            desk.tell(self._answers.get())
        for _ in range(self._made.qsize()):
            (row, picture), models = self._made.get(), self._stylizer.models
            style = distinct(row.style, models.style_names)
            try:
                models.check_row(row)
            except ModelError as error:
                desk.tell(str(error))
                continue
            if picture is not None:
                self._pictures[style.name] = picture
            # First the stylizer, which must know what the desk names.
            self._stylizer.models = models.with_rows((*models.rows, replace(row, style=style)))
            desk.add_style(style)
        for _ in range(self._grades.qsize()):
            grade, title = self._grades.get()
            grade = replace(grade, name=free_name(grade.name, self._stylizer.grades))
            self._stylizer.grades = {**self._stylizer.grades, grade.name: grade}
            desk.take_grade(grade.name, title)

    def picture_of(self, name: str) -> Callable[[], np.ndarray] | None:
        """Return what gives the picture that the style ``name`` was made from, (H, W, 3) uint8 RGB.

        It may raise SourceError. None of what was made from none, or from one that is not known.
        """
        if (picture := self._pictures.get(name)) is not None:
            return lambda: picture
        row = next((row for row in self.brought if row.style.name == name), None)
        return partial(read_style_picture, Path(row.typed)) if row and row.is_of_picture else None

    def improve(self, row: StyleRow) -> None:
        """Paint in ``row`` from now on where its style is painted."""
        models = self._stylizer.models
        rows = (row if row.style.name == old.style.name else old for old in models.rows)
        self._stylizer.models = models.with_rows(rows)

    def keep(self, names: list[str]) -> None:
        """Save those of the styles ``names`` that came from outside, to be found by name."""
        folder = user_models_dir()
        kept = {row.digest for row in kept_rows()}
        rows = [row for row in self.brought if row.style.name in names]
        new = [row for row in rows if row.digest not in kept]
        if not new:
            self._answers.put("nothing to keep: what is painted is kept already")
        for row in new:
            taken = [path.stem for path in folder.glob(f"*{ENDING}")]
            path = folder / f"{free_name(row.style.name, taken)}{ENDING}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write_row(path, row)
            except OSError as error:
                self._answers.put(f"{path}: cannot be written ({error.strerror})")
                continue
            self._answers.put(f"kept: -s {path.stem} paints so from now on, in files too")

    def close(self) -> None:
        """Make no more, waiting at most two seconds."""
        if self._thread:
            while True:  # what waits is not made any more
                try:
                    self._jobs.get_nowait()
                except queue.Empty:
                    break
            self._jobs.put(None)
            self._thread.join(2.0)

    def _make_all(self) -> None:
        predictor: Predictor | None = None
        network: GradeNetwork | None = None
        step_back(_NICENESS)
        while (job := self._jobs.get()) is not None:
            try:
                if job.is_grade:
                    network = network or GradeNetwork()
                    picture = job.read()
                    grade = grade_of(picture, job.title, network, find_person(picture))
                    self._grades.put((grade, job.title))
                    continue
                predictor = predictor or open_predictor(self._stylizer.models.of_pictures)
                picture = job.read()
                row = row_of(picture, job.title, predictor, job.scale)
                self._made.put((row, _shrunk(picture, _KEPT_PX * job.scale)))
            except LivebrushError as error:
                self._answers.put(f"{job.title}: {error}")
            except Exception as error:  # noqa: BLE001 (what comes from outside ends here)
                self._answers.put(f"{job.title}: cannot be a style ({error})")


def _shrunk(picture: np.ndarray, short_px: float) -> np.ndarray:
    size = (picture.shape[0], picture.shape[1])
    return Scaler().resize(picture, scaled(size, min(1.0, short_px / min(size))))
