"""Says which row of the bundled network paints like a picture: any picture becomes a style."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from engines.carried import damaged, open_carried
from engines.errors import EngineRunError

PREDICTOR = Path(__file__).parent / "predictor.onnx"
SCALE_RANGE = (0.5, 2.0)
"""Of --style-scale: at 2 a picture is seen twice as large, and so each of its strokes."""
_SHORT_PX = 320  # of a picture at scale 1
_STEP_PX = 16
_BORDER = 0.04  # of frames, signatures and white edges, on each side
_LONGEST = 2  # times the short side; of longer ones the middle is taken


def predictor_view(picture: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """Return what a predictor is shown of ``picture``, both (H, W, 3) uint8 RGB, upright.

    The borders are cut off and of long pictures the ends; the short side is brought to 320 px times
    ``scale``, each side to a multiple of 16. Training shows its pictures in the same way.
    """
    from PIL import Image

    height, width = picture.shape[:2]
    low, left = int(height * _BORDER), int(width * _BORDER)
    height, width = height - 2 * low, width - 2 * left
    kept_h, kept_w = min(height, _LONGEST * width), min(width, _LONGEST * height)
    low, left = low + (height - kept_h) // 2, left + (width - kept_w) // 2
    factor = _SHORT_PX * scale / min(kept_h, kept_w)
    sides = [max(1, round(side * factor / _STEP_PX)) * _STEP_PX for side in (kept_w, kept_h)]
    # Cut out first: given a box, Pillow would mix in what lies around it.
    kept = np.ascontiguousarray(picture[low : low + kept_h, left : left + kept_w])
    return np.asarray(Image.fromarray(kept).resize((sides[0], sides[1]), Image.Resampling.BICUBIC))


class Predictor:
    """The predictor that ships, or another file of its kind. One thread.

    Raises EngineUnavailable without ONNX Runtime, EngineLoadError for a file that is damaged or
    missing.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or PREDICTOR
        self._session, content = open_carried(path, "a picture as a style")
        try:
            self.network: str = self._session.get_modelmeta().custom_metadata_map["network"]
            """The hash of the network that its rows are for."""
        except KeyError as error:
            raise damaged(path, error) from error
        self._hash = hashlib.sha256(content).digest()

    def predict(self, view: np.ndarray) -> np.ndarray:
        """Return the row, (R,) float32, of what ``predictor_view`` gave. Raises EngineRunError."""
        try:
            (rows,) = self._session.run(["row"], {"picture": view[None]})
        except Exception as error:
            raise EngineRunError(f"a picture could not be made a style: {error}") from error
        row: np.ndarray = rows[0]
        return row

    def digest(self, view: np.ndarray) -> str:
        """Return a hash of this predictor and of ``view``: the same where the row is."""
        content = self._hash + str(view.shape).encode() + view.tobytes()
        return hashlib.sha256(content).hexdigest()
