"""Damage is read past, counted, and never a success when much of the film is gone; nor is DRM."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import SourceError
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.scheduling import scheduling_kept
from tests.clips import case
from tests.conftest import ROOT, moving_square, write_video
from tests.realtime.media.test_read_video import damage

PTS = list(range(0, 4000, 40))
KEY = {"encryption_key": "76a6c65c5ea762046bd749a2e632ccbb"}
CENC = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    **KEY,
}


def read(path: Path, **options) -> tuple[list, VideoFile]:
    with VideoFile(path, **options) as video:
        return list(video.frames()), video


def paint(path: Path, output: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "stylize_video.py", path, "-o", output, "--engine", "passthrough"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def write_film(path: Path, codec: str, options: dict[str, str], frames: int = 100) -> Path:
    with av.open(str(path), "w") as output, scheduling_kept():
        stream = output.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(moving_square(index, (96, 128)), "rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def encrypt_clip(path: Path, clear: Path) -> Path:
    """Write the tracks of ``clear`` once more, encrypted as streaming services do it."""
    with av.open(str(clear)) as source, av.open(str(path), "w", options=CENC) as output:
        tracks = {track.index: output.add_stream_from_template(track) for track in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = tracks[packet.stream_index]
                output.mux(packet)
    return path


def test_an_encrypted_film_is_refused_by_name(tmp_path, make_video):
    path = encrypt_clip(tmp_path / "in.mp4", make_video("clear.mp4", tones=0))
    painted = paint(path, tmp_path / "out.mp4")
    assert painted.returncode == 3, painted.stderr
    assert "is encrypted (DRM)" in painted.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["clear.mp4", "in.mp4"]


def unlock_pictures(path: Path, clear: Path) -> None:
    """Make the video of ``encrypt_clip`` clear again, as it is where only sound is protected."""
    content = bytearray(path.read_bytes())
    with av.open(str(clear)) as source, av.open(str(path)) as locked:
        for one, other in zip(source.demux(video=0), locked.demux(video=0), strict=True):
            if other.size:
                assert one.size == other.size
                content[other.pos : other.pos + other.size] = bytes(one)
    begin, end = content.index(b"encv"), content.index(b"enca")
    for name, other in ((b"encv", b"avc1"), *((n, b"free") for n in (b"sinf", b"senc"))):
        at = content.index(name, begin, end)
        content[at : at + 4] = other
    path.write_bytes(content)


def test_encrypted_sound_beside_clear_pictures_is_left_out_and_said(tmp_path, make_video):
    clear = make_video("clear.mp4", tones=2)
    path = encrypt_clip(tmp_path / "in.mp4", clear)
    unlock_pictures(path, clear)
    painted = paint(path, tmp_path / "out.mp4")
    assert painted.returncode == 0, painted.stderr
    assert "sound: a track is encrypted (DRM), and left out." in painted.stderr
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert len(file.streams.video) == 1 and not file.streams.audio
        assert sum(1 for _ in file.decode(video=0)) == 10


def test_encrypted_films_of_others_are_refused_by_name():
    with pytest.raises(SourceError, match="is encrypted"):
        VideoFile(case("12_encrypted_is_success/cenc.mp4"))


def test_an_encrypted_matroska_is_refused_by_name(tmp_path, make_video):
    path = make_video("in.mkv", tones=0)
    data = path.read_bytes()
    # ContentEncodings of one encryption with AES, at the end of the only track.
    key = _element("47e1", b"\5") + _element("47e2", bytes(range(16)))
    kind = _element("5031", b"\0") + _element("5032", b"\1") + _element("5033", b"\1")
    added = _element("6d80", _element("6240", kind + _element("5035", key)))
    tracks = data.rindex(bytes.fromhex("1654ae6b"))
    start, length = _content(data, tracks + 4)
    entry = data.index(b"\xae", start)
    inside, inner = _content(data, entry + 1)
    rest = data[inside + inner : start + length]
    entries = _element("ae", data[inside : inside + inner] + added) + rest
    segment = data.index(bytes.fromhex("18538067")) + 4
    unknown = b"\x01" + b"\xff" * 7  # the length of the segment
    path.write_bytes(
        data[:segment]
        + unknown
        + data[segment + 8 : tracks]
        + _element("1654ae6b", entries)
        + data[start + length :]
    )
    with pytest.raises(SourceError, match="is encrypted"):
        VideoFile(path)


def _element(name: str, content: bytes) -> bytes:
    return bytes.fromhex(name) + (0x10000000 | len(content)).to_bytes(4, "big") + content


def _content(data: bytes, at: int) -> tuple[int, int]:
    """Where the content begins whose length stands at ``at``, and that length."""
    width = 9 - data[at].bit_length()
    length = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return at + width, length


def test_a_film_that_is_encrypted_from_some_place_on_is_partial(tmp_path, monkeypatch, make_video):
    path = make_video(pts=PTS, tones=0)
    monkeypatch.setattr(
        "realtime.media.reading.decoder.is_encrypted",
        lambda packet: packet.pts * packet.time_base > 2,
    )
    frames, video = read(path)
    assert 40 < len(frames) <= 52
    assert "encrypted" in video.truncated


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("in.mp4", "libx265", {"x265-params": "keyint=25:log-level=none"}),
        ("in.mp4", "libx264", {"g": "25", "bf": "2"}),
        ("in.avi", "mpeg4", {"g": "25"}),
        ("in.mov", "mpeg2video", {"g": "25"}),
        ("in.mp4", "libsvtav1", {"g": "25"}),
    ],
)
def test_much_damage_is_no_success(tmp_path, name, codec, options):
    path = write_film(tmp_path / name, codec, options)
    damage(path, *range(20, 60, 4))
    frames, video = read(path)
    assert 30 < len(frames) < 95
    assert "of 100 frames are missing or damaged" in video.truncated


def test_much_damage_is_exit_6_and_what_there_is_is_kept(tmp_path, make_video):
    path = damage(make_video("in.mp4", pts=PTS, tones=1), *range(20, 60, 4))
    painted = paint(path, tmp_path / "out.mp4")
    assert painted.returncode == 6, painted.stderr
    assert "33 of 100 frames are missing or damaged" in painted.stderr
    assert not (tmp_path / "out.mp4").exists()
    with av.open(str(tmp_path / "out.partial.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 67


def test_a_keyframe_that_is_lost_takes_its_frames_with_it(tmp_path):
    path = write_film(
        tmp_path / "in.mp4", "libx265", {"x265-params": "keyint=50:bframes=0:log-level=none"}
    )
    frames, video = read(damage(path, 50))
    assert len(frames) == 50
    assert video.truncated == "50 of 100 frames are missing or damaged"


def test_a_long_hole_is_read_past(tmp_path, make_video):
    """As a download leaves it that is not complete."""
    path = make_video(pts=PTS, tones=0, options={"g": "10"})
    frames, video = read(damage(path, *range(30, 60)))
    assert [frame.pts * frame.time_base for frame in frames[-40:]] == [
        Fraction(time, 1000) for time in PTS[-40:]
    ]
    assert video.damaged == 30
    assert "30 of 100 frames" in video.truncated


@pytest.mark.parametrize("place", [99, 98, 97, 96, 90])
@pytest.mark.parametrize("options", [{"g": "10"}, {"g": "250", "bf": "2", "preset": "fast"}])
def test_damage_near_the_end_costs_no_good_frame(make_video, place, options):
    path = damage(make_video(pts=PTS, tones=0, options=options), place)
    with av.open(str(path)) as container:
        stream, alone = container.streams.video[0], []
        stream.codec_context.thread_type = "NONE"
        for packet in container.demux(stream):
            try:
                alone += [picture.pts for picture in stream.codec_context.decode(packet)]
            except av.error.FFmpegError:
                continue
    frames, _ = read(path)
    assert [frame.pts for frame in frames] == alone


def test_damage_near_the_end_of_others_costs_no_good_frame():
    frames, video = read(case("13_damage_near_the_end/mp4__sample_with_invalid_nalu.mp4"))
    assert (len(frames), video.damaged, video.truncated) == (29, 1, None)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_lost_packets_of_a_broadcast_are_counted(tmp_path, codec):
    path = write_film(tmp_path / "in.ts", codec, {"g": "25"})
    data = bytearray(path.read_bytes())
    lost = np.random.default_rng(1).choice(len(data) // 188 - 20, 12, replace=False) + 20
    for place in lost:
        data[place * 188 : place * 188 + 188] = b"\xff" * 188
    path.write_bytes(data)
    frames, video = read(path)
    assert len(frames) < 95 and video.damaged
    assert "are missing or damaged" in video.truncated


@pytest.mark.parametrize("begin", [0.2, 0.45])
def test_a_recording_that_begins_between_keyframes_is_whole(tmp_path, begin):
    path = write_film(tmp_path / "in.ts", "libx264", {"g": "25", "bf": "0"}, 200)
    data = path.read_bytes()
    place = int(len(data) * begin) // 188 * 188
    path.write_bytes(data[: 188 * 3] + data[place:])
    frames, video = read(path)
    assert len(frames) > 80 and video.truncated is None


def test_hidden_frames_are_no_losses(tmp_path):
    path = write_film(tmp_path / "in.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16"})
    frames, video = read(path)
    assert (len(frames), video.truncated, video.damaged) == (100, None, 0)


def test_a_hopeless_film_is_given_up(tmp_path):
    path = write_video(tmp_path / "in.mp4", pts=list(range(3000)), tones=0, size=(16, 16))
    damage(path, *range(3000))
    with pytest.raises(SourceError, match="no frame of it can be decoded"):
        VideoFile(path)
