"""`python -m training refine PICTURE`: seconds of training that bring a picture's style nearer."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import UsageError
from engines.predictor import SCALE_RANGE
from training.commands.flags import BUNDLED_WEIGHTS, PREDICTOR_CONFIG, add_vgg

if TYPE_CHECKING:
    from torch import Tensor

    from engines.style_row import StyleRow


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "refine",
        help="a picture's style, nearer to it with every second",
        description="Train on the row of a picture's style, which -s PICTURE only predicts, on "
        "photos of what is filmed. The programs' own --refine does it for you.",
    )
    parser.add_argument("picture", type=Path, help="the picture whose style is wanted")
    parser.add_argument("-o", "--output", type=Path, required=True, help="NAME.row to write")
    parser.add_argument("--seconds", type=float, default=30.0, help="time to train (default: 30)")
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="DIR|CLIP",
        help="photos like what you film, or a clip (default: seven that scikit-image and "
        "matplotlib carry)",
    )
    parser.add_argument(
        "--style-scale",
        type=float,
        default=1.0,
        metavar="0.5..2",
        help="2 makes strokes twice as broad (default: 1)",
    )
    parser.add_argument(
        "--from",
        dest="begin",
        type=Path,
        metavar="NAME.row",
        help="a row of the same picture to go on from (default: the predicted one)",
    )
    parser.add_argument(
        "--watch-stdin",
        action="store_true",
        help="end when standard input does: so the program that started this cannot be outlived",
    )
    add_vgg(parser)
    parser.add_argument(
        "--no-download", action="store_true", help="end where VGG16's weights are not here"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Predict the picture's row, refine it, and write it every few seconds that it got better.

    Each time a line begins with its loss over that of the first one, on photos that are held out.
    Raises UsageError, SourceError, ModelError or TrainingError.
    """
    if args.watch_stdin:
        threading.Thread(target=_leave_with_stdin, name="stdin", daemon=True).start()
    _check(args)
    from engines.predictor import Predictor, predictor_view
    from engines.style import Style
    from engines.style_row import StyleRow, read_row, write_row
    from training.config import load_config
    from training.data import read_photo
    from training.photos import gather_photos
    from training.predictor.pictures import middle_view
    from training.predictor.refine import refine
    from training.vgg import load_vgg

    predictor = Predictor()
    shown = predictor_view(read_photo(args.picture), args.style_scale)
    style = Style(args.output.stem, args.output.stem.replace("_", " "))
    start = StyleRow(style, predictor.predict(shown), predictor.network, predictor.digest(shown))
    if args.begin is not None:
        begin = read_row(args.begin)
        begin.check_network("the bundled network", start.network, len(start.row))
        start = replace(begin, style=style)

    def keep(row: Tensor, share: float) -> None:
        write_row(args.output, _refined(start, row))
        print(f"{share:.3f} of the loss that it began with", flush=True)

    write_row(args.output, start)
    with tempfile.TemporaryDirectory(prefix="livebrush-") as folder:
        refine(
            load_config(PREDICTOR_CONFIG),
            BUNDLED_WEIGHTS,
            load_vgg(args.vgg, not args.no_download),
            start.row,
            middle_view(args.picture, args.style_scale),
            gather_photos(args.photos, Path(folder) / "photos"),
            args.seconds,
            keep,
        )
    print(f"wrote {args.output}. Try: python run_cam.py -s {args.output}")


def _refined(start: StyleRow, row: Tensor) -> StyleRow:
    """Return the style with another row; its hash says so."""
    from hashlib import sha256

    values = row.numpy()
    digest = sha256(start.digest.encode() + values.tobytes()).hexdigest()
    return replace(start, row=values, digest=digest)


def _leave_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 1024):  # a buffered reader would be locked at the exit
        pass
    os._exit(1)


def _check(args: argparse.Namespace) -> None:
    if args.output.suffix != ".row":
        raise UsageError(f"-o {args.output}: a style's row is called NAME.row.")
    if not args.seconds > 0:
        raise UsageError(f"--seconds must be more than 0, got {args.seconds:g}.")
    low, high = SCALE_RANGE
    if not low <= args.style_scale <= high:
        raise UsageError(
            f"--style-scale lies between {low:g} and {high:g}, got {args.style_scale:g}."
        )
