"""Whole films: decoded on the GPU and on the CPU, painted into nothing and into a file."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np

from bench import ROOT
from bench.trial.trial import Facts, Size, Trial

_FRAMES, _DRY_FRAMES = 120, 12
_RATE = 25


def run(trial: Trial) -> None:
    """Report films through the engine alone and through the program."""
    if importlib.util.find_spec("av") is None:
        trial.report("films", problem="PyAV is not installed: no film can be read")
        return
    for size in trial.sizes[1:3]:
        clip = trial.folder / f"{size[1]}x{size[0]}.mp4"
        trial.attempt(f"clip, {size[1]}x{size[0]}", partial(_write_clip, trial, clip, size))
        what = f"file to nothing, {size[1]}x{size[0]}"
        trial.attempt(what, partial(_through, trial, clip, size, None))
        what = f"file to file, {size[1]}x{size[0]}"
        trial.attempt(what, partial(_through, trial, clip, size, trial.folder / "painted.mp4"))
    trial.attempt("the program", partial(_program, trial, clip))


def _write_clip(trial: Trial, clip: Path, size: Size) -> Facts:
    """Write moving waves and noise as H.264: a clip that need not be carried along."""
    import av

    frames = _DRY_FRAMES if trial.is_dry else _FRAMES
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 3, (height, width, 3)).astype(np.float32)
    with av.open(str(clip), "w") as output:
        video = output.add_stream("libx264", rate=_RATE, options={"preset": "veryfast"})
        video.height, video.width, video.pix_fmt = height, width, "yuv420p"
        for number in range(frames):
            waves = [
                np.sin((x * (c + 1) + y * (3 - c) + 4 * number) * 30 / width) for c in range(3)
            ]
            picture = np.clip(128 + 80 * np.stack(waves, 2) + noise, 0, 255).astype(np.uint8)
            output.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(video.encode())
    return {"frames": frames, "size_bytes": clip.stat().st_size}


def _through(trial: Trial, clip: Path, size: Size, output: Path | None) -> Facts:
    from bench.targets.gpu_table import encoder_here, from_file
    from engines import EngineOptions, find_model, open_engine

    options = EngineOptions(trial.device, throughput=True)
    encoder = encoder_here() if trial.is_on_gpu else "libx264"
    with open_engine("torch", find_model(None, []), options, size) as engine:
        found = from_file(engine, clip, output, encoder)
    return {**found._asdict(), "encoder": encoder if output else None}


def _program(trial: Trial, clip: Path) -> Facts:
    """Run stylize_video.py as its users do."""
    output = trial.folder / "film.mp4"
    done = subprocess.run(
        [
            sys.executable,
            "stylize_video.py",
            clip,
            "-s",
            "starry_night",
            "--engine",
            "torch",
            "--device",
            trial.device,
            "-o",
            output,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    last = (done.stdout + done.stderr).strip().splitlines()[-3:]
    return {"exit": done.returncode, "said": last, "written": output.exists()}
