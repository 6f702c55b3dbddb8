"""`python -m training optimise CONTENT STYLE`: paint one picture by descending on its pixels.

The method is that of Gatys et al. 2016; with --photoreal that of Luan et al. 2017, which gives a
photo the light of another. They take minutes a picture and have no network to be held back by: the
yardsticks of what a style, and a grade, can look like under our losses.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from engines.atomic_write import atomic_write
from engines.errors import SinkError, SourceError, UsageError
from realtime.media.reading.style_pictures import read_still
from training.commands.flags import add_vgg
from training.data import PHOTO_SUFFIXES

if TYPE_CHECKING:
    from training.photoreal.regions import Region
    from training.pixels import Step
    from training.vgg import Vgg16

    Paint = Callable[[Vgg16, Callable[[Step], None]], np.ndarray]

_DESCRIPTION = """Paints one photo by descending on its pixels (Gatys et al. 2016), or gives it the
light of another photo without a stroke (--photoreal, Luan et al. 2017): minutes a picture, as a
yardstick of what a style or a grade can look like."""
_EXAMPLES = """
examples:
  python -m training optimise photo.jpg painting.jpg
  python -m training optimise photo.jpg sunset.jpg --photoreal --size 500
  python -m training optimise me.jpg her.jpg --photoreal --mask me.png --style-mask her.png

Masks are pictures of any size in up to nine flat colours: black, white, red, green, blue, yellow,
grey, cyan, magenta. What has one colour in both belongs together: sky to sky, skin to skin.
"""
STEPS, SIZE_PX, STYLE_WEIGHT = 150, 384, 12.0
_PHOTOREAL_STYLE_WEIGHT = 5.0
_LEAST_SPREAD = 16  # levels from the darkest to the lightest hundredth of the pixels
_SIZES_PX = (64, 1024)
_PREVIEW_EVERY = 10


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "optimise",
        help="paint one picture slowly, as a yardstick",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("content", type=Path, help="the photo")
    parser.add_argument("style", type=Path, help="the painting, or the photo whose light it is")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT.png", help="default: CONTENT_STYLE.png, here"
    )
    parser.add_argument(
        "--photoreal", action="store_true", help="stay a photo: colours and light alone change"
    )
    parser.add_argument(
        "--mask", type=Path, help="with --photoreal: what is what in the photo, in flat colours"
    )
    parser.add_argument("--style-mask", type=Path, help="the same of the photo whose light it is")
    parser.add_argument(
        "--steps",
        type=int,
        default=STEPS,
        help="evaluations of the losses, with --photoreal in each of two stages "
        f"(default: {STEPS})",
    )
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop earlier, with what there is then"
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
        help=f"of the style against the content (default: {STYLE_WEIGHT:g}, with --photoreal "
        f"{_PHOTOREAL_STYLE_WEIGHT:g})",
    )
    add_vgg(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Paint one picture and write it.

    Raises UsageError, SourceError, TrainingError or SinkError.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from training.data import resize_short_side
    from training.vgg import load_vgg

    output = _checked_output(args)
    photo, reference = (read_still(path, print) for path in (args.content, args.style))
    paint = (_photoreal if args.photoreal else _painterly)(args, photo, reference)
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
        task = progress.add_task(
            "",
            total=args.steps * (2 if args.photoreal else 1),
            losses=f"{preview} shows how far it is",
        )

        def show(step: Step) -> None:
            losses = " ".join(f"{k} {v:.3g}" for k, v in step.losses.items())
            progress.update(task, completed=step.evaluations, losses=losses)
            if step.evaluations % _PREVIEW_EVERY == 0:
                _save(preview, step.picture)

        painted = paint(vgg, show)
    _save(output, painted)
    preview.unlink(missing_ok=True)
    small = [resize_short_side(picture, args.size) for picture in (photo, painted, reference)]
    print(f"{output}: {_worth(vgg, *small)}")


def _painterly(args: argparse.Namespace, photo: np.ndarray, painting: np.ndarray) -> Paint:
    from training.data import resize_short_side
    from training.pixels import optimise

    small, wanted = (resize_short_side(picture, args.size) for picture in (photo, painting))

    def paint(vgg: Vgg16, on_step: Callable[[Step], None]) -> np.ndarray:
        end_s = time.monotonic() + 60 * args.minutes
        weight = args.style_weight or STYLE_WEIGHT
        return optimise(vgg, small, wanted, args.steps, weight, on_step, end_s=end_s)

    return paint


def _photoreal(args: argparse.Namespace, photo: np.ndarray, reference: np.ndarray) -> Paint:
    from training.photoreal.stages import relight

    darkest, lightest = np.percentile(reference.reshape(-1, 3), (1, 99), axis=0)
    if (lightest - darkest).max() < _LEAST_SPREAD:
        raise SourceError(
            f"{args.style}: is {'black' if lightest.max() < _LEAST_SPREAD else 'of one colour'}: "
            "there is no light and dark to take. Take a photo of something."
        )
    regions = _regions(args, photo, reference) if args.mask else []

    def paint(vgg: Vgg16, on_step: Callable[[Step], None]) -> np.ndarray:
        weight = args.style_weight or _PHOTOREAL_STYLE_WEIGHT
        return relight(
            *(vgg, photo, reference, regions, args.size, args.steps, weight),
            on_step,
            seconds=60 * args.minutes,
        )

    return paint


def _regions(args: argparse.Namespace, photo: np.ndarray, reference: np.ndarray) -> list[Region]:
    """Read the masks at the size at which the pictures are looked at."""
    from training.data import resize_short_side
    from training.photoreal.regions import find_regions

    masks = []
    for flag, path, picture in (
        ("--mask", args.mask, photo),
        ("--style-mask", args.style_mask, reference),
    ):
        mask = read_still(path, print)
        if mask.shape != picture.shape:
            has, wanted = (f"{p.shape[1]}x{p.shape[0]}" for p in (mask, picture))
            print(f"note: {flag} has {has} pixels and its photo {wanted}: it is fitted to it.")
        height, width = resize_short_side(picture, args.size).shape[:2]
        # No colour is to come about that the mask does not have.
        masks.append(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST))
    return find_regions(*masks, print)


def _worth(vgg: Vgg16, photo: np.ndarray, painted: np.ndarray, reference: np.ndarray) -> str:
    """Say how near the painted picture is to the reference, and what of the photo is kept."""
    from training.evaluate.likeness import Likeness, content_distance, style_distance
    from training.photoreal.matting import matting_energy

    likeness = Likeness(vgg)
    before, after, wanted = (likeness.features(p) for p in (photo, painted, reference))
    style_rel = style_distance(after, wanted) / style_distance(before, wanted)
    return (
        f"style {style_rel:.3f} of the photo's distance to the reference, content "
        f"{content_distance(after, before):.2f}, matting energy "
        f"{matting_energy(painted, photo):.2e}"
    )


def _checked_output(args: argparse.Namespace) -> Path:
    for path in (args.content, args.style, args.mask, args.style_mask):
        if path and not path.is_file():
            raise UsageError(f"{path}: no such picture.")
    if (args.mask is None) != (args.style_mask is None):
        raise UsageError("--mask and --style-mask go together: say what is what in both photos.")
    if args.mask and not args.photoreal:
        raise UsageError("--mask and --style-mask need --photoreal.")
    if not _SIZES_PX[0] <= args.size <= _SIZES_PX[1]:
        raise UsageError(
            f"--size must lie between {_SIZES_PX[0]} and {_SIZES_PX[1]}, not {args.size}."
        )
    if args.steps < 1 or not args.minutes > 0 or not (args.style_weight or 1) > 0:
        raise UsageError("--steps must be at least 1, --minutes and --style-weight more than 0.")
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
