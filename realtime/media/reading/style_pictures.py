"""Pictures and rows as styles: what -s names beside the styles of a model."""

from __future__ import annotations

import os
import re
import struct
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines import ModelFile, Models, Style
from engines.errors import ModelError, SourceError, UsageError, printable
from engines.predictor import SCALE_RANGE, Predictor, predictor_view
from engines.style import MAX_TEXT
from engines.style_row import ENDING, StyleRow, read_row
from realtime.media.format_registry import READ_ENDINGS
from realtime.media.reading.picture_files import open_picture

if TYPE_CHECKING:
    from realtime.media.reading.video_file import VideoFile

_SMALL_PX = 64  # of the short side; smaller ones have no strokes to be seen
_NAME_LENGTH = 40
_SENT_PX = 2560  # of the longer side of what a page sends

Say = Callable[[str], None]


def style_files(names: Iterable[str]) -> list[str]:
    """Return those of ``names``, as -s has them, that are files, each once.

    Raises UsageError for what would be one and is not there.
    """
    files = []
    for name in names:
        ending = Path(name).suffix.lower()
        if os.path.isfile(name) and ("." in name or os.sep in name):
            files.append(name)
        elif ending == ENDING or ending in READ_ENDINGS or os.sep in name:
            raise UsageError(
                f"-s {name}: there is no such file. A style is named without an ending; "
                "`--list-styles` shows them."
            )
    return list(dict.fromkeys(files))


def add_styles(
    models: Models, files: Sequence[str], scale: float, say: Say = lambda _: None
) -> Models:
    """Return ``models`` with ``files``, pictures or NAME.row, as styles beside their own.

    scale: --style-scale. ``say`` gets what a user may wonder at. Raises UsageError for the scale,
    SourceError for what is no picture, ModelError for what fits no model, EngineError
    where a picture cannot be made a style.
    """
    low, high = SCALE_RANGE
    if not low <= scale <= high:  # written so that NaN fails too
        raise UsageError(f"--style-scale must lie between {low:g} and {high:g}, not {scale:g}.")
    rows, predictor = list(models.rows), None
    for file in files:
        path, taken = Path(file), [*models.style_names, *(row.style.name for row in rows)]
        if path.suffix.lower() == ENDING:
            row = read_row(path)
        else:
            predictor = predictor or open_predictor(models.of_pictures)
            row = row_of(read_style_picture(path, say), path.stem, predictor, scale)
        models.check_row(row)
        rows.append(replace(row, style=distinct(row.style, taken), typed=file))
    return models.with_rows(rows)


def open_predictor(model: ModelFile) -> Predictor:
    """Return what makes pictures styles of ``model``.

    Raises ModelError for another network than the predictor's, EngineError if it cannot be run.
    """
    predictor = Predictor()
    if model.metadata.get("network") != predictor.network:
        raise ModelError(
            f"{model.name}: pictures are styles of the bundled network only. Leave --model out, "
            "or train a style of your own: python -m training add-style."
        )
    return predictor


def row_of(picture: np.ndarray, title: str, predictor: Predictor, scale: float = 1.0) -> StyleRow:
    """Return ``picture``, (H, W, 3) uint8 RGB, as a style that is named like its ``title``."""
    view = predictor_view(picture, scale)
    style = Style(name_of(title), printable(title)[:MAX_TEXT], source="a picture of yours")
    return StyleRow(style, predictor.predict(view), predictor.network, predictor.digest(view))


def name_of(title: str) -> str:
    """Return a style's name that is like ``title``."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:_NAME_LENGTH] or "picture"


def distinct(style: Style, taken: Iterable[str]) -> Style:
    """Return ``style`` under a name that is not ``taken``, and a title that says so, too."""
    name = free_name(style.name, taken)
    title = style.title if name == style.name else f"{style.title} {name.rpartition('_')[2]}"
    return replace(style, name=name, title=title[:MAX_TEXT])


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return ``name``, with a number where it is taken."""
    known, number, free = set(taken), 1, name
    while free in known:
        number += 1
        free = f"{name}_{number}"
    return free


def read_style_picture(path: Path, say: Say = lambda _: None) -> np.ndarray:
    """Return the picture ``path`` as ``read_still`` does, for a style: it may be too small for one.

    Raises SourceError for what cannot be read.
    """
    pixels = read_still(path, say)
    if min(pixels.shape[:2]) < _SMALL_PX:
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        say(f"note: {path}: has {size} pixels: little more than its colours can be taken.")
    return pixels


def read_still(path: Path, say: Say = lambda _: None) -> np.ndarray:
    """Return the picture ``path``, (H, W, 3) uint8 RGB, upright, over white; of a film its middle.

    Raises SourceError for what cannot be read.
    """
    from realtime.media.reading.video_file import VideoFile

    try:
        with VideoFile(path) as video:
            middle_s = Fraction(0) if video.info.is_picture else _middle_s(video)
            pixels = _first_of(video)
        if middle_s:
            with VideoFile(path, start_s=middle_s) as video:
                pixels = _first_of(video)
            say(f"note: {path}: is a film; its middle, at {float(middle_s):.1f} s, is taken.")
    except SourceError as error:
        text = str(error)
        if "megapixels" in text:
            text = f"{path}: is too large for a style. Make it smaller, 2000 pixels are plenty."
        raise SourceError(text) from error
    return pixels


def read_uploaded(content: bytes) -> np.ndarray:
    """Read a picture that somebody has sent, as ``read_style_picture`` does, but smaller.

    By Pillow alone: films and playlists, which may name other files, are none. Raises SourceError.
    """
    from PIL import Image, ImageOps

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(content)
        try:
            with open_picture(path) as opened:
                opened.thumbnail((_SENT_PX, _SENT_PX))
                upright = ImageOps.exif_transpose(opened).convert("RGBA")
        except (SourceError, OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
            raise SourceError("is damaged, or no picture that can be read here.") from error
    white = Image.new("RGBA", upright.size, "white")
    return np.asarray(Image.alpha_composite(white, upright).convert("RGB"))


def _middle_s(video: VideoFile) -> Fraction:
    return Fraction(video.info.duration_s or 0).limit_denominator(1000) / 2


def _first_of(video: VideoFile) -> np.ndarray:
    return np.asarray(next(iter(video.frames())).pixels)
