"""`python -m training sheet OLD NEW --photos FILE...`: models side by side, to be looked at."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import SinkError, UsageError
from training.commands.flags import add_vgg
from training.commands.optimise import SIZE_PX, STEPS, STYLE_WEIGHT

if TYPE_CHECKING:
    from training.evaluate.candidates import ModelCandidate

    Pictures = dict[tuple[str, int], np.ndarray]  # by style, and the number of the photo

_SIZE = (480, 640)  # (height, width) at which photos are painted
_MISSING_GREY = 60
_DESCRIPTION = """Paints photos in every style of one or more models, with default settings, and
writes one sheet a style: a row for each photo, which stands first, then a column for each model. A
place is grey where a model lacks the style."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "sheet", help="paint photos by several models, side by side", description=_DESCRIPTION
    )
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="model files, or names of installed models"
    )
    parser.add_argument(
        "--photos", type=Path, nargs="+", required=True, metavar="FILE", help="pictures to paint"
    )
    parser.add_argument(
        "--styles", metavar="NAME,NAME", help="these only (default: all of the last model)"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("out") / "sheet",
        metavar="DIR",
        help="write STYLE.jpg there (default: out/sheet)",
    )
    parser.add_argument(
        "--optimise",
        action="store_true",
        help=f"a last column by `python -m training optimise` ({STEPS} steps at {SIZE_PX} px): "
        "minutes for each picture",
    )
    parser.add_argument(
        "--data", type=Path, default=Path("."), help="for --optimise: folder with styles/"
    )
    parser.add_argument(
        "--painting",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="for --optimise: the picture that a style shall look like",
    )
    parser.add_argument("--engine", default="auto", help="as of stylize_video.py (default: auto)")
    parser.add_argument(
        "--precision", default="auto", help="as of stylize_video.py (default: auto)"
    )
    add_vgg(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Paint the photos and write a sheet for each style.

    Raises UsageError, EngineUnavailable, ModelError, SinkError or TrainingError, before the long
    part where it can.
    """
    from engines import EngineOptions, find_model
    from realtime.files.sheet import contact_sheet
    from training.data import read_photo
    from training.evaluate.candidates import ModelCandidate, painted_styles, parse_paintings

    for photo in args.photos:
        if not photo.is_file():
            raise UsageError(f"--photos {photo}: no such picture.")
    models, given = [find_model(name, []) for name in args.models], parse_paintings(args.painting)
    names = args.styles.split(",") if args.styles else list(models[-1].style_names[1:])
    for name in names:
        if not any(name in model.style_names[1:] for model in models):
            models[-1].index(name)  # says which names are near
            raise UsageError(f"--styles {name}: stands first on every sheet. Name paintings only.")
    options = EngineOptions(precision=args.precision)
    candidates = [
        ModelCandidate(model, painted_styles(model, args.data, given), args.engine, options)
        for model in models
    ]
    optimise = _optimiser(args, names, candidates) if args.optimise else None
    photos = [_framed(read_photo(path)) for path in args.photos]
    columns = [_paint(candidate, names, photos) for candidate in candidates]
    missing = np.full_like(photos[0], _MISSING_GREY)
    for name in names:
        cells = []
        for number, photo in enumerate(photos):
            cells.append((args.photos[number].stem, photo))
            for model, painted in zip(args.models, columns, strict=True):
                cells.append((f"{name}, {model}", painted.get((name, number), missing)))
            if optimise:
                cells.append((f"{name}, optimised", optimise(photo, name)))
        print(_write(args.out, name, contact_sheet(cells, len(cells) // len(photos))))


def _paint(candidate: ModelCandidate, names: list[str], photos: list[np.ndarray]) -> Pictures:
    """Paint every photo in those of the styles that ``candidate`` has."""
    found = {}
    with candidate.start(_SIZE) as open_style:
        for style in candidate.styles:
            if style.name in names:
                for number, photo in enumerate(photos):  # each begins anew
                    found[style.name, number] = open_style(style)(photo)
    return found


def _optimiser(
    args: argparse.Namespace, names: list[str], candidates: list[ModelCandidate]
) -> Callable[[np.ndarray, str], np.ndarray]:
    """Return what paints a photo by the name of a style. Raises UsageError, TrainingError."""
    from training.data import read_photo, resize_short_side
    from training.pixels import optimise
    from training.vgg import load_vgg

    known = {s.name: s.painting for c in candidates for s in c.styles if s.painting}
    for name in names:
        if name not in known:
            raise UsageError(
                f"--optimise: no painting is known for {name}. Give the folder that holds styles/ "
                f"with --data DIR, or the picture with --painting {name}=FILE."
            )
    vgg = load_vgg(args.vgg)

    def paint(photo: np.ndarray, name: str) -> np.ndarray:
        small, painting = (
            resize_short_side(picture, SIZE_PX) for picture in (photo, read_photo(known[name]))
        )
        return resize_short_side(optimise(vgg, small, painting, STEPS, STYLE_WEIGHT), _SIZE[0])

    return paint


def _framed(photo: np.ndarray) -> np.ndarray:
    """Return the middle of a photo, at the size and in the shape of a webcam's frame."""
    height, width = photo.shape[:2]
    scale = max(_SIZE[0] / height, _SIZE[1] / width)
    size = (max(_SIZE[1], round(width * scale)), max(_SIZE[0], round(height * scale)))
    large = cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (large.shape[0] - _SIZE[0]) // 2, (large.shape[1] - _SIZE[1]) // 2
    return np.ascontiguousarray(large[top : top + _SIZE[0], left : left + _SIZE[1]])


def _write(folder: Path, name: str, sheet: np.ndarray) -> Path:
    """Write a sheet, which has its name only when it is whole."""
    path = folder / f"{name}.jpg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as written:
            cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tofile(written)
    except OSError as error:
        raise SinkError(
            f"{path}: cannot be written ({error.strerror}). Choose another place with -o."
        ) from error
    return path
