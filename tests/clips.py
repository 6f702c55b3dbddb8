"""Inputs made by recipe, and those that others made: the folders of LIVEBRUSH_CASES."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.conftest import moving_square

_CASES = Path(os.environ.get("LIVEBRUSH_CASES", Path(__file__).parents[2] / "shared" / "cases"))


def case(name: str) -> Path:
    """Return the file FOLDER/NAME of the cases that users have met; skip where they are not."""
    path = _CASES / name
    if not path.exists():
        pytest.skip(f"{path} is not here: LIVEBRUSH_CASES names the folder of cases")
    return path


def write_clip(
    path: Path,
    video: str = "libx264",
    sound: str | None = "aac",
    layout: str = "stereo",
    rate_hz: int = 44_100,
    frames: int = 25,
    start_s: float = 0.0,
    container: str | None = None,
) -> Path:
    """A moving square at 25 frames per second and a tone as long, each frame decodable at once.

    ``start_s``: when pictures and sound begin, in the file's own times.
    """
    with av.open(str(path), "w", format=container) as output:
        fast = {"preset": "ultrafast", "bf": "0"} if video == "libx264" else {}
        pictures = output.add_stream(video, rate=25, options=fast)
        pictures.height, pictures.width = 96, 128
        pictures.pix_fmt = "yuvj420p" if video == "mjpeg" else "yuv420p"
        tone = output.add_stream(sound, rate=rate_hz, layout=layout) if sound else None
        packets = []
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(moving_square(index, (96, 128)), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            packets += pictures.encode(frame)
        packets += pictures.encode(None)
        if tone is not None:
            packets += _encode_tone(tone, frames / 25)
        for packet in packets:
            shift = round(Fraction(start_s) / packet.time_base)
            packet.dts = (packet.pts if packet.dts is None else packet.dts) + shift
            packet.pts = packet.dts if packet.pts is None else packet.pts + shift
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            output.mux(packet)
    return path


def _encode_tone(stream, length_s: float) -> list:
    rate_hz, channels = stream.codec_context.sample_rate, stream.layout.nb_channels
    packets, step = [], 1024
    for start in range(0, int(rate_hz * length_s), step):
        wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(start, start + step) / rate_hz)
        block = np.tile(wave.astype(np.float32), (channels, 1))
        frame = av.AudioFrame.from_ndarray(block, "fltp", stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        packets += stream.encode(frame)
    return packets + stream.encode(None)
