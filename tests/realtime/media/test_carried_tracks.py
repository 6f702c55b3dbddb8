"""The sound of anything goes into any container: as it is, converted, or left out and said so;
and what cannot be is known before the first frame is painted.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from engines.errors import SinkError
from realtime.media.file_format import VideoFormat
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing import carried_tracks as carried_module
from realtime.media.writing import join as join_module
from realtime.media.writing.carried_tracks import Written
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.video_file import VideoOutput
from tests.clips import case, write_clip
from tests.realtime.media.test_write_video import copy, sound, times

ENDINGS = ("mp4", "mov", "mkv", "webm")
SOUNDS = [
    ("ac3", "mkv", "5.1(side)", 48_000),
    ("eac3", "ts", "stereo", 44_100),
    ("mp2", "mpg", "stereo", 48_000),
    ("flac", "mkv", "stereo", 96_000),
    ("alac", "mov", "stereo", 44_100),
    ("libmp3lame", "avi", "stereo", 44_100),
    ("libmp3lame", "flv", "stereo", 11_025),
    ("libopus", "mkv", "5.1", 48_000),
    ("pcm_u8", "avi", "mono", 11_025),
    ("pcm_s16le", "avi", "stereo", 48_000),
    ("pcm_s16le", "mkv", "stereo", 37_800),
    ("pcm_s16be", "mov", "stereo", 32_768),
    ("pcm_s24le", "mkv", "stereo", 48_000),
    ("pcm_s24be", "mov", "5.1(side)", 48_000),
    ("pcm_f32le", "mkv", "quad", 192_000),
    ("pcm_alaw", "mov", "mono", 8_000),
    ("adpcm_ms", "avi", "stereo", 22_050),
    ("adpcm_ima_wav", "avi", "mono", 22_050),
    ("adpcm_ima_qt", "mov", "stereo", 44_100),
]


def check(source: Path, target: Path) -> list[str]:
    """Everything is there, the sound as long as the pictures; return the notes."""
    notes = copy(source, target).notes
    with VideoFile(source) as video:
        frames = sum(1 for _ in video.moments())
    assert len(times(target)) == frames
    with av.open(str(target)) as written:
        [track] = written.streams.audio
        rate_hz = track.rate
        samples = sum(frame.samples for frame in written.decode(track))
    assert samples / rate_hz == pytest.approx(frames / 25, abs=0.35)  # of blocks at 8 kHz
    return notes


@pytest.mark.parametrize(("codec", "container", "layout", "rate_hz"), SOUNDS)
def test_any_sound_goes_into_any_container(tmp_path, codec, container, layout, rate_hz):
    video = "mpeg2video" if container == "mpg" else "libx264"
    source = tmp_path / f"in.{container}"
    write_clip(source, video, codec, layout, rate_hz, frames=26)
    for ending in ENDINGS:
        notes = check(source, tmp_path / f"out.{ending}")
        assert ("converted" in " ".join(notes)) or sound(tmp_path / f"out.{ending}")


@pytest.mark.parametrize("name", ["stereo_pcm.avi", "pcmu8_11025.avi", "adpcm.avi"])
def test_sound_of_which_only_the_number_of_channels_is_told(tmp_path, name):
    source = case(f"02_sound_without_channel_layout/{name}")
    for ending in ENDINGS:
        check(source, tmp_path / f"out.{ending}")
    copy(source, tmp_path / "aac.mov", Encoding(audio="aac"))
    with av.open(str(tmp_path / "aac.mov")) as written:
        assert written.streams.audio[0].codec_context.name == "aac"


def test_side_channels_become_those_that_opus_has(tmp_path):
    source = case("03_51side_to_webm/ac3side.mkv")
    copy(source, tmp_path / "out.webm")
    with av.open(str(tmp_path / "out.webm")) as written:
        assert written.streams.audio[0].layout.name == "5.1"


def test_pcm_is_copied_sample_for_sample_however_it_is_cut(tmp_path):
    source = case("01_mov_pcm_count/h264_48000_1600.mov")
    copy(source, tmp_path / "out.mov")
    for path in (source, tmp_path / "out.mov"):
        with av.open(str(path)) as opened:
            assert sum(packet.size for packet in opened.demux(audio=0)) == 96_000 * 4


def test_an_mp4_whose_sound_begins_before_0_becomes_a_matroska(make_video, tmp_path):
    """As every MP4 with AAC: players skip what is before 0, and Matroska has no such time."""
    source = make_video()
    copy(source, tmp_path / "out.mkv")
    late_s = {
        one - other for one, other in zip(times(tmp_path / "out.mkv"), times(source), strict=True)
    }
    assert len(late_s) == 1 and 0 <= late_s.pop() < Fraction(1, 40)
    assert [packet for _, packet in sound(tmp_path / "out.mkv")[0]] == [
        packet for _, packet in sound(source)[0]
    ]


@pytest.mark.parametrize("codec", ["libsvtav1", "libaom-av1", "libvpx"])
def test_videos_whose_decoder_has_another_name_than_their_encoder(tmp_path, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    source = write_clip(tmp_path / "in.mp4", frames=49)
    for ending in ("mkv", "webm") if codec == "libvpx" else ("mp4", "mkv", "webm"):
        copy(source, tmp_path / f"out.{ending}", Encoding(codec=codec))
        assert len(times(tmp_path / f"out.{ending}")) == 49


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="asks Linux")
def test_no_encoder_makes_this_process_a_real_time_one(tmp_path):
    """SVT-AV1 does, where it is run by root, as in containers."""
    source = write_clip(tmp_path / "in.mp4", sound=None, frames=3)
    with VideoFile(source) as video:
        output = VideoOutput(tmp_path / "out.mp4", video.info, Encoding(codec="libsvtav1"))
        for frame in video.frames():
            output.write(frame, frame.pixels)
        policies = {os.sched_getscheduler(int(one)) for one in os.listdir("/proc/self/task")}
        output.finish(video.last_duration)
    assert policies == {os.SCHED_OTHER}


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 49, 50])
def test_x265_ends_with_few_frames(tmp_path, frames):
    """It fails now and then: so several times."""
    source = write_clip(tmp_path / "in.mp4", sound=None, frames=frames)
    for number in range(6 if frames < 48 else 2):
        copy(source, tmp_path / f"{number}.mov", Encoding(codec="libx265", preset="ultrafast"))
        assert len(times(tmp_path / f"{number}.mov")) == frames


def test_pictures_that_a_container_refuses_are_known_before_painting(tmp_path):
    source = write_clip(tmp_path / "in.mp4", frames=3)
    with VideoFile(source) as video, pytest.raises(SinkError) as raised:
        VideoOutput(tmp_path / "out.mov", video.info, Encoding(codec="libvpx-vp9"))
    assert "Invalid argument" not in str(raised.value) and "--vcodec" in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_sound_that_can_neither_be_copied_nor_converted_is_left_out(tmp_path, monkeypatch, ending):
    source = write_clip(tmp_path / "in.mkv", sound="flac")
    monkeypatch.setattr(carried_module, "_takes", lambda *_: False)
    monkeypatch.setattr(carried_module, "add_encoder", lambda *_: None)
    with VideoFile(source) as video:
        output = VideoOutput(tmp_path / f"out.{ending}", video.info, Encoding())
        assert any("sound: a track (flac) is left out" in note for note in output.notes)
        output.discard()
    copy(source, tmp_path / f"out.{ending}")
    assert (len(times(tmp_path / f"out.{ending}")), sound(tmp_path / f"out.{ending}")) == (25, [])


def refuse_copies_of(kind: str, monkeypatch: pytest.MonkeyPatch, behind_s: float) -> None:
    """Have the writer refuse packets of ``kind`` that are copied and begin later than that."""
    write = carried_module.CarriedTracks._mux

    def mux(self, packet):
        target = self._targets[packet.stream_index]
        late = packet.pts * packet.time_base > behind_s
        if isinstance(target, carried_module._Copied) and packet.stream.type == kind and late:
            raise av.error.ArgumentError(22, "Invalid argument")
        write(self, packet)

    monkeypatch.setattr(carried_module.CarriedTracks, "_mux", mux)


@pytest.mark.parametrize("behind_s", [0, 1.5], ids=["in the first second", "after it"])
def test_a_track_that_the_writer_refuses_is_converted(tmp_path, monkeypatch, behind_s):
    """In the trial before painting, or in the end, when everything is painted."""
    source = write_clip(tmp_path / "in.mkv", sound="flac", frames=60)
    refuse_copies_of("audio", monkeypatch, behind_s)
    with VideoFile(source) as video:
        output = VideoOutput(tmp_path / "out.mkv", video.info, Encoding())
        assert bool(output.notes) is (behind_s == 0)
        output.discard()
    notes = check(source, tmp_path / "out.mkv")
    assert notes == ["sound: matroska cannot hold flac; converted to aac."]


def test_sound_that_does_not_come_back_whole_is_converted(tmp_path, monkeypatch):
    source = write_clip(tmp_path / "in.mkv", sound="flac", frames=30)
    real, asked = Written, []

    def written(*_: object) -> Written:
        asked.append(None)
        return real(packets=1, bytes=1) if len(asked) == 1 else real()

    monkeypatch.setattr(join_module, "Written", written)
    assert "converted to aac" in check(source, tmp_path / "out.mkv")[0]


def test_a_full_disk_is_not_blamed_on_a_track(tmp_path, monkeypatch):
    source = write_clip(tmp_path / "in.mkv", frames=3)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(carried_module.CarriedTracks, "_mux", full)
    with pytest.raises(SinkError, match="the disk is full"):
        copy(source, tmp_path / "out.mkv")


def test_a_trial_reads_a_few_seconds_alone(tmp_path, monkeypatch):
    """Also where a track of subtitles has nothing to say until the end."""
    source = write_clip(tmp_path / "in.mkv", frames=500)
    read = []
    take = carried_module.PacketReader.next
    monkeypatch.setattr(
        carried_module.PacketReader, "next", lambda self: read.append(None) or take(self)
    )
    form = VideoFormat(suffixes=(".mkv",), container="matroska")
    with (
        av.open(str(tmp_path / "out.mkv"), "w") as output,
        carried_module.CarriedTracks(
            source, output, form, end_s=Fraction(1), is_trial=True
        ) as tracks,
    ):
        tracks._targets[99] = tracks._targets[1]  # one in which nothing comes
        tracks.advance(None)
    assert len(read) < 500
