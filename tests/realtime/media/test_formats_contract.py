"""The contract that every kind of file keeps. A new file of formats is tested by being there."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import SinkError
from realtime.frame import FileFrame
from realtime.media.format_registry import (
    FORMATS,
    PICTURE_FORMATS,
    READ_ENDINGS,
    VIDEO_FORMATS,
    WRITTEN_ENDINGS,
    default_ending,
    video_format,
)
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.picture_file import PictureOutput
from realtime.media.writing.video_file import VideoOutput
from tests.conftest import moving_square
from tests.realtime.media.test_write_video import copy, sound, times

MakeVideo = Callable[..., Path]
SIZE = (48, 64)
PTS_MS = [0, 40, 80, 200, 240, 1000]


@pytest.fixture(params=VIDEO_FORMATS)
def ending(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=PICTURE_FORMATS)
def picture_ending(request: pytest.FixtureRequest) -> str:
    return request.param


def picture_frame(alpha: np.ndarray | None = None) -> FileFrame:
    return FileFrame(moving_square(0, SIZE), 0, 0, Fraction(1, 25), alpha=alpha)


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.suffixes[0])
def test_what_a_format_says_of_itself(known):
    assert known.suffixes
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in known.suffixes)


def test_no_ending_stands_for_two_formats():
    endings = [suffix for known in FORMATS for suffix in known.suffixes]
    assert len(endings) == len(set(endings))


def test_what_is_written_is_read_and_keeps_its_ending():
    assert set(WRITTEN_ENDINGS) <= READ_ENDINGS
    assert [default_ending(Path(f"a{name.upper()}")) for name in WRITTEN_ENDINGS] == [
        name.upper() for name in WRITTEN_ENDINGS
    ]
    assert {default_ending(Path(f"a{name}")) for name in READ_ENDINGS} <= set(WRITTEN_ENDINGS)
    assert default_ending(Path("a.unknown")) == ".mp4"


def test_its_encoders_are_there(ending: str):
    known = video_format(Path(f"a{ending}"))
    assert Encoding().options_for(Path(f"a{ending}"))
    assert av.Codec(known.encoder, "w").type == "video"
    assert av.Codec(known.sound, "w").type == "audio"
    assert known.subtitles is None or av.Codec(known.subtitles, "w").type == "subtitle"


def test_a_video_comes_back(make_video: MakeVideo, tmp_path: Path, ending: str):
    """Frames, size, times, sound; and nothing is left beside it."""
    source = make_video("in.mkv", size=SIZE, pts=PTS_MS)
    target = tmp_path / f"out{ending}"
    copy(source, target)
    with VideoFile(target) as video:
        frames = list(video.frames())
    assert (video.info.size, video.info.is_picture) == (SIZE, False)
    assert (video.damaged, video.truncated) == (0, None)
    for index, frame in enumerate(frames):
        assert np.abs(frame.pixels.astype(int) - moving_square(index, SIZE)).mean() < 8
    before, after = times(source), times(target)
    moved_s = 0 if video_format(target).keeps_start else after[0] - before[0]
    late_s = [abs(one - moved_s - other) for one, other in zip(after, before, strict=True)]
    assert max(late_s) <= video.info.time_base / 2
    assert len(sound(target)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.mkv", target.name])


def test_a_cut_out_part_comes_back_from_0(make_video: MakeVideo, tmp_path: Path, ending: str):
    source = make_video("in.mkv", size=SIZE, pts=list(range(0, 2000, 40)))
    target = tmp_path / f"out{ending}"
    copy(source, target, start_s=Fraction(1), end_s=Fraction(3, 2))
    shown = times(target)
    assert len(shown) == 13
    assert abs(shown[0]) <= (
        Fraction(1, 1000) if video_format(target).keeps_start else Fraction(1, 5)
    )


def test_a_discarded_video_leaves_nothing(make_video: MakeVideo, tmp_path: Path, ending: str):
    with VideoFile(make_video("in.mkv", size=SIZE)) as video:
        output = VideoOutput(tmp_path / f"out{ending}", video.info, Encoding())
        frame = next(video.frames())
        output.write(frame, frame.pixels)
        assert output.discard() == output.discard() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_a_video_in_a_folder_that_is_not_there(make_video: MakeVideo, tmp_path: Path, ending: str):
    with (
        VideoFile(make_video("in.mkv", size=SIZE)) as video,
        pytest.raises(SinkError, match="cannot be written"),
    ):
        VideoOutput(tmp_path / "missing" / f"out{ending}", video.info, Encoding())


def test_a_picture_comes_back(tmp_path: Path, picture_ending: str):
    target = tmp_path / f"out{picture_ending}"
    output = PictureOutput(target)
    frame = picture_frame()
    output.write(frame, np.asarray(frame.pixels))
    assert not target.exists()
    assert output.finish(0) == target
    assert output.discard() == 0
    with VideoFile(target) as picture:
        (back,) = picture.frames()
    assert (picture.info.size, picture.info.is_picture) == (SIZE, True)
    assert np.abs(back.pixels.astype(int) - frame.pixels).mean() < 4
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_transparency_is_kept_or_its_loss_is_said(tmp_path: Path, picture_ending: str):
    alpha = np.full(SIZE, 255, np.uint8)
    alpha[:24] = 60
    frame = picture_frame(alpha)
    output = PictureOutput(tmp_path / f"out{picture_ending}")
    output.write(frame, np.asarray(frame.pixels))
    output.finish(0)
    with VideoFile(tmp_path / f"out{picture_ending}") as picture:
        (back,) = picture.frames()
    assert picture.info.has_alpha == PICTURE_FORMATS[picture_ending].keeps_alpha
    assert picture.info.has_alpha != any("transparent" in note for note in output.notes)
    if picture.info.has_alpha:
        np.testing.assert_array_equal(back.alpha, alpha)


def test_a_discarded_picture_leaves_nothing(tmp_path: Path, picture_ending: str):
    output = PictureOutput(tmp_path / f"out{picture_ending}")
    frame = picture_frame()
    output.write(frame, np.asarray(frame.pixels))
    with pytest.raises(SinkError, match="cannot hold a video"):
        output.write(frame, np.asarray(frame.pixels))
    assert output.discard() == output.discard() == 0
    assert not list(tmp_path.iterdir())


def test_a_picture_in_a_folder_that_is_not_there(tmp_path: Path, picture_ending: str):
    with pytest.raises(SinkError, match="does not exist"):
        PictureOutput(tmp_path / "missing" / f"out{picture_ending}")
    (tmp_path / f"out{picture_ending}").mkdir()
    with pytest.raises(SinkError, match="is a folder"):
        PictureOutput(tmp_path / f"out{picture_ending}")
