"""--refine: seconds of training for the pictures that are styles, before anything is painted.

Training needs PyTorch, so it is a process of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import EngineUnavailable, SourceError, UsageError
from engines.folders import cache_dir
from engines.style_row import ENDING, StyleRow, read_row
from realtime.cli import say
from realtime.files.batches import Batch
from realtime.media.pipes import STDIO
from realtime.media.reading.style_pictures import read_style_picture
from realtime.media.reading.video_file import VideoFile

_FRAMES = 12
_ROOT = Path(__file__).parents[2]


def refine_batches(
    batches: Sequence[Batch], seconds: float, scale: float, vgg: Path | None
) -> list[Batch]:
    """Return ``batches`` with rows that paint more like their pictures, on what will be painted.

    seconds: for each picture. scale: --style-scale. vgg: the weights of VGG16, None: downloaded.
    The same call again finds the rows that it made, so --resume goes on with them. Raises
    UsageError, and EngineUnavailable where training cannot be run here.
    """
    if not seconds > 0:
        raise UsageError(f"--refine must be more than 0 seconds, got {seconds:g}.")
    found = list(batches)
    for number, batch in enumerate(batches):
        inputs = [source for source, _ in batch.jobs]
        if not batch.options.rows:
            raise UsageError("--refine: is for pictures as styles. For example: -s picture.jpg")
        if not inputs or STDIO in inputs:
            raise UsageError("--refine: looks at the input before, so it cannot be a pipe.")
        rows = tuple(
            _refined(row, inputs, seconds, scale, vgg)
            if Path(row.typed).suffix.lower() != ENDING
            else row
            for row in batch.options.rows
        )
        options = replace(batch.options, rows=rows)
        found[number] = replace(batch, model=batch.model.with_rows(rows), options=options)
    return found


def _refined(
    row: StyleRow, inputs: Sequence[Path], seconds: float, scale: float, vgg: Path | None
) -> StyleRow:
    kept = cache_dir() / "refined" / f"{_digest(row, inputs, seconds)}{ENDING}"
    if not kept.exists():
        say(f"refining {row.typed} for {seconds:g} s")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="livebrush-") as folder:
            frames = Path(folder) / "frames"
            frames.mkdir()
            for number, pixels in enumerate(_frames_of(inputs)):
                _write(frames / f"{number:02d}.png", pixels)
            picture = Path(folder) / "picture.png"
            _write(picture, read_style_picture(Path(row.typed)))
            made = Path(folder) / f"{row.style.name}{ENDING}"
            _train(picture, made, frames, seconds, scale, vgg)
            with atomic_write(kept) as written:
                written.write_bytes(made.read_bytes())
    refined = read_row(kept)
    return replace(row, row=refined.row, digest=refined.digest)


def _digest(row: StyleRow, inputs: Sequence[Path], seconds: float) -> str:
    """Return what the row is known by: what it is made from, and how long."""
    about = [row.digest, f"{seconds:g}"]
    for path in inputs[:_FRAMES]:
        state = path.stat()
        about.append(f"{path.resolve()} {state.st_size} {state.st_mtime_ns}")
    return hashlib.sha256("\n".join(about).encode()).hexdigest()


def _frames_of(inputs: Sequence[Path]) -> list[np.ndarray]:
    """Return up to a dozen frames, (H, W, 3) uint8 RGB, from all over the first inputs."""
    frames = []
    chosen = inputs[:_FRAMES]
    each = -(-_FRAMES // len(chosen))
    for path in chosen:
        with VideoFile(path) as video:
            film_s = 0 if video.info.is_picture else video.info.duration_s or 0
        duration_s = Fraction(film_s).limit_denominator(1000)
        starts_s = [duration_s * n / each for n in range(each)] if duration_s else [Fraction(0)]
        for start_s in starts_s:
            # A film may end before it says so; one without any frame is said by those who paint it.
            with contextlib.suppress(SourceError), VideoFile(path, start_s=start_s) as video:
                frames.append(np.asarray(next(iter(video.frames())).pixels))
    return frames


def _write(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def _train(
    picture: Path, made: Path, frames: Path, seconds: float, scale: float, vgg: Path | None
) -> None:
    command = [sys.executable, "-m", "training", "refine", str(picture), "-o", str(made)]
    command += ["--photos", str(frames), "--seconds", f"{seconds:g}", "--style-scale", f"{scale:g}"]
    command += ["--vgg", str(vgg.resolve())] if vgg else []
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=frames.parent
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no word why"]
        raise EngineUnavailable(f"--refine: {lines[-1].removeprefix('error: ')}")
