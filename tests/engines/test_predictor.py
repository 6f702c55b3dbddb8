"""What a predictor is shown of a picture, and what a broken one is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.errors import EngineLoadError
from engines.predictor import Predictor, predictor_view
from tests.small_frame import small_frame


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((480, 640), 1, (320, 432)),
        ((640, 480), 1, (432, 320)),
        ((480, 640), 0.5, (160, 208)),
        ((480, 640), 2, (640, 848)),
        ((100, 1000), 1, (320, 640)),
        ((1000, 10), 1, (640, 320)),
        ((1, 1), 1, (320, 320)),
        ((1, 900), 2, (640, 1280)),
    ],
)
def test_the_view_has_its_short_side_and_whole_cells(size, scale, expected):
    view = predictor_view(small_frame(*size), scale)
    assert view.shape == (*expected, 3) and view.dtype == np.uint8


def test_borders_and_the_ends_of_long_pictures_are_not_seen():
    picture = np.zeros((100, 400, 3), np.uint8)
    picture[4:96, 108:292] = 200
    assert (predictor_view(picture) == 200).all()


def test_a_fine_pattern_becomes_grey_where_it_cannot_be_seen():
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(predictor_view(stripes).astype(int)) < 16


@pytest.mark.parametrize("content", [None, b"no model"])
def test_a_broken_one_is_said(content: bytes | None, tmp_path: Path):
    path = tmp_path / "predictor.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineLoadError, match="Install Livebrush again"):
        Predictor(path)
