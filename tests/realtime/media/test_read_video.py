import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import SourceError
from realtime.media.reading.video_file import VideoFile
from tests.conftest import moving_square

QUARTERS = np.zeros((48, 64, 3), np.uint8)
QUARTERS[:24, :32], QUARTERS[:24, 32:], QUARTERS[24:, :32], QUARTERS[24:, 32:] = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    255,
)


def read(path, **options):
    with VideoFile(path, **options) as video:
        return list(video.frames()), video


def test_frames_have_the_timestamps_of_the_file(make_video):
    pts = [0, 40, 45, 400, 1000, 1500, 1501, 2000]
    frames, _ = read(make_video(pts=pts))
    assert [frame.pts * frame.time_base * 1000 for frame in frames] == pts
    assert [frame.index for frame in frames] == list(range(8))


@pytest.mark.parametrize("size", [(47, 63), (2, 2), (1, 1), (48, 64)])
def test_pixels_are_full_range_rgb_of_the_size_of_the_file(make_video, size):
    frames, video = read(make_video(size=size))
    assert video.info.size == size
    for index, frame in enumerate(frames):
        assert frame.pixels.shape == (*size, 3)
        assert np.abs(frame.pixels.astype(int) - moving_square(index, size)).mean() < 6


@pytest.mark.parametrize("mirror_y", [False, True])
@pytest.mark.parametrize("mirror_x", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_all_orientations_come_upright(make_video, degrees, mirror_x, mirror_y):
    frames, video = read(
        make_video(rotation=(degrees, mirror_x, mirror_y), pixels=lambda index: QUARTERS, tones=0)
    )
    turned = np.rot90(
        QUARTERS, degrees // 90
    )  # a display matrix turns counter-clockwise, and then mirrors what came out
    upright = turned[:: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    assert video.info.size == upright.shape[:2]
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 8


@pytest.mark.parametrize("coding", [(1, 1), (1, 2), (6, 1), (6, 2), (9, 1)])
def test_colours_follow_the_matrix_and_range_of_the_file(make_video, coding):
    frames, video = read(
        make_video(coding=coding, pixels=lambda index: QUARTERS, tones=0, options={"crf": "0"})
    )
    assert (video.info.coding.matrix, video.info.coding.full_range) == (coding[0], coding[1] == 2)
    inner = np.s_[4:20, 4:28]
    assert np.abs(frames[0].pixels[inner].astype(int) - QUARTERS[inner]).max() <= 3


def test_an_untagged_video_is_bt601_below_720_lines_and_bt709_from_there(make_video):
    assert read(make_video("small.mp4"))[1].info.coding.matrix == 6
    large = read(make_video("large.mp4", size=(720, 64), pts=[0, 40], tones=0))[1]
    assert large.info.coding.matrix == 1


def test_pixel_aspect_turns_with_the_picture(make_video):
    aspect = Fraction(32, 27)
    assert read(make_video("a.mp4", pixel_aspect=aspect))[1].info.pixel_aspect == aspect
    turned = read(make_video("b.mp4", pixel_aspect=aspect, rotation=(90, False, False)))[1]
    assert turned.info.pixel_aspect == 1 / aspect


def test_ss_and_to_cut_exactly(make_video):
    path = make_video(pts=list(range(0, 4000, 40)))
    frames, video = read(path, start_s=Fraction(1), end_s=Fraction(2))
    assert [frame.pts * frame.time_base for frame in frames] == [
        Fraction(ms, 1000) for ms in range(1000, 2000, 40)
    ]
    assert video.truncated is None
    assert video.info.duration_s == pytest.approx(1)
    with pytest.raises(SourceError, match="ends at"):
        read(path, start_s=Fraction(99))


def test_ss_finds_its_frame_where_seeks_land_between_keyframes(make_video):
    pts = list(range(0, 16000, 40))
    path = make_video(
        "clip.ts",
        pts=pts,
        time_base=Fraction(1, 1000),
        options={"g": "250", "keyint_min": "250", "sc_threshold": "0"},
    )
    whole, _ = read(path)
    for start_s, end_s in ((5, None), (15, None), (5, 6)):
        frames, video = read(path, start_s=Fraction(start_s), end_s=end_s and Fraction(end_s))
        expected = [f for f in whole if start_s <= (f.pts - whole[0].pts) / 90000 < (end_s or 99)]
        assert [frame.pts for frame in frames] == [frame.pts for frame in expected]
        np.testing.assert_array_equal(frames[0].pixels, expected[0].pixels)
        assert not video.notes


def test_ss_and_to_count_frames_where_there_are_no_times(make_video):
    path = make_video("clip.h264", pts=list(range(0, 4000, 40)), tones=0)
    whole, _ = read(path)
    frames, _ = read(path, start_s=Fraction(1), end_s=Fraction(2))
    assert len(whole) == 100 and len(frames) == 25
    np.testing.assert_array_equal(frames[0].pixels, whole[25].pixels)


def test_a_size_that_changes_midway_becomes_the_first(tmp_path):
    import av

    path = tmp_path / "changing.ts"
    parts = []
    for part, size in enumerate(((48, 64), (96, 128))):
        encoder = av.CodecContext.create("libx264", "w")
        encoder.height, encoder.width, encoder.pix_fmt, encoder.time_base = (
            *size,
            "yuv420p",
            Fraction(1, 25),
        )
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
        for index in range(5):
            picture = av.VideoFrame.from_ndarray(moving_square(index, size), "rgb24")
            picture.pts = part * 5 + index
            parts += [bytes(packet) for packet in encoder.encode(picture)]
        parts += [bytes(packet) for packet in encoder.encode(None)]
    path = path.with_suffix(".h264")
    path.write_bytes(b"".join(parts))
    frames, _ = read(path)
    assert [frame.pixels.shape for frame in frames] == [(48, 64, 3)] * 10
    assert all(later.pts > earlier.pts for earlier, later in pairwise(frames))


@pytest.mark.parametrize("part", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_file_that_was_cut_off_is_noticed(make_video, ending, part):
    path = make_video(
        f"whole.{ending}",
        pts=list(range(0, 4000, 40)),
        options={"movflags": "faststart"} if ending == "mp4" else None,
    )
    if ending == "mp4":
        path = move_index_to_front(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    frames, video = read(path)
    assert 0 < len(frames) < 100
    assert "missing" in video.truncated or "damaged" in video.truncated


def move_index_to_front(path):
    import av

    target = path.with_name("fast.mp4")
    with (
        av.open(str(path)) as source,
        av.open(str(target), "w", options={"movflags": "faststart"}) as output,
    ):
        streams = {
            stream.index: output.add_stream_from_template(stream) for stream in source.streams
        }
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    return target


def damage(path, *packets):
    """Overwrite the video packets of these numbers with what no decoder takes."""
    import av

    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for position, size in (places[number] for number in packets):
        data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def test_a_few_damaged_places_are_read_past_and_counted(make_video):
    path = make_video(pts=list(range(0, 4000, 40)), tones=0, options={"g": "10"})
    frames, video = read(damage(path, 51, 75))
    assert 90 < len(frames) < 100
    assert video.damaged == 2
    assert video.truncated is None


@pytest.mark.parametrize("tones", [0, 1])
@pytest.mark.parametrize("left", [0.8, 0.995])
def test_a_short_file_that_was_cut_off_is_noticed(make_video, left, tones):
    path = move_index_to_front(make_video(pts=list(range(0, 800, 40)), tones=tones))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left)])
    assert "missing" in read(path)[1].truncated
    assert read(path, start_s=Fraction(1, 10), end_s=Fraction(3, 10))[1].truncated is None


@pytest.mark.parametrize(
    ("field", "change", "count"),
    [("duration", lambda ms: ms // 2, 50), ("start", lambda _: 24000, 62)],
)
def test_frames_that_an_edit_list_leaves_out_are_not_missing(make_video, field, change, count):
    path = make_video(pts=list(range(0, 4000, 40)), tones=0)
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + {"duration": 12, "start": 16}[field]
    data[place : place + 4] = change(int.from_bytes(data[place : place + 4], "big")).to_bytes(
        4, "big"
    )
    path.write_bytes(data)
    frames, video = read(path)
    assert (len(frames), video.truncated) == (count, None)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_with_exif_comes_upright(tmp_path, orientation):
    from PIL import Image, ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(QUARTERS).save(tmp_path / "photo.jpg", exif=exif, quality=95, subsampling=0)
    frames, video = read(tmp_path / "photo.jpg")
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "photo.jpg")))
    assert video.info.size == upright.shape[:2]
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 8


@pytest.mark.parametrize("ending", ["png", "mov"])
def test_frames_with_an_icc_profile_do_not_crash(tmp_path, ending):
    """PyAV frees the profile's name twice once its side data has been looked at, when the frame is
    collected.
    """
    from PIL import Image, ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(QUARTERS).save(tmp_path / "photo.png", icc_profile=profile)
    if ending == "mov":
        with av.open(str(tmp_path / "photo.mov"), "w") as container:
            stream = container.add_stream("png", rate=1)
            stream.height, stream.width, stream.pix_fmt = *QUARTERS.shape[:2], "rgb24"
            packet = av.Packet((tmp_path / "photo.png").read_bytes())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1)
            container.mux(packet)
    script = "import gc, sys; from pathlib import Path\n"
    script += "from realtime.media.reading.video_file import VideoFile\n"
    script += "for _ in range(3):\n with VideoFile(Path(sys.argv[1])) as video: "
    script += "list(video.frames())\n gc.collect()"
    command = [sys.executable, "-c", script, str(tmp_path / f"photo.{ending}")]
    assert subprocess.run(command, cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_a_whole_file_is_not_called_truncated(make_video):
    for name, options in (
        ("a.mp4", {}),
        ("b.mkv", {}),
        ("c.mp4", {"tones": 0}),
        ("d.mkv", {"tones": 2}),
        ("e.mp4", {"pts": [0]}),
    ):
        assert read(make_video(name, **options))[1].truncated is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"no video at all " * 500, "not a video"),
        ("noise.mkv", np.random.default_rng(0).bytes(5000), "not a video"),
        (
            "list.m3u8",
            b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            "playlist|not a video",
        ),
        ("script.mp4", b"ffconcat version 1.0\nfile clip.mp4\n", "playlist"),
    ],
)
def test_what_is_no_video_is_refused_with_its_reason(tmp_path, make_video, name, content, message):
    make_video("clip.mp4")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        VideoFile(tmp_path / name)


def test_missing_files_folders_and_sound_are_refused(tmp_path):
    import av

    with pytest.raises(SourceError, match="no such file"):
        VideoFile(tmp_path / "missing.mp4")
    with pytest.raises(SourceError, match="folder"):
        VideoFile(tmp_path)
    with av.open(str(tmp_path / "sound.m4a"), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=44100, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 44100
        output.mux(stream.encode(sound))
        output.mux(stream.encode(None))
    with pytest.raises(SourceError, match="no video track"):
        VideoFile(tmp_path / "sound.m4a")


@pytest.mark.parametrize(
    "name", ["clip ünï 🎨.mp4", "-leading.mp4", "50%d.mp4", "a:b.mp4", "http:x.mp4", "{stem}.mp4"]
)
def test_any_file_name_is_a_file_name(make_video, tmp_path, name, monkeypatch):
    make_video("clip.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    from pathlib import Path

    assert len(read(Path(name))[0]) == 10
