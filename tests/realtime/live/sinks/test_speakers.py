"""The sound of a film on the speakers: in step, without gaps, and what the device gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import run_cam
from engines.errors import UsageError
from realtime.live.sinks.speakers import Speakers, Waiting
from realtime.live.sound import RATE
from realtime.live.sources.synthetic import Synthetic
from tests.clips import write_clip

ROOT = Path(__file__).parents[4]
BLOCK_S, FRAME_S = 0.01, 0.04


def heard_after(late_s: float, seconds: float, waiting: Waiting | None = None) -> np.ndarray:
    """Play sound whose samples are their own times, frame by frame; return what is heard.

    late_s: how late its pictures are.
    """
    waiting = waiting or Waiting()
    waiting.late_s = late_s
    block, frame = round(BLOCK_S * RATE), round(FRAME_S * RATE)
    heard = []
    for n in range(round(seconds / BLOCK_S)):
        if n % 4 == 0:
            times = (np.arange(frame) + n // 4 * frame + 1) / RATE
            waiting.add(np.repeat(times.astype(np.float32)[:, None], 2, axis=1))
        heard.append(waiting.take(block))
    return np.concatenate(heard)[:, 0]


@pytest.mark.parametrize("late_s", [0.0, 0.1, 0.4])
def test_sound_is_as_late_as_the_pictures_and_has_no_gap(late_s: float):
    heard = heard_after(late_s, 2.0)
    begun = np.flatnonzero(heard)[0]
    assert np.allclose(np.diff(heard[begun:]), 1 / RATE, atol=1e-5)
    # What is heard at the end was due so long ago; the device adds its own.
    behind_s = len(heard) / RATE - heard[-1]
    assert behind_s == pytest.approx(max(0.06, late_s - 0.03), abs=0.05)


def test_when_pictures_come_later_or_sooner_sound_follows():
    waiting = Waiting()
    heard_after(0.1, 1.0, waiting)
    late = heard_after(0.6, 1.5, waiting)
    assert 0.3 < (late == 0).mean() * 1.5 < 0.6  # silence once, until it is as late
    sooner = heard_after(0.1, 1.0, waiting)
    assert (sooner == 0).sum() == 0 and 1.0 - sooner[-1] < 0.15  # what was too much is left out


def test_without_sound_it_says_so():
    args = run_cam.parse_args(["--speakers"])
    with pytest.raises(UsageError, match=r"--speakers: .* has no sound"):
        Speakers.from_args(args, Synthetic((8, 8)), (8, 8))


def test_the_device_gets_the_films_tone(tmp_path: Path):
    """By SDL's driver that writes what would be heard into a file."""
    clip, out = write_clip(tmp_path / "clip.mp4", frames=60), tmp_path / "heard.raw"
    done = subprocess.run(
        [
            *(sys.executable, "run_cam.py", "--source", str(clip), "--speakers", "--headless"),
            *("--fresh", "--engine", "passthrough", "--size", "64x48"),
        ],
        cwd=ROOT,
        env={**os.environ, "SDL_AUDIODRIVER": "disk", "SDL_DISKAUDIOFILE": str(out)},
        timeout=100,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    heard = np.fromfile(out, np.float32).reshape(-1, 2)[:, 0]
    loud = np.abs(heard.reshape(-1, 512)).max(axis=1) > 0.05
    begun = np.flatnonzero(loud)[0]
    assert loud.sum() * 512 / RATE > 1.5  # of 2.4 s
    assert loud[begun : begun + 100].mean() > 0.9  # about a second
