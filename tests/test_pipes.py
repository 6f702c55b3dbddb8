"""The program between other programs: video on standard input and output, words only on standard
error.
"""

import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engines.errors import UsageError
from realtime.media.pipes import RawVideo, parse_raw
from realtime.media.reading.video_file import VideoFile
from tests.conftest import moving_square
from tests.realtime.media.test_write_video import times

ROOT = Path(__file__).parents[1]


def start(model, *arguments, **streams) -> subprocess.Popen:
    flags = ["--model", model.path, "--engine", "onnxruntime", "--brush", "2"]
    command = [sys.executable, "stylize_video.py", *map(str, arguments), *map(str, flags)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **streams,
    )


def decoded(data: bytes, folder: Path) -> list[np.ndarray]:
    (folder / "piped.y4m").write_bytes(data)
    with VideoFile(folder / "piped.y4m") as video:
        return [frame.pixels for frame in video.frames()]


def test_y4m_goes_in_and_comes_out(make_video, tiny_model, tmp_path):
    program = start(tiny_model, make_video(), "-o", "-", "-s", "negative")
    first, err = program.communicate(timeout=60)
    assert (program.returncode, first[:10]) == (0, b"YUV4MPEG2 "), err
    assert b"10 frames" in err
    program = start(tiny_model, "-", "-o", "-", "-s", "negative")
    second, err = program.communicate(first, timeout=60)
    assert program.returncode == 0, err
    again = decoded(second, tmp_path)
    assert len(again) == 10
    for index, pixels in enumerate(again):
        assert np.abs(pixels.astype(int) - moving_square(index, (48, 64))).mean() < 6


def test_bare_pixels_go_in_and_come_out_exactly(tiny_model):
    pixels = np.stack([moving_square(index, (47, 63)) for index in range(5)])
    program = start(
        tiny_model, "-", "--raw-input", "63x47@25", "-o", "-", "--raw-output", "-s", "original"
    )
    out, err = program.communicate(pixels.tobytes(), timeout=60)
    assert program.returncode == 0, err
    np.testing.assert_array_equal(np.frombuffer(out, np.uint8).reshape(pixels.shape), pixels)
    assert b"rgb24 63x47 at 25" in err


def test_a_container_can_be_piped_into_a_file(make_video, tiny_model, tmp_path):
    source = make_video("in.mkv", pts=[0, 40, 45, 400, 1000])
    program = start(tiny_model, "-", "-o", tmp_path / "out.mp4")
    _, err = program.communicate(source.read_bytes(), timeout=60)
    assert program.returncode == 0, err
    assert times(tmp_path / "out.mp4") == times(source)


def test_a_variable_rate_keeps_its_pace_at_a_constant_one(make_video, tiny_model, tmp_path):
    """Five frames over a second, the last but one shown for most of it."""
    source = make_video(pts=[0, 40, 80, 120, 960], tones=0)
    with VideoFile(source) as video:
        rate = video.info.rate
    out, err = start(tiny_model, source, "-o", "-", "-s", "original").communicate(timeout=60)
    pixels = decoded(out, tmp_path)
    assert abs(len(pixels) / rate - 1) <= 2 / rate, err
    changes = [
        index
        for index in range(1, len(pixels))
        if not np.array_equal(pixels[index], pixels[index - 1])
    ]
    assert changes[-1] == round(Fraction(960, 1000) * rate)


def test_a_reader_that_goes_away_ends_it_cleanly(make_video, tiny_model):
    source = make_video(pts=list(range(0, 20_000, 40)), size=(240, 320), tones=0)
    with start(tiny_model, source, "-o", "-") as program:
        assert program.stdout.read(10) == b"YUV4MPEG2 "
        program.stdout.close()
        err = program.stderr.read()
        assert (program.wait(timeout=30), b"Traceback" in err, b"Exception" in err) == (
            0,
            False,
            False,
        ), err


def test_a_signal_ends_the_wait_for_a_pipe(tiny_model):
    program = start(tiny_model, "-", "--raw-input", "64x48@25", "-o", "-")
    program.stdin.write(bytes(64 * 48 * 3 * 3))
    program.stdin.flush()
    while not program.stdout.read(1):
        time.sleep(0.01)
    program.send_signal(signal.SIGTERM)
    assert program.wait(timeout=30) == 143
    program.communicate()


def test_what_cannot_be_is_said(make_video, tiny_model, tmp_path):
    for arguments, data, code, message in (
        (["-"], b"", 2, b"-o"),
        (["-", "-o", tmp_path / "out.mp4"], b"no video" * 100, 3, b"--raw-input"),
        ([make_video(), "-o", "-", "--json"], b"", 2, b"--json"),
        (["-", "-o", "-", "--raw-input", "64@25"], b"", 2, b"--raw-input"),
    ):
        program = start(tiny_model, *arguments)
        out, err = program.communicate(data, timeout=60)
        assert (program.returncode, out, message in err) == (code, b"", True), err


def test_a_file_may_be_called_like_the_pipe(make_video, tiny_model, tmp_path):
    make_video("x.mp4").rename(tmp_path / "-")
    program = start(tiny_model, tmp_path / "-", "-o", tmp_path / "out.mp4")
    assert program.communicate(timeout=60) and program.returncode == 0


@pytest.mark.parametrize(
    "text", ["", "640x480", "640x480@", "640x480@0", "640x480@1/0", "640x480@x", "x@25"]
)
def test_raw_needs_size_and_rate(text):
    with pytest.raises(UsageError, match="--raw-input"):
        parse_raw(text)
    assert parse_raw("640x480@30000/1001") == RawVideo((480, 640), Fraction(30000, 1001))


def test_y4m_tells_its_range(make_video, tiny_model):
    out, _ = start(tiny_model, make_video(coding=(6, 2)), "-o", "-").communicate(timeout=60)
    assert b"XCOLORRANGE=FULL" in out.partition(b"\n")[0]
