"""Says which colours pictures get in the grade of another: any picture is one to be graded by."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np

from engines.carried import open_carried
from engines.errors import EngineRunError

GRADE = Path(__file__).parent / "grade.onnx"
VIEW = (18, 24)
"""(height, width) at which pictures are looked at, whatever shape they have."""
CODE = 105
"""So many numbers say how a picture is graded."""


_STEEPEST = 1.5  # levels of a result to one of a frame; steps are seen beyond two
_LEAST_CHANGE = 1e-4
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEAST_SEEN = 0.02  # of a view; less is not enough to go by
_NOTHING, _NO_COLOUR = np.zeros(CODE, np.float32), np.zeros((1, 3), np.float32)
_NO_VIEW = np.zeros((*VIEW, 3), np.uint8)


def grade_view(picture: np.ndarray, part: np.ndarray | None = None) -> np.ndarray:
    """Return what the network is shown of ``picture``: (*VIEW, 3) of (H, W, 3), uint8 RGB both.

    part: (H, W) uint8, 255 where the picture is to be seen; the rest gets the mean colour of that.
    Where it is hardly anywhere, all is seen.
    """
    view = _small(picture)
    if part is None:
        return view
    seen = _small(part) > 127
    if seen.mean() < _LEAST_SEEN:
        return view
    mean = np.rint(view[seen].mean(0)).astype(np.uint8)
    return np.where(seen[..., None], view, mean)


def _small(pixels: np.ndarray) -> np.ndarray:
    from PIL import Image

    image = Image.fromarray(pixels)
    return np.asarray(image.resize(VIEW[::-1], Image.Resampling.BOX, reducing_gap=2.0))


class GradeNetwork:
    """The network that ships, or another file of its kind. One thread.

    Raises EngineUnavailable without ONNX Runtime, EngineLoadError for a file that is damaged or
    missing.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or GRADE
        otherwise = "   (a .cube file needs none)"
        self._session, content = open_carried(path, "a grade by a picture", otherwise)
        self.digest = hashlib.sha256(content).hexdigest()
        """A hash of its file."""

    def reference_code(self, view: np.ndarray) -> np.ndarray:
        """Return the code, (CODE,) float32, of a picture to be graded by, as ``grade_view`` gave.

        Raises EngineRunError.
        """
        return self._run(view, _NOTHING, _NOTHING, _NO_COLOUR)[1]

    def content_code(self, view: np.ndarray) -> np.ndarray:
        """Return the code, (CODE,) float32, of a picture to be graded, as ``grade_view`` gave.

        The length of the difference of two is what they change of colours, as a root of the mean
        square over these, of 0..1 each channel. Raises EngineRunError.
        """
        return self._run(view, _NOTHING, _NOTHING, _NO_COLOUR)[0]

    def bake(self, content: np.ndarray, reference: np.ndarray, size: int) -> np.ndarray:
        """Return the colour table for pictures of one code, to be graded by another.

        It is (size, size, size, 3) float32, 0..1, blue first, red last; greys rise, and nowhere is
        it too steep. Raises EngineRunError.
        """
        colours = grid(size)
        flat = self._run(_NO_VIEW, content, reference, colours.reshape(-1, 3), gain=0.0)[2]
        return _limited(flat.reshape(colours.shape))

    def _run(
        self,
        view: np.ndarray,
        content: np.ndarray,
        reference: np.ndarray,
        colours: np.ndarray,
        gain: float = 1.0,
    ) -> list[np.ndarray]:
        """Return the code of the content, which goes from ``content`` to the view's by ``gain``.

        And the view's code as a reference, and ``colours`` graded by both.
        """
        inputs = {
            "picture": view[None],
            "content": content[None],
            "gain": np.array([gain], np.float32),
            "reference": reference[None],
            "colours": colours,
        }
        try:
            now, code, graded = self._session.run(["now", "code", "graded"], inputs)
        except Exception as error:
            raise EngineRunError(f"a grade could not be made ({error}).") from error
        return [now[0], code[0], graded]


def _limited(table: np.ndarray) -> np.ndarray:
    """Return ``table`` with greys that rise, and nowhere so steep that steps are seen.

    It is midway between the highest table below and the lowest one above that are nowhere steeper,
    neither along a channel nor along the greys: the nearest there is, and the same where none was.
    """
    table, most = _rising(table), np.float32(_STEEPEST / (len(table) - 1))
    below, above = table.copy(), -table
    for sides in (below, above):
        _hold_down(sides, most)
    kept: np.ndarray = (below - above) / 2
    return kept


def _hold_down(table: np.ndarray, most: np.float32) -> None:
    """Lower ``table`` in place until no neighbour is higher than another by more than ``most``."""
    for axis in range(3):
        for along in (np.moveaxis(table, axis, 0), np.moveaxis(table, axis, 0)[::-1]):
            for before, here in pairwise(along):
                np.minimum(here, before + most, out=here)
    for along in (table, table[::-1, ::-1, ::-1]):
        for before, here in pairwise(along):
            np.minimum(here[1:, 1:], before[:-1, :-1] + most, out=here[1:, 1:])


def _rising(table: np.ndarray) -> np.ndarray:
    """Return ``table`` with greys that rise, and not too steeply.

    What that changes of greys is changed of all colours as light.
    """
    along = np.arange(len(table))
    greys, middle = table[along, along, along], len(table) // 2
    steps = np.diff(greys, axis=0).clip(0, _STEEPEST / (len(table) - 1))
    limited = np.concatenate([np.zeros((1, 3), np.float32), steps.cumsum(0)])
    change = limited - limited[middle] + greys[middle] - greys
    if not np.abs(change).max() > _LEAST_CHANGE:
        return table
    light = (grid(len(table)) @ _LUMA) * (len(table) - 1)
    changes = [np.interp(light, along, change[:, channel]) for channel in range(3)]
    kept: np.ndarray = np.clip(table + np.stack(changes, -1), 0, 1).astype(np.float32)
    return kept


def grid(size: int) -> np.ndarray:
    """Return the table that changes nothing: (size, size, size, 3) float32, blue first."""
    steps = np.linspace(0, 1, size, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    return np.stack([red, green, blue], axis=-1)
