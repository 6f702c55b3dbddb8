"""Inputs that somebody has broken, by chance or on purpose: refused or read, never a crash, a hang
or a stack trace.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from realtime.media.writing.picture_file import encode_picture
from tests.conftest import moving_square, write_tiny_model, write_video
from tests.fuzz import mutated
from tests.realtime.media.test_write_video import copy

ROOT = Path(__file__).parents[1]
MAX_GROWTH_KB = 64  # a decoder that is kept in each would be more
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits on processes are POSIX")


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> Path:
    """One small file of each kind."""
    folder, made = tmp_path_factory.mktemp("samples"), tmp_path_factory.mktemp("made")
    clip = write_video(made / "clip.mp4", pts=list(range(0, 800, 40)))
    clip.rename(folder / "clip.mp4")
    for ending in ("mkv", "avi", "mov", "flv"):
        write_video(
            folder / f"clip.{ending}", pts=list(range(20)), tones=0, time_base=Fraction(1, 25)
        )
    copy(folder / "clip.mp4", folder / "clip.webm")
    for ending in (".png", ".jpg"):
        (folder / f"picture{ending}").write_bytes(
            encode_picture(moving_square(0, (48, 64)), ending)
        )
    write_tiny_model(folder / "tiny.onnx")
    return folder


def fuzz(samples: Path, count: int, first_seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.fuzz", str(samples), str(count), str(first_seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # a runtime may have said something before


def test_broken_inputs_are_read_or_refused(samples):
    found = fuzz(samples, 90, 0)
    assert not found["faults"]
    assert sum(found["ends"].values()) == 90
    assert min(found["ends"]["read"], found["ends"]["refused"]) > 10


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_ten_thousand_broken_inputs_are_read_or_refused(samples, record_property):
    found = fuzz(samples, 10_000, 1000)
    record_property("seen", f"{found['ends']}, memory {found['growth_kb']:+.0f} KiB in 50 inputs")
    assert not found["faults"]
    assert sum(found["ends"].values()) == 10_000
    assert found["growth_kb"] < MAX_GROWTH_KB


def program_ends_well(path: Path, output: Path, model: Path) -> int:
    command = [
        sys.executable,
        "stylize_video.py",
        path,
        "-o",
        output,
        "-y",
        "--engine",
        "passthrough",
        "--model",
        model,
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode in (0, 3, 6), (path, done.stderr)
    assert "Traceback" not in done.stderr, (path, done.stderr)
    assert output.exists() == (done.returncode == 0)
    output.unlink(missing_ok=True)
    return done.returncode


def broken_clips(samples: Path, folder: Path, seeds: range) -> list[Path]:
    clips = sorted(path for path in samples.glob("clip.*"))
    paths = [folder / f"{seed}{clips[seed % len(clips)].suffix}" for seed in seeds]
    for seed, path in zip(seeds, paths, strict=True):
        path.write_bytes(mutated(clips[seed % len(clips)].read_bytes(), random.Random(seed)))
    return paths


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_program_survives_three_hundred_broken_clips(samples, tmp_path, record_property):
    clips = broken_clips(samples, tmp_path, range(300))
    codes = Counter(
        program_ends_well(path, tmp_path / "out.mp4", samples / "tiny.onnx") for path in clips
    )
    record_property(
        "seen", ", ".join(f"exit code {code}: {count}" for code, count in sorted(codes.items()))
    )


def test_the_program_survives_broken_clips(samples, tmp_path):
    for path in broken_clips(samples, tmp_path, range(900, 904)):
        program_ends_well(path, tmp_path / "out.mp4", samples / "tiny.onnx")
