"""--refine: seconds of training for the pictures that are styles, before anything is painted."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.errors import SourceError, UsageError
from engines.folders import cache_dir
from engines.style_row import ENDING, StyleRow, read_row, write_row
from realtime.cli import say
from realtime.files.batches import Batch
from realtime.media.pipes import STDIO
from realtime.media.reading.style_pictures import read_style_picture
from realtime.media.reading.video_file import VideoFile
from realtime.media.refining import NO_PICTURE, Refinable, Refining, check_seconds, nearer

_FRAMES = 12


def refine_batches(
    batches: Sequence[Batch], seconds: float, scale: float, vgg: Path | None
) -> list[Batch]:
    """Return ``batches`` with rows that paint more like their pictures, on what will be painted.

    seconds: for each picture. scale: --style-scale. vgg: the weights of VGG16, None: downloaded.
    The same call again finds the rows that it made, so --resume goes on with them. Raises
    UsageError, and EngineUnavailable where training cannot be run here.
    """
    check_seconds(seconds)
    found = list(batches)
    for number, batch in enumerate(batches):
        inputs = [source for source, _ in batch.jobs]
        if not any(row.is_of_picture for row in batch.options.rows):
            raise UsageError(NO_PICTURE)
        if not inputs or STDIO in inputs:
            raise UsageError("--refine: looks at the input before, so it cannot be a pipe.")
        rows = tuple(
            _refined(row, inputs, seconds, scale, vgg) if row.is_of_picture else row
            for row in batch.options.rows
        )
        options = replace(batch.options, rows=rows)
        found[number] = replace(batch, models=batch.models.with_rows(rows), options=options)
    return found


def _refined(
    row: StyleRow, inputs: Sequence[Path], seconds: float, scale: float, vgg: Path | None
) -> StyleRow:
    kept = cache_dir() / "refined" / f"{_digest(row, inputs, seconds)}{ENDING}"
    if not kept.exists():
        say(f"refining {row.typed} for {seconds:g} s")
        picture = read_style_picture(Path(row.typed))
        wanted = Refinable(picture, row, frames_of(inputs), scale, vgg)
        *_, (best, share) = [(row, 1.0), *Refining(wanted, seconds).rows()]
        say(f"{row.typed}: {nearer(share)}")
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_row(kept, best)
    refined = read_row(kept)
    return replace(row, row=refined.row, digest=refined.digest)


def _digest(row: StyleRow, inputs: Sequence[Path], seconds: float) -> str:
    """Return what the row is known by: what it is made from, and how long."""
    about = [row.digest, f"{seconds:g}"]
    for path in inputs[:_FRAMES]:
        state = path.stat()
        about.append(f"{path.resolve()} {state.st_size} {state.st_mtime_ns}")
    return hashlib.sha256("\n".join(about).encode()).hexdigest()


def frames_of(inputs: Sequence[Path]) -> list[np.ndarray]:
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
