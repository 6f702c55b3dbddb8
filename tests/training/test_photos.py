from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import write_video
from training.data import spread
from training.photos import gather_photos


def brighter(index: int) -> np.ndarray:
    return np.full((48, 64, 3), 4 * index, np.uint8)


def test_frames_of_a_clip_are_spread_over_it_and_upright(tmp_path: Path):
    clip = write_video(
        tmp_path / "clip.mp4",
        pts=list(range(0, 2400, 40)),
        pixels=brighter,
        rotation=(90, False, False),
    )
    files = sorted(gather_photos(clip, tmp_path / "photos").iterdir())
    frames = [cv2.imread(str(path)) for path in files]
    assert len(frames) == 24
    assert all(frame.shape == (64, 48, 3) for frame in frames)
    levels = [frame.mean() for frame in frames]
    assert levels == sorted(levels)
    assert levels[0] < 8
    assert levels[-1] > 210


def test_a_clip_of_less_than_a_second_gives_what_it_has(tmp_path: Path):
    clip = write_video(
        tmp_path / "clip.mp4"
    )  # ten frames: the last of the moments sought lies behind the last one
    assert 10 <= len(list(gather_photos(clip, tmp_path / "photos").iterdir())) <= 24


def test_a_folder_is_taken_as_it_is(tmp_path: Path):
    assert gather_photos(tmp_path, tmp_path / "photos") == tmp_path
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("files", "most", "shown"),
    [(4, 3, [0, 2, 3]), (7, 4, [0, 2, 4, 6]), (2, 3, [0, 1]), (9, 1, [0])],
)
def test_photos_are_spread_from_the_first_to_the_last(files: int, most: int, shown: list[int]):
    paths = [Path(f"{i}.jpg") for i in range(files)]
    assert spread(paths, most) == [paths[i] for i in shown]
