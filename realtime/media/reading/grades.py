"""Reads what frames are graded by: a picture, or a .cube file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from engines.errors import SourceError, UsageError
from engines.grade import GradeNetwork, grade_view
from realtime.media.cube import ENDING, read_cube
from realtime.media.reading.style_pictures import Say, name_of, read_still
from realtime.picture.grade import Grade
from realtime.picture.people import PeopleMasks
from realtime.picture.resample import Scaler

_LEAST_SPREAD = 16  # levels from the darkest to the lightest hundredth of the pixels


def read_grade(
    file: str,
    say: Say = lambda _: None,
    by_parts: bool = False,
    style_mask: Path | None = None,
) -> Grade:
    """Return the grade by ``file``, a picture or .cube.

    by_parts: people are told from what is behind them, by ``style_mask`` where that is given.
    ``say`` gets what a user may wonder at. Raises UsageError where there is no such file,
    SourceError for what frames cannot be graded by, EngineError where the network cannot be run.
    """
    path = Path(file)
    if not path.is_file():
        raise UsageError(
            f"-s grade:{file}: there is no such file. A grade is a picture or a .cube file: "
            "-s grade:sunset.jpg, or grade:sunset.jpg:0.5 for half of it."
        )
    if path.suffix.lower() == ENDING:
        table = read_cube(path)
        digest = hashlib.sha256(table.tobytes()).hexdigest()
        return Grade(grade_name(file), digest, np.empty(0, np.float32), table)
    try:
        picture = read_still(path, say)
        if not by_parts:
            return grade_of(picture, path.stem, GradeNetwork())
        mask = find_person(picture) if style_mask is None else _read_mask(style_mask, picture, say)
        return grade_of(picture, path.stem, GradeNetwork(), mask)
    except SourceError as error:
        known = str(error).startswith(file)
        raise SourceError(str(error) if known else f"{file}: {error}") from error


def grade_name(file: str) -> str:
    """Return what ``Look.grade`` calls the grade by ``file``."""
    return name_of(Path(file).stem)


def find_person(picture: np.ndarray) -> np.ndarray:
    """Return where people are in ``picture``, (H, W, 3) uint8 RGB: (H, W) uint8, 255 is wholly so.

    Raises EngineError.
    """
    people = PeopleMasks()
    try:
        return people.begin(picture, with_faces=False)().person
    finally:
        people.close()


def _read_mask(path: Path, picture: np.ndarray, say: Say) -> np.ndarray:
    mask = np.ascontiguousarray(read_still(path, say)[..., 1])
    return Scaler().resize(mask, (picture.shape[0], picture.shape[1]))


def grade_of(
    picture: np.ndarray, title: str, network: GradeNetwork, person: np.ndarray | None = None
) -> Grade:
    """Return the grade by ``picture``, (H, W, 3) uint8 RGB, named like its ``title``.

    person: (H, W) uint8, where people are; the grade has parts then, if there is enough of both.
    Raises SourceError for a picture without light and dark, EngineRunError.
    """
    grade = _grade_by(grade_view(picture), title, network)
    views = [] if person is None else [grade_view(picture, p) for p in (person, 255 - person)]
    if not views or any(np.array_equal(view, grade_view(picture)) for view in views):
        return grade
    try:
        one, two = (_grade_by(view, title, network) for view in views)
    except SourceError:  # a part of one colour
        return grade
    return replace(grade, parts=(one, two), digest=f"{grade.digest}{one.digest}{two.digest}")


def _grade_by(view: np.ndarray, title: str, network: GradeNetwork) -> Grade:
    darkest, lightest = np.percentile(view.reshape(-1, 3), (1, 99), axis=0)
    if (lightest - darkest).max() < _LEAST_SPREAD:
        what = "black" if lightest.max() < _LEAST_SPREAD else "of one colour"
        raise SourceError(
            f"is {what}: there is no light and dark to grade by. Take a photo of something, or a "
            "film's .cube file."
        )
    digest = hashlib.sha256(network.digest.encode() + view.tobytes()).hexdigest()
    return Grade(name_of(title), digest, network.reference_code(view))
