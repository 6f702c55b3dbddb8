"""Runs the networks that find people and faces: small ones, on one core beside the painting."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engines.carried import open_carried
from engines.errors import EngineRunError

PERSON_SIZE = (144, 256)
"""(height, width) of the picture that ``person`` looks at."""
FACE_SIZE = (128, 128)
_FOLDER = Path(__file__).parent
# The two grids of places at which ``face`` looks for faces: cells a side, and how many times each.
_FACE_GRIDS = ((16, 2), (8, 6))


class PeopleNetwork:
    """One of the networks that lie beside this file: "person" or "face". One thread.

    Raises EngineUnavailable without ONNX Runtime, EngineLoadError for a file that is damaged.
    """

    def __init__(self, name: str) -> None:
        path = _FOLDER / f"{name}.onnx"
        self._session, _ = open_carried(path, "finding people")
        self._input = self._session.get_inputs()[0].name

    def run(self, picture: np.ndarray) -> list[np.ndarray]:
        """Return what the network finds in (H, W, 3) float32; its outputs without the batch.

        Raises EngineRunError.
        """
        try:
            found: list[np.ndarray] = self._session.run(None, {self._input: picture[None]})
        except Exception as error:
            raise EngineRunError(f"finding people failed: {error}") from error
        return [output[0] for output in found]


def find_person(network: PeopleNetwork, picture: np.ndarray) -> np.ndarray:
    """Return where a person is in (144, 256, 3) uint8 RGB: (144, 256) float32, 0..1."""
    (found,) = network.run(picture.astype(np.float32) * np.float32(1 / 255))
    person: np.ndarray = np.clip(found[..., 0], 0, 1)
    return person


def find_faces(network: PeopleNetwork, picture: np.ndarray, least: float = 0.5) -> np.ndarray:
    """Return faces in (128, 128, 3) uint8 RGB: (N, 4) float32 of middle and size.

    They are x, y, width, height as shares of the picture, of all that are at least ``least`` sure;
    one face is there several times.
    """
    boxes, sureness = network.run(picture.astype(np.float32) * np.float32(2 / 255) - 1)
    sure = 1 / (1 + np.exp(-np.clip(sureness[:, 0], -80, 80))) >= least
    found = boxes[sure, :4] / np.float32(FACE_SIZE[0])
    found[:, :2] += _face_places()[sure]
    return found


def _face_places() -> np.ndarray:
    """Return the middles of the cells of ``_FACE_GRIDS`` in the network's order, (896, 2)."""
    places = []
    for side, times in _FACE_GRIDS:
        middles = (np.arange(side, dtype=np.float32) + 0.5) / side
        y, x = np.meshgrid(middles, middles, indexing="ij")
        places.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), times, axis=0))
    return np.concatenate(places)
