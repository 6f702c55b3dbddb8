"""Cases that other tools have failed on, beside those that other files here hold; docs/files.md
tells which is where.
"""

from __future__ import annotations

import itertools
import os
import random
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engines.errors import SourceError
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from tests.conftest import write_tiny_model, write_video
from tests.realtime.media.test_write_video import copy, sound, times

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("seed", range(6))
def test_any_times_that_rise_come_out_as_they_are(tmp_path, seed):
    dice = random.Random(seed)
    pts = sorted(dice.sample(range(dice.choice((0, 5000)), 9000), 60))  # more than a segment
    source = write_video(tmp_path / "in.mp4", pts=pts, options={"bf": "2", "preset": "fast"})
    copy(source, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == times(source) == [Fraction(time, 1000) for time in pts]


def test_the_smallest_sizes_and_strips_are_written(tmp_path):
    sizes = [(height, width) for height in (1, 2, 3, 9) for width in (1, 2, 5, 9)] + [
        (47, 63),
        (4000, 1),
        (1, 4000),
    ]
    for size in sizes:
        source = write_video(tmp_path / "in.mp4", pts=[0, 40], tones=0, size=size)
        copy(source, tmp_path / "out.mp4", Encoding(preset="ultrafast"))
        with VideoFile(tmp_path / "out.mp4") as video:
            assert video.info.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
            assert sum(1 for _ in video.frames()) == 2


@pytest.mark.parametrize(
    ("start_s", "length_s"), [(2, 1), (0, 5)], ids=["begins later", "is longer than the pictures"]
)
def test_sound_keeps_its_time_and_length(tmp_path, start_s, length_s):
    silent = write_video(tmp_path / "silent.mp4", pts=list(range(0, 3000, 40)), tones=0)
    source = tmp_path / "in.mkv"
    with av.open(str(silent)) as reader, av.open(str(source), "w") as output:
        video = output.add_stream_from_template(reader.streams.video[0])
        track = output.add_stream("aac", rate=44100, layout="mono")
        for packet in reader.demux():
            if packet.dts is not None:
                packet.stream = video
                output.mux(packet)
        for first in range(0, 44100 * length_s, 1024):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            samples.sample_rate, samples.pts, samples.time_base = (
                44100,
                first + 44100 * start_s,
                Fraction(1, 44100),
            )
            output.mux(track.encode(samples))
        output.mux(track.encode(None))
    copy(source, tmp_path / "out.mkv")
    assert sound(tmp_path / "out.mkv") == sound(source)
    assert float(sound(source)[0][0][0]) == pytest.approx(start_s, abs=0.05)


def test_a_bare_stream_without_times_or_length_is_painted(tmp_path):
    source = write_video(
        tmp_path / "in.mp4",
        pts=list(range(0, 2400, 40)),
        tones=0,
        options={"bf": "2", "preset": "fast"},
    )
    bare = tmp_path / "in.h264"
    with av.open(str(source)) as reader, av.open(str(bare), "w", format="h264") as output:
        stream = output.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux():
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    with VideoFile(bare) as video:
        assert video.info.duration_s is None
    copy(bare, tmp_path / "out.mp4")
    written = times(tmp_path / "out.mp4")
    assert len(written) == 60
    assert all(later > earlier for earlier, later in itertools.pairwise(written))


def test_a_jpeg_of_printing_colours_is_read(tmp_path):
    path = tmp_path / "cmyk.jpg"
    Image.new("CMYK", (32, 32), (0, 255, 255, 0)).save(path, quality=95)
    with VideoFile(path) as picture:
        red, green, blue = next(picture.frames()).pixels[16, 16].astype(int)
    assert red > 200 > 60 > max(green, blue)


def test_pipes_and_devices_that_are_named_are_refused(tmp_path):
    if sys.platform == "win32":
        pytest.skip("named pipes are POSIX")
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", Path("/dev/null")):
        with pytest.raises(SourceError, match="not a file"):
            VideoFile(path)


def giant_png(height: int, width: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits on processes are POSIX")
@pytest.mark.parametrize("size", [(16_384, 16_384), (65_500, 65_500)])
def test_a_size_bomb_is_refused_before_memory_is_taken(tmp_path, size):
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(giant_png(*size))
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
from pathlib import Path
from realtime.cli import run
from stylize_video import main
import sys
sys.argv = ["stylize_video.py", {str(bomb)!r}, "-o", {str(tmp_path / "out.png")!r}]
run(main)"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_million_frames_a_second_are_as_good_as_any(tmp_path):
    pts = list(range(20))
    source = write_video(tmp_path / "in.mp4", pts=pts, time_base=Fraction(1, 1_000_000), tones=0)
    copy(source, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == [Fraction(time, 1_000_000) for time in pts]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX shells and names")
@pytest.mark.parametrize(
    "name", ["clip.mp4", os.fsdecode(b"clip\xff.mp4")], ids=["plain name", "name that is no text"]
)
def test_a_bare_environment_and_closed_streams_do_no_harm(tmp_path, name):
    write_tiny_model(tmp_path / "tiny.onnx")
    source = write_video(tmp_path / "in.mp4", tones=0).rename(tmp_path / name)
    command = [
        sys.executable,
        "stylize_video.py",
        str(source),
        "--engine",
        "passthrough",
        "--model",
        str(tmp_path / "tiny.onnx"),
    ]
    environment = {key: os.environ[key] for key in ("PATH", "LIVEBRUSH_CACHE", "LIVEBRUSH_MODELS")}
    for closed in ("", ">&-", ">&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f'"$@" </dev/null {closed}', "sh", *command, "-y"],
            cwd=ROOT,
            env={**environment, "LANG": "C", "LC_ALL": "C", "NO_COLOR": "1", "HOME": str(tmp_path)},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert b"\x1b[" not in done.stderr
    assert len(list(tmp_path.glob("clip*_negative.mp4"))) == 1
