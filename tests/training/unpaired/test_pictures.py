"""What is learnt from and what is held out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.errors import UsageError
from tests.small_frame import small_frame
from training.unpaired.pictures import draw_crop, read_set


def write_pictures(folder: Path, count: int = 10, first: int = 0, colour: int = 0) -> Path:
    """Small pictures; ``colour`` is added to their red."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        picture = small_frame(80, 100, seed)
        picture[..., 0] = np.minimum(picture[..., 0].astype(int) + colour, 255)
        cv2.imwrite(str(folder / f"{seed:02}.png"), picture[:, :, ::-1])
    return folder


def test_one_in_five_is_held_out(tmp_path: Path):
    found = read_set(write_pictures(tmp_path / "a", 10), 64, print)
    assert (len(found.learnt), len(found.held)) == (8, 2)
    assert all(picture.shape == (64, 80, 3) for picture in found.learnt + found.held)


def test_broken_pictures_are_left_out_and_said(tmp_path: Path):
    folder, said = write_pictures(tmp_path / "a", 9), []
    (folder / "broken.jpg").write_bytes(b"no picture")
    found = read_set(folder, 64, said.append)
    assert len(found.learnt) + len(found.held) == 9
    assert "left out are 1 files" in said[0] and "broken.jpg" in said[0]


def test_of_very_many_some_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("training.unpaired.pictures._MOST_BYTES", 10 * 4 * 64**2)
    said: list[str] = []
    found = read_set(write_pictures(tmp_path / "a", 13), 64, said.append)
    assert len(found.learnt) + len(found.held) == 10 and "of 13 pictures 10 are taken" in said[0]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_too_few_are_refused(tmp_path: Path, count: int):
    with pytest.raises(UsageError, match=f"holds {count} pictures.*8 are the fewest"):
        read_set(write_pictures(tmp_path / "a", count), 64, print)


def test_crops_are_drawn_alike_for_a_seed_and_from_small_pictures_too(tmp_path: Path):
    pictures = [small_frame(80, 100, 1), small_frame(20, 300, 2)]
    for seed in range(8):
        one, two = (
            draw_crop(pictures, 64, (64, 128), np.random.default_rng(seed)) for _ in range(2)
        )
        np.testing.assert_array_equal(one, two)
        assert one.shape == (3, 64, 64) and one.dtype == np.float32 and one.max() <= 1.01
