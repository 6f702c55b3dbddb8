"""The command line that both programs share: flags, what they mean, and how a program is run."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from engines import (
    Engine,
    EngineOptions,
    ModelFile,
    Models,
    engine_names,
    find_models,
    open_engine,
)
from engines.base import PRECISIONS
from engines.errors import UsageError, printable
from engines.model_file import ORIGINAL
from realtime.build_progress import show_build
from realtime.exits import exit_code, leave
from realtime.look import (
    PAINTED_PARTS,
    PAINTING,
    Look,
    mix_behind,
    mix_text,
    name_styles,
    parse_behind,
    parse_mix,
    split_grade,
)
from realtime.media.cube import ENDING, write_cube
from realtime.media.names import same_file
from realtime.media.reading.grades import grade_name, read_grade
from realtime.media.reading.style_pictures import add_styles, style_files

if TYPE_CHECKING:
    import numpy as np

    from realtime.picture.grade import Grade

_UNINSTALLED_VERSION = "0.2.0"  # of a copy that is run without having been installed


def add_look_flags(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Add what a ``Look`` is made of: -s, --model, --strength, --brush and so on.

    ``models_from`` and ``look_from`` read them. ``several``: -s may be given several times, and
    is a list; else once, and a text.
    """
    group = parser.add_argument_group("look")
    group.add_argument(
        "-s",
        "--style",
        metavar="NAME",
        action="append" if several else _Once,
        help="a style by its name, its title or anything that one alone has; any picture, or a "
        "NAME.row; or a blend: great_wave:0.6,picture.jpg:0.4; with grade:FILE[:0..1] in it, the "
        "colours of a photo, or a film's .cube, come first"
        + ("; several -s, or -s all, give several outputs" if several else "")
        + " (default: the first)",
    )
    group.add_argument(
        "--model",
        metavar="NAME|FILE.onnx",
        help="the one model to take styles from (default: all that are installed)",
    )
    group.add_argument(
        "--style-scale",
        type=float,
        default=1.0,
        metavar="0.5..2",
        help="how large what is taken from a picture becomes, as its strokes (default: 1)",
    )
    group.add_argument(
        "--grade-parts",
        action="store_true",
        help="grade people by the people of the photo, and what is behind them by the rest of it",
    )
    group.add_argument(
        "--save-lut",
        type=Path,
        metavar="FILE.cube",
        help="write the colour table of the grade at the end, for editors and players",
    )
    group.add_argument(
        "--strength",
        type=float,
        default=1.0,
        metavar="0..1",
        help="0 is the untouched picture (default: 1)",
    )
    group.add_argument(
        "--brush",
        type=float,
        default=1.0,
        metavar="0.5..2",
        help="breadth of the strokes; 1 is as at 480 lines (default: 1)",
    )
    group.add_argument(
        "--keep-color",
        action="store_true",
        help="paint the brightness only, keep the input's colours",
    )
    group.add_argument(
        "--stability",
        type=float,
        default=0.0,
        metavar="0..1",
        help="how much still areas are held still (default: 0)",
    )
    group.add_argument(
        "--canvas",
        type=float,
        default=1.0,
        metavar="0..1.5",
        help="how rough the canvas is that even areas are painted from; 0 leaves them even "
        "(default: 1, as each style is made)",
    )
    group.add_argument(
        "--canvas-seed",
        type=int,
        default=1,
        metavar="N",
        help="another number, another canvas (default: 1)",
    )
    group.add_argument(
        "--paint",
        choices=PAINTED_PARTS,
        default="all",
        help="who or what is painted; the rest is as it was filmed (default: all)",
    )
    group.add_argument(
        "--behind",
        default=PAINTING,
        metavar="STYLE|original|blur|alpha|FILE|#rrggbb",
        help="what is behind a person (default: what --paint leaves there); alpha: nothing, in "
        "files that keep it",
    )
    group.add_argument(
        "--face",
        type=float,
        default=1.0,
        metavar="0..1",
        help="how strongly faces are painted against the rest (default: 1, alike)",
    )
    group.add_argument(
        "--no-denoise",
        dest="denoise",
        action="store_false",
        help="paint the camera's noise too, which makes paint flicker",
    )


def add_engine_flags(parser: argparse.ArgumentParser) -> None:
    """Add --engine, --device and --precision; ``open_engine_from`` reads them."""
    group = parser.add_argument_group("engine")
    group.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help=f"auto or {', '.join(engine_names())} (default: auto)",
    )
    group.add_argument(
        "--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N (default: auto)"
    )
    group.add_argument(
        "--precision",
        default="auto",
        metavar="NAME",
        help=f"{', '.join(PRECISIONS)} (default: auto)",
    )


def add_report_flags(parser: argparse.ArgumentParser) -> None:
    """Add --report and --debug."""
    group = parser.add_argument_group("reporting")
    group.add_argument(
        "--report", type=Path, metavar="FILE.json", help="write the figures of the run to this file"
    )
    group.add_argument("--debug", action="store_true", help="show the whole traceback of an error")


def add_listing_flags(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add what is done instead of a run; --version answers by itself.

    ``realtime.listing.print_listing`` answers the others. Returns the group of flags.
    """
    group = parser.add_argument_group("instead of a run")
    group.add_argument(
        "--version", action=_PrintVersion, nargs=0, help="show the version of Livebrush"
    )
    group.add_argument(
        "--list-styles", action="store_true", help="show the styles that are installed"
    )
    group.add_argument(
        "--list-engines",
        action="store_true",
        help="show the engines, whether they run here, and what --engine auto has measured",
    )
    group.add_argument(
        "--measure",
        nargs="?",
        const="640x480",
        metavar="WxH",
        help="measure for --engine auto now, for frames of that size (640x480)",
    )
    group.add_argument(
        "--json",
        action="store_true",
        help="print the list, the plan or the figures as JSON on stdout",
    )
    return group


def models_from(args: argparse.Namespace, scheduled: Sequence[str] = ()) -> Models:
    """Return the models that have every style named by ``-s`` and all that are ``scheduled``.

    Pictures and rows that are named by their files are among their styles then. Raises UsageError,
    UnknownStyle, SourceError or ModelError, and EngineError where a picture cannot be made a style.
    """
    named = [name for name, _ in parse_mix(split_grade(args.style)[0])] if args.style else []
    named = [name for name in named if name != ORIGINAL]
    behind = mix_behind(_behind_from(args)) or ()
    names = [*named, *scheduled, *(name for name, _ in behind if name != ORIGINAL)]
    files = style_files(names)
    models = find_models(args.model, [name for name in names if name not in files])
    return add_styles(models, files, args.style_scale, say) if files else models


def look_from(args: argparse.Namespace, models: Models) -> Look:
    """Return the look that the flags ask for.

    Without ``-s`` it is the first painting, or the style that --model named. Raises UsageError for
    a mix of styles of two models.
    """
    default = args.model if args.model in models.style_names[1:] else models.default_style
    styles, grade = (default, None) if args.style is None else split_grade(args.style)
    mix = name_styles(parse_mix(styles), models)
    models.model_of(name for name, _ in mix)
    file, strength = grade or ("", 1.0)
    return Look(
        mix,
        args.strength,
        args.brush,
        args.keep_color,
        args.stability,
        args.denoise,
        args.canvas,
        args.canvas_seed,
        args.paint,
        _named(_behind_from(args), models),
        args.face,
        grade_name(file) if file else "",
        strength,
        args.grade_parts,
    )


def grade_from(
    args: argparse.Namespace, style_mask: Path | None = None, by_parts: bool = False
) -> Grade | None:
    """Read the grade that -s names; None where it names none.

    style_mask: --style-mask. by_parts: people are told from the rest without --grade-parts, too.

    Raises UsageError, SourceError for what frames cannot be graded by, EngineError.
    """
    named = None if args.style is None else split_grade(args.style)[1]
    if named is None:
        return None
    grade = read_grade(named[0], say, by_parts or bool(args.grade_parts), style_mask)
    if args.grade_parts and grade.parts is None:
        why = "has no people" if grade.table is not None else "nobody is found in it"
        say(f"note: {named[0]}: {why}, so it is one grade for all.")
    return grade


def check_lut(path: Path | None, others: Sequence[Path]) -> None:
    """Check before a run that --save-lut can be written.

    Raises UsageError if it would replace one of ``others``, the files of the run, or is no .cube.
    """
    if path is None:
        return
    if path.suffix.lower() != ENDING:
        raise UsageError(f"--save-lut {path}: must end in {ENDING}.")
    if any(same_file(path, other) for other in others):
        raise UsageError(f"--save-lut {path}: is a file that the run reads. Choose another name.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--save-lut {path}: the folder {path.parent} does not exist.")


def save_lut(path: Path | None, table: np.ndarray | None) -> None:
    """Write the ``table`` of the newest frame as --save-lut asks for. Raises SinkError."""
    if path is None:
        return
    if table is None:
        say(f"note: {path}: not written, since nothing was graded at the end.")
        return
    write_cube(path, table)
    say(f"{path}: the colour table of the last frame")


def _named(behind: str, models: Models) -> str:
    """Return ``Look.behind`` with the names that ``models`` have for their styles."""
    mix = mix_behind(behind)
    if mix is None:
        return behind
    named = name_styles(mix, models)
    models.model_of(name for name, _ in named)
    return mix_text(named)


def _behind_from(args: argparse.Namespace) -> str:
    return PAINTING if args.behind is None else parse_behind(args.behind)[0]


def open_engine_from(
    args: argparse.Namespace, model: ModelFile, size: tuple[int, int], waits: bool = True
) -> Engine:
    """Open the engine that the flags ask for, ready for frames of (height, width) ``size``.

    waits: as in ``EngineOptions``.
    """
    options = EngineOptions(args.device, args.precision, waits=waits, show_build=show_build)
    return open_engine(args.engine, model, options, size)


def tell_engine(args: argparse.Namespace, engine: Engine) -> None:
    """Say what ``auto`` took and why."""
    if args.engine == "auto":
        reason = f" ({engine.note})" if engine.note else ""
        say(f"engine: {engine.name}, {engine.precision} on {engine.device}{reason}")
        if engine.better:
            say("a faster engine is being built in the background; the picture goes on meanwhile")


def say(message: str) -> None:
    """Print one line for the user, on stderr: stdout is for results."""
    print(printable(message), file=sys.stderr, flush=True)


def run(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a program's ``main(argv)`` and leave with its exit code.

    Every foreseen error is one line on stderr.
    """
    threads, argv = frozenset(threading.enumerate()), sys.argv[1:]
    leave(exit_code(lambda: main(argv), debug="--debug" in argv), threads)


def version() -> str:
    """Return the version of Livebrush that is installed, or of this copy if none is."""
    import importlib.metadata

    try:
        return importlib.metadata.version("livebrush")
    except importlib.metadata.PackageNotFoundError:
        return _UNINSTALLED_VERSION


class _Once(argparse.Action):
    """Refuses a flag that is given twice: the first would be forgotten without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        value: object,
        flag: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{flag} {value}: is given twice. A blend is -s great_wave,starry_night")
        setattr(namespace, self.dest, value)


class _PrintVersion(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        print(f"livebrush {version()}")
        parser.exit()
