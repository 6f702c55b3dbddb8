from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.config import StyleConfig
from training.targets import read_painting


@pytest.mark.parametrize(
    ("crop", "shape", "colour"),
    [
        ((0.0, 0.0, 1.0, 1.0), (60, 90), None),
        ((0.5, 0.0, 1.0, 0.5), (30, 45), 200),
        ((0.0, 0.5, 0.5, 1.0), (30, 45), 100),
    ],
)
def test_a_crop_of_a_painting_is_all_that_is_looked_at(
    tmp_path: Path, crop: tuple, shape: tuple[int, int], colour: int | None
):
    """Its size is the whole painting's: a crop does not make strokes broader."""
    picture = np.zeros((120, 180, 3), np.uint8)
    picture[60:, :90], picture[:60, 90:] = 200, 100
    cv2.imwrite(str(tmp_path / "ink.png"), picture)
    style = StyleConfig("ink", "ink.png", "Ink", "nobody", "", "none", "here", crop=crop)
    painting = read_painting(tmp_path, style, 60)
    assert painting.shape == (*shape, 3)
    if colour:
        assert (painting == colour).all()
