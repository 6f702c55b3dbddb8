"""Every input starts at 0 and runs on without a gap, whatever its own times do."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from realtime.frame import LiveFrame
from realtime.live.sound import RATE, FileSound
from realtime.live.sources.live_file import LiveFile
from realtime.media.clock import InputClock
from realtime.media.reading.video_file import VideoFile
from tests.clips import case, write_clip
from tests.realtime.media.test_write_video import copy, sound, times

WRAP_S = 2**33 / 90_000
BROADCASTS = [
    ("ts", "libx264", "aac"),
    ("m2ts", "libx264", "ac3"),
    ("ts", "mpeg2video", "mp2"),
    ("mpg", "mpeg2video", "mp2"),
    ("vob", "mpeg2video", "mp2"),
]


def one_after_the_other(target: Path, *parts: Path) -> Path:
    """Put files together as `cat` does; of FLV the headers of later ones are left out."""
    data = [part.read_bytes() for part in parts]
    skip = 13 if target.suffix == ".flv" else 0
    target.write_bytes(data[0] + b"".join(later[skip:] for later in data[1:]))
    return target


def steps_ms(path: Path) -> set[int]:
    """The distances of its frames in milliseconds."""
    return {round((later - earlier) * 1000) for earlier, later in pairwise(times(path))}


def check_it_runs_on(
    source: Path, folder: Path, seconds: int, endings: tuple[str, ...] = ("mp4",)
) -> None:
    """As many frames as there are, 40 ms apart from about 0 on; sound that is as long, in step."""
    for ending in endings:
        target = folder / f"out.{ending}"
        copy(source, target)
        shown = times(target)
        assert (len(shown), steps_ms(target)) == (25 * seconds, {40})
        assert 0 <= shown[0] < Fraction(1, 20)
        [track] = sound(target)
        heard = [float(time) for time, _ in track]
        assert -0.05 < heard[0] < 0.05 and seconds - 0.1 < heard[-1] < seconds + 0.1
        assert max(later - earlier for earlier, later in pairwise(heard)) < 0.1


@pytest.mark.parametrize(("ending", "video", "tone"), BROADCASTS)
@pytest.mark.parametrize(
    "starts_s", [(0, 0), (0, 3600), (0, 3600, 0), (7200, 60, 60)], ids=lambda starts: f"{starts}"
)
def test_broadcasts_put_one_after_the_other_run_on(tmp_path, ending, video, tone, starts_s):
    parts = [
        write_clip(tmp_path / f"{number}.{ending}", video, tone, start_s=start_s)
        for number, start_s in enumerate(starts_s)
    ]
    joined = one_after_the_other(tmp_path / f"in.{ending}", *parts)
    check_it_runs_on(joined, tmp_path, len(parts))
    with VideoFile(joined) as video_file:
        list(video_file.moments())
    assert video_file.truncated is None
    assert any("follows without a gap" in note for note in video_file.notes)


def test_an_flv_whose_times_begin_again_runs_on(tmp_path):
    part = write_clip(tmp_path / "part.flv")
    check_it_runs_on(one_after_the_other(tmp_path / "in.flv", part, part, part), tmp_path, 3)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("04_times_start_again/concat_back.ts", 2),
        ("04_times_start_again/reset.flv", 2),
        ("05_start_hours_late/dvb.ts", 1),
        ("06_jump_forward/concat_fwd.ts", 2),
    ],
)
def test_the_cases_that_users_have_met(tmp_path, name, seconds):
    check_it_runs_on(case(name), tmp_path, seconds, ("mp4", "mkv"))


@pytest.mark.parametrize("start_s", [1.4, 50_000, WRAP_S - 0.5, WRAP_S - 100])
@pytest.mark.parametrize(("ending", "video", "tone"), BROADCASTS)
def test_a_broadcast_starts_at_0_and_its_clock_may_wrap(tmp_path, ending, video, tone, start_s):
    source = write_clip(tmp_path / f"in.{ending}", video, tone, start_s=start_s)
    check_it_runs_on(source, tmp_path, 1)


@pytest.mark.parametrize("ending", ["mkv", "flv", "mp4", "mov", "webm"])
@pytest.mark.parametrize("tone", [None, "aac"])
def test_a_file_that_starts_late_starts_at_0_and_is_whole(tmp_path, ending, tone):
    coded = {"video": "libvpx-vp9", "sound": tone and "libopus", "rate_hz": 48_000}
    coded = coded if ending == "webm" else {"sound": tone}
    source = write_clip(tmp_path / f"in.{ending}", **coded, start_s=3601)
    with VideoFile(source) as video:
        frames = list(video.frames())
    assert (len(frames), video.truncated) == (25, None)
    assert video.info.duration_s == pytest.approx(1, abs=0.1)
    assert 0 <= frames[0].pts * frames[0].time_base < Fraction(1, 20)
    copy(source, tmp_path / "out.mkv")
    assert steps_ms(tmp_path / "out.mkv") == {40} and times(tmp_path / "out.mkv")[0] < 0.05
    with VideoFile(source, start_s=Fraction(1, 2)) as video:
        assert len(list(video.frames())) in (12, 13)


def test_the_late_matroska_of_a_user(tmp_path):
    source = case("07_matroska_starts_late/late1.mkv")
    copy(source, tmp_path / "out.mkv")
    assert times(tmp_path / "out.mkv") == [Fraction(ms, 1000) for ms in range(0, 1000, 40)]
    with VideoFile(source) as video:
        assert (len(list(video.frames())), video.truncated) == (25, None)


def test_the_missing_end_of_a_late_matroska_is_noticed(tmp_path):
    source = write_clip(tmp_path / "in.mkv", sound=None, start_s=5, frames=100)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 3 // 4])
    with VideoFile(source) as video:
        list(video.frames())
    assert "of 4.00 s are missing" in (video.truncated or "")


def test_chapters_move_with_the_pictures(tmp_path):
    late = write_clip(tmp_path / "late.mkv", start_s=10)
    with av.open(str(late)) as reader, av.open(str(tmp_path / "in.mkv"), "w") as output:
        chapter = {"id": 1, "start": 10_400, "end": 11_000, "time_base": Fraction(1, 1000)}
        output.set_chapters([{**chapter, "metadata": {"title": "two"}}])
        streams = [output.add_stream_from_template(stream) for stream in reader.streams]
        for packet in reader.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    copy(tmp_path / "in.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as written:
        [chapter] = written.chapters()
        start_s = chapter["start"] * chapter["time_base"]
    assert float(start_s) == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("start_s", [Fraction(1, 2), Fraction(3, 2), Fraction(5, 2)])
def test_ss_counts_on_the_clock_that_runs_on(tmp_path, start_s):
    parts = [write_clip(tmp_path / f"{s}.ts", start_s=s) for s in (0, 3600, 0)]
    source = one_after_the_other(tmp_path / "in.ts", *parts)
    with VideoFile(source) as video:
        whole = [(frame.pts, frame.pixels) for frame in video.frames()]
        time_base = video.info.time_base
    expected = [(pts, pixels) for pts, pixels in whole if pts * time_base >= start_s]
    with VideoFile(source, start_s=start_s) as video:
        found = [(frame.pts, frame.pixels) for frame in video.frames()]
    assert [pts for pts, _ in found] == [pts for pts, _ in expected]
    np.testing.assert_array_equal(found[0][1], expected[0][1])
    copy(source, tmp_path / "out.mp4", start_s=start_s)
    assert len(times(tmp_path / "out.mp4")) == len(expected)
    heard = sound(tmp_path / "out.mp4")[0]
    assert heard[0][0] < 0.05 and float(heard[-1][0]) == pytest.approx(3 - start_s, abs=0.1)


def test_a_live_file_plays_on(tmp_path):
    parts = [write_clip(tmp_path / f"{s}.ts", start_s=s) for s in (0, 3600, 0)]
    path = one_after_the_other(tmp_path / "in.ts", *parts)
    now_s = 100.0
    source = LiveFile(path, clock=lambda: now_s)
    source.open()
    heard = FileSound(path)
    due_s, samples = [], []
    while not source.finished:
        frame = source.read(0)
        if frame is None:
            now_s += 0.01
        else:
            due_s.append(frame.captured_s)
            samples.append(heard.until(frame))
    heard.close()
    source.close()
    assert len(due_s) == 75
    assert np.diff(due_s) == pytest.approx(0.04, abs=1e-6)
    loud = [np.abs(block).max() > 0.1 for block in samples[1:]]
    assert [len(block) for block in samples[1:]] == pytest.approx([0.04 * RATE] * 74, abs=1)
    assert sum(loud) >= 70


def test_the_sound_of_a_late_broadcast_begins_where_a_recording_does(tmp_path):
    """A recording that begins in the middle of a file, and one behind a loop."""
    path = write_clip(tmp_path / "in.ts", start_s=50_000, frames=75)
    heard = FileSound(path)
    for begin_s in (1.5, 0.2):
        blocks = [
            heard.until(LiveFrame(np.zeros((2, 2, 3), np.uint8), 0, 0.0, begin_s + ahead_s))
            for ahead_s in (0, 0.4)
        ]
        assert len(blocks[0]) == 0 and np.abs(blocks[1]).max() > 0.1
        assert len(blocks[1]) == pytest.approx(0.4 * RATE, abs=1)
    heard.close()


def clock_of(kind: str, *tracks: tuple[str, float]) -> tuple[InputClock, list]:
    """A clock, and stand-ins for the streams of (type, start in seconds) that it is asked for."""
    streams = [
        SimpleNamespace(
            type=name,
            disposition=av.stream.Disposition(0),
            start_time=round(start_s * 90_000),
            time_base=Fraction(1, 90_000),
            average_rate=25,
        )
        for name, start_s in tracks
    ]
    container = SimpleNamespace(format=SimpleNamespace(name=kind), streams=_Streams(streams))
    return InputClock(container), streams


class _Streams(list):
    @property
    def video(self) -> list:
        return [stream for stream in self if stream.type == "video"]


def place_all(kind: str, starts, packets: list[tuple[int, float]]) -> list[float]:
    """The times on the clock of packets of (track, seconds), 40 ms long."""
    clock, streams = clock_of(kind, *starts)
    coming = [
        SimpleNamespace(
            stream_index=track,
            stream=streams[track],
            pts=round(time_s * 90_000),
            dts=round(time_s * 90_000),
            duration=3600,
            time_base=Fraction(1, 90_000),
        )
        for track, time_s in packets
    ]
    for number, packet in enumerate(coming):
        clock.place(packet, lambda number=number: coming[number + 1 :])
    return [round(packet.pts / 90_000, 3) for packet in coming]


TWO = (("video", 10.0), ("audio", 10.0))


def test_a_track_comes_behind_a_step_when_its_own_times_do():
    """The last packets of sound of the first part lie behind the first pictures of the second."""
    packets = [(0, 10.0), (1, 10.0), (0, 10.04), (0, 5.0), (1, 10.04), (0, 5.04), (1, 5.0)]
    packets += [(0, 5.08), (1, 5.04), (0, 5.12), (1, 5.08)]
    placed = place_all("mpegts", TWO, packets)
    assert placed == [0, 0, 0.04, 0.08, 0.04, 0.12, 0.08, 0.16, 0.12, 0.2, 0.16]


def test_the_pictures_set_the_pace_where_the_sound_steps_first():
    packets = [(0, 10.0), (1, 10.0), (1, 10.04), (1, 10.08), (1, 5.0), (0, 10.04), (0, 5.0)]
    packets += [(1, 5.04), (0, 5.04), (1, 5.08)]
    placed = place_all("mpegts", TWO, packets)
    assert [time for (track, _), time in zip(packets, placed, strict=True) if track == 0] == [
        0, 0.04, 0.08, 0.12,
    ]  # fmt: skip
    assert placed[4] == 0.08  # in step with the picture of the same time


@pytest.mark.parametrize("wrong_s", [3600.0, 1.0])
def test_one_wrong_time_in_a_broadcast_moves_nothing_else(wrong_s):
    packets = [(0, 10 + 0.04 * n) for n in range(10)]
    packets[4] = (0, wrong_s)
    placed = place_all("mpegts", TWO[:1], packets)
    assert placed == [round(0.04 * n, 3) for n in range(10)]


def test_a_gap_that_may_be_true_stays():
    assert place_all("mpegts", TWO[:1], [(0, 10.0), (0, 15.0), (0, 15.04)]) == [0, 5, 5.04]
    late = [(0, 10.0), (0, 3600.0), (0, 3600.04)]
    assert place_all("matroska,webm", TWO[:1], late) == [0, 3590, 3590.04]


def test_a_pause_of_one_track_alone_is_no_jump():
    pictures = [(0, 10 + 0.04 * n) for n in range(600)]
    packets = [(1, 10.0), *pictures, (1, 34.0), (1, 34.04)]
    assert place_all("mpegts", TWO, packets)[-2:] == [24, 24.04]


def test_every_wrap_of_a_recording_of_two_days_is_passed():
    seconds = [9.0 * n for n in range(int(2.2 * WRAP_S) // 9)]
    placed = place_all("mpegts", TWO[:1], [(0, (10 + s) % WRAP_S) for s in seconds])
    assert placed == seconds


def test_subtitles_go_with_the_pictures_around_them():
    tracks = (("video", 10.0), ("subtitle", 10.0))
    packets = [(0, 10.0), (0, 10.04), (0, 5.0), (0, 5.04), (1, 5.04), (0, 5.08)]
    assert place_all("mpegts", tracks, packets)[4] == 0.12
