from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from engines.networks import build_network
from tests.small_frame import small_frame
from tests.small_network import CONFIG
from training import preview
from training.preview import save_preview, stylise_photo


def test_previews_are_painted_at_the_lines_that_the_network_is_made_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = []
    monkeypatch.setattr(
        preview, "stylise_photo", lambda network, photo, *of: seen.append(photo.shape) or photo
    )
    cv2.imwrite(str(tmp_path / "photo.png"), small_frame(60, 80))
    network = build_network("fast", 2, **CONFIG)
    save_preview(tmp_path / "sheet.jpg", network, [tmp_path / "photo.png"], ["a", "b"], 64)
    assert seen == [(480, 480, 3)] * 2
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape == (64, 3 * 64, 3)


def test_photos_are_painted_from_the_same_canvas_at_the_strength_asked_for():
    torch.manual_seed(0)
    network = build_network("fast", 2, **CONFIG)
    with torch.no_grad():
        network.rows.normal_(0, 0.3)
    photo = small_frame(33, 47)
    one, same, none = (stylise_photo(network, photo, 1, 2, s) for s in (1.0, 1.0, 0.0))
    assert one.shape == photo.shape and one.dtype == np.uint8
    np.testing.assert_array_equal(one, same)
    assert np.abs(one.astype(int) - none).mean() > 1
    assert network.training
