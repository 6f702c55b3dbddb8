"""`python -m training optimise CONTENT STYLE`: paint one picture by descending on its pixels.

The method is that of Gatys et al. 2016. It takes minutes a picture and has no network to be held
back by: the yardstick of what a style can look like under our losses.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import SinkError, UsageError
from training.commands.flags import add_vgg
from training.data import PHOTO_SUFFIXES

_DESCRIPTION = """Paints one photo by descending on its pixels (Gatys et al. 2016): minutes a
picture, as a yardstick of what a style can look like."""
STEPS, SIZE_PX, STYLE_WEIGHT = 150, 384, 12.0
_SIZES_PX = (64, 1024)
_PREVIEW_EVERY = 10


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "optimise", help="paint one picture slowly, as a yardstick", description=_DESCRIPTION
    )
    parser.add_argument("content", type=Path, help="the photo")
    parser.add_argument("style", type=Path, help="the painting")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.png", help="default: CONTENT_STYLE.png, here"
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS, help=f"evaluations of the losses (default: {STEPS})"
    )
    parser.add_argument(
        "--size",
        type=int,
        default=SIZE_PX,
        metavar="PX",
        help=f"short side of both (default: {SIZE_PX})",
    )
    parser.add_argument(
        "--style-weight",
        type=float,
        default=STYLE_WEIGHT,
        help=f"of the style against the content (default: {STYLE_WEIGHT:g})",
    )
    add_vgg(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Paint one picture and write it.

    Raises UsageError, TrainingError.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from training.data import read_photo, resize_short_side
    from training.evaluate.likeness import Likeness, content_distance, style_distance
    from training.pixels import Step, optimise
    from training.vgg import load_vgg

    output = _checked_output(args)
    photo, painting = (
        resize_short_side(read_photo(path), args.size) for path in (args.content, args.style)
    )
    vgg = load_vgg(args.vgg)
    preview = output.with_name(f"{output.stem}.preview{output.suffix}")
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, refresh_per_second=1) as progress:
        task = progress.add_task("", total=args.steps, losses=f"{preview} shows how far it is")

        def show(step: Step) -> None:
            losses = " ".join(f"{k} {v:.3g}" for k, v in step.losses.items())
            progress.update(task, completed=step.evaluations, losses=losses)
            if step.evaluations % _PREVIEW_EVERY == 0:
                _save(preview, step.picture)

        painted = optimise(vgg, photo, painting, args.steps, args.style_weight, show)
    _save(output, painted)
    preview.unlink(missing_ok=True)
    likeness = Likeness(vgg)
    before, after, wanted = (likeness.features(picture) for picture in (photo, painted, painting))
    style_rel = style_distance(after, wanted) / style_distance(before, wanted)
    print(
        f"{output}: style {style_rel:.3f} of the photo's distance to the painting, content "
        f"{content_distance(after, before):.2f}"
    )


def _checked_output(args: argparse.Namespace) -> Path:
    for path in (args.content, args.style):
        if not path.is_file():
            raise UsageError(f"{path}: no such picture.")
    if not _SIZES_PX[0] <= args.size <= _SIZES_PX[1]:
        raise UsageError(
            f"--size must lie between {_SIZES_PX[0]} and {_SIZES_PX[1]}, not {args.size}."
        )
    if args.steps < 1 or not args.style_weight > 0:
        raise UsageError("--steps must be at least 1, and --style-weight more than 0.")
    output = args.output or Path(f"{args.content.stem}_{args.style.stem}.png")
    if output.suffix.lower() not in PHOTO_SUFFIXES:
        raise UsageError(f"-o {output}: must end in {', '.join(sorted(PHOTO_SUFFIXES))}.")
    if output.exists():
        raise UsageError(f"{output} exists. Choose another name with -o.")
    return output


def _save(path: Path, picture: np.ndarray) -> None:
    """Under its name only when it is whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as written:
            cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tofile(written)
    except OSError as error:
        raise SinkError(
            f"{path}: cannot be written ({error.strerror}). Choose another place with -o."
        ) from error
