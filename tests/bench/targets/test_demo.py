"""`make demo` on a tiny clip: what it leaves, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from bench.targets import demo
from bench.tools.before_after import write_before_after
from bench.tools.clips import audio_packets, frame_count
from engines import find_model


def test_the_demo_leaves_a_painted_clip_and_a_picture(
    make_video: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = make_video("street.mp4", pts=[0, 40, 80])
    assert demo.main(["--input", str(clip), "--output", str(tmp_path / "out")]) == 0
    painted = tmp_path / "out" / f"street_{find_model(None, []).default_style}.mp4"
    assert frame_count(painted) == 3
    assert audio_packets(painted) == audio_packets(clip)
    picture = tmp_path / "out" / "before_after.png"
    assert _pixels(picture).shape[0] == 48
    said = capsys.readouterr().out
    assert str(painted) in said and str(picture) in said and "fps" in said


def test_an_unknown_style_ends_with_the_program_s_code(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    assert (
        demo.main(
            ["--input", str(make_video()), "--style", "no_such_style", "--output", str(tmp_path)]
        )
        == 2
    )


def test_before_and_after_are_the_same_frame(
    make_video: Callable[..., Path], tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    # Frames 0, 10 and 20 are looked at; 10 is the only one with detail.
    before = make_video(
        "a.mp4",
        pts=list(range(0, 840, 40)),
        pixels=lambda i: noise if i == 10 else np.full_like(noise, 9 * i),
    )
    after = make_video(
        "b.mp4",
        pts=list(range(0, 840, 40)),
        pixels=lambda i: np.full_like(noise, 200 if i == 10 else 20),
    )
    write_before_after(before, after, tmp_path / "pair.png")
    pair = _pixels(tmp_path / "pair.png")
    assert pair.shape == (48, 64 + 8 + 64, 3)
    assert pair[:, :64].std() > 40 and pair[:, 64:72].min() == 255
    assert abs(pair[:, 72:].astype(int) - 200).max() <= 3


def _pixels(path: Path) -> np.ndarray:
    with av.open(str(path)) as picture:
        return next(picture.decode(video=0)).to_ndarray(format="rgb24")
