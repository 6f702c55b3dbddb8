"""The clips that are shown and measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av

from bench.tools.clips import add_tone, audio_packets, cut, frame_count


def test_a_tone_is_added_and_the_pictures_are_copied(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    silent = make_video(tones=0)
    target = tmp_path / "with_tone.mp4"
    add_tone(silent, target)
    assert _video_packets(target) == _video_packets(silent)
    assert audio_packets(silent) == []
    with av.open(str(target)) as clip:
        assert clip.streams.audio[0].codec_context.name == "aac"
        assert (
            abs(float(clip.streams.audio[0].duration * clip.streams.audio[0].time_base) - 0.4)
            < 0.05
        )


def test_a_cut_has_the_size_rate_and_length_asked_for(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    target = tmp_path / "cut.mp4"
    cut(make_video(size=(48, 64)), target, (96, 80), 30, 6)
    assert frame_count(target) == 6
    with av.open(str(target)) as clip:
        video = clip.streams.video[0]
        assert (video.height, video.width, video.average_rate) == (96, 80, 30)
    assert audio_packets(target)


def _video_packets(path: Path) -> list[tuple[bytes, float]]:
    with av.open(str(path)) as clip:
        return [
            (bytes(packet), float(packet.pts * packet.time_base))
            for packet in clip.demux(video=0)
            if packet.size
        ]
