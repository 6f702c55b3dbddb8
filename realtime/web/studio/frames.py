"""Paints one frame of a file in many styles, each into a picture of its own.

A program that only the studio starts: python -m realtime.web.studio.frames INPUT SECONDS FOLDER
STYLE ...
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from engines import EngineOptions, installed_models, open_engine
from engines.atomic_write import atomic_write
from engines.model_file import ORIGINAL
from realtime import cli
from realtime.exits import end_by_exceptions
from realtime.frame import Frame
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.picture_file import encode_picture
from realtime.picture.sizes import fit_size, network_size
from realtime.stylizer import Stylizer

_BOX = (480, 854)  # (height, width): at these lines strokes are as broad as in the painting


def main(argv: list[str]) -> int:
    """Paint, and return the exit code. Raises LivebrushError."""
    source, begin_s, folder, *styles = argv
    pixels = read_frame(Path(source), Fraction(begin_s))
    write_frames(pixels, Path(folder), styles)
    return 0


def read_frame(path: Path, begin_s: Fraction) -> np.ndarray:
    """Return the first frame from ``begin_s`` on, (H, W, 3) uint8 RGB, small enough to look at.

    Raises SourceError.
    """

    def shrink(size: tuple[int, int]) -> tuple[int, int]:
        fits = size[0] <= _BOX[0] and size[1] <= _BOX[1]
        return size if fits else fit_size(size, _BOX)

    with VideoFile(path, begin_s or None, resize=shrink) as video:
        return np.asarray(next(video.frames()).pixels)


def write_frames(pixels: np.ndarray, folder: Path, styles: list[str]) -> None:
    """Write ``pixels``, (H, W, 3) uint8 RGB, as it is and in ``styles``: STYLE.jpg in ``folder``.

    Raises EngineError, ModelError, OSError.
    """
    _write(folder, ORIGINAL, pixels)
    frame = Frame(pixels, 0)
    left = [style for style in styles if style != ORIGINAL]
    for model in installed_models():
        wanted = [style for style in left if style in model.style_names]
        if not wanted:
            continue
        left = [style for style in left if style not in wanted]
        with open_engine("auto", model, EngineOptions(), network_size(frame.size, 1.0)) as engine:
            for style in wanted:
                painted = Stylizer(engine, Look(((style, 1.0),))).stylize(frame, 0.0)
                _write(folder, style, painted)


def _write(folder: Path, style: str, pixels: np.ndarray) -> None:
    with atomic_write(folder / f"{style}.jpg") as written:
        written.write_bytes(encode_picture(pixels, ".jpg"))


if __name__ == "__main__":
    end_by_exceptions()
    cli.run(main)
