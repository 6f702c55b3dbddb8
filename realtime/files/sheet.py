"""The contact sheet: one frame in every style, each with its name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engines import Engine, ModelFile, Models
from engines.errors import UsageError
from realtime.cli import say
from realtime.files.options import FileOptions
from realtime.files.outputs import check_output, identify
from realtime.frame import FileFrame
from realtime.look import Look
from realtime.media.format_registry import PICTURE_FORMATS
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.picture_file import PictureOutput
from realtime.picture.resample import Scaler
from realtime.picture.sizes import fit_size, network_size
from realtime.stylizer import Stylizer

_THUMBNAIL_BOX = (360, 640)  # (height, width) that each picture is fitted into
_LABEL_PX = 28
_GAP_PX = 6
_BACKGROUND = 24  # grey level


def write_sheet(
    path: Path,
    inputs: Sequence[Path],
    options: FileOptions,
    models: Models,
    open_engine: Callable[[ModelFile, tuple[int, int]], Engine],
) -> None:
    """Paint one frame in every style of ``models``, and save all as one picture.

    It is the frame at --ss, else the first. Strength, brush and colour of ``options.look`` hold for
    every style. Raises what a run would.
    """
    if len(inputs) != 1:
        raise UsageError(f"--sheet takes one INPUT, not {len(inputs)}.")
    if path.suffix.lower() not in PICTURE_FORMATS:
        raise UsageError(f"--sheet {path}: must end in {', '.join(PICTURE_FORMATS)}.")
    check_output(path, identify(inputs), options.overwrite)
    with VideoFile(
        inputs[0],
        options.start_s,
        options.end_s,
        options.resize,
        options.raw_input,
        options.deinterlace,
    ) as video:
        frame = next(video.frames())
    size, painted = network_size(frame.size, options.look.brush), dict[str, np.ndarray]()
    for model in models.files:
        with open_engine(model, size) as engine:
            for name in model.style_names:
                if models.model_of([name]) is model:
                    painted[name] = _paint(frame, name, engine, options)
    thumbnails = [(name, painted[name]) for name in models.style_names]
    output = PictureOutput(path)
    try:
        output.write(frame, contact_sheet(thumbnails))
        output.finish(0)
    finally:
        output.discard()
    say(f"{path}: {len(thumbnails)} styles of {', '.join(model.name for model in models.files)}")


def contact_sheet(
    thumbnails: Sequence[tuple[str, np.ndarray]], columns: int | None = None
) -> np.ndarray:
    """Return thumbnails with their labels as one picture, row by row.

    ``thumbnails``: (label, (H, W, 3) uint8 RGB) pairs, all of one size. columns: in a row; None:
    what makes the picture nearly square.
    """
    scaler = Scaler()
    height, width = fit_size(thumbnails[0][1].shape[:2], _THUMBNAIL_BOX)
    columns = columns or math.ceil(math.sqrt(len(thumbnails) * height / width))
    rows = math.ceil(len(thumbnails) / columns)
    step_y, step_x = height + _LABEL_PX + _GAP_PX, width + _GAP_PX
    sheet = np.full((rows * step_y + _GAP_PX, columns * step_x + _GAP_PX, 3), _BACKGROUND, np.uint8)
    for index, (label, pixels) in enumerate(thumbnails):
        y, x = _GAP_PX + index // columns * step_y, _GAP_PX + index % columns * step_x
        sheet[y : y + height, x : x + width] = scaler.resize(pixels, (height, width))
        sheet[y + height : y + height + _LABEL_PX, x : x + width] = label_strip(
            label, (_LABEL_PX, width)
        )
    return sheet


def label_strip(text: str, size: tuple[int, int]) -> np.ndarray:
    """Return ``text`` in light grey on the sheet's background: (height, width, 3) uint8 RGB.

    Drawn by Pillow's own font.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = size
    strip = Image.new("L", (width, height), _BACKGROUND)
    ImageDraw.Draw(strip).text(
        (4, height / 2), text, fill=225, font=ImageFont.load_default(height * 0.65), anchor="lm"
    )
    return np.repeat(np.asarray(strip)[..., None], 3, axis=2)


def _paint(frame: FileFrame, style: str, engine: Engine, options: FileOptions) -> np.ndarray:
    asked = options.look
    look = Look(((style, 1.0),), asked.strength, asked.brush, asked.keep_color)
    look = replace(look, grade=asked.grade, grade_strength=asked.grade_strength)
    return Stylizer(engine, look, pictures=options.pictures).stylize(frame, 0.0)
