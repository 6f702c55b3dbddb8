"""The flags of stylize_video.py that are about files, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import inf
from pathlib import Path

from engines import Engine, EngineOptions, ModelFile, Models, open_engine
from engines.base import PRECISIONS
from engines.errors import UsageError
from engines.identity import EngineIdentity
from engines.style_row import StyleRow
from realtime.build_progress import show_build
from realtime.cli import grade_from, look_from, models_from, say, tell_engine
from realtime.controls.show import Show, read_show
from realtime.files.crew import Crew, OwnEngine
from realtime.files.inputs import expand_inputs
from realtime.files.job import Jobs
from realtime.files.options import FileOptions, Resize
from realtime.files.outputs import drop_results, is_folder, output_paths
from realtime.files.progress import LINE_EVERY_S
from realtime.files.replay import check_flags, models_for
from realtime.look import ALPHA, Look, parse_behind
from realtime.media.format_registry import VIDEO_FORMATS
from realtime.media.pipes import STDIO, parse_raw
from realtime.media.reading.look_pictures import read_look_pictures
from realtime.media.writing.encoding import AUDIO_MODES, Encoding
from realtime.picture.layers import LookPictures
from realtime.picture.network_pieces import TILE_RANGE_PX
from realtime.picture.sizes import fit_size, parse_size
from realtime.timeline import Timeline, parse_time, parse_timeline, read_timeline


def add_file_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says which files, and which part of them; ``file_options`` reads it, and the rest.

    ``plan_inputs`` reads the names.
    """
    parser.add_argument(
        "input",
        nargs="*",
        metavar="INPUT",
        help="videos and pictures: files, folders, patterns, @list.txt, or -",
    )
    group = parser.add_argument_group("files")
    group.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        help="a file, a folder, a name with {dir}, {stem}, {style}, {ext}, or - for a pipe; .gif "
        "is written too (default: beside INPUT)",
    )
    existing = group.add_mutually_exclusive_group()
    existing.add_argument(
        "-y", "--overwrite", action="store_true", help="replace outputs that exist"
    )
    existing.add_argument(
        "-n", "--skip-existing", action="store_true", help="skip inputs whose output exists"
    )
    group.add_argument(
        "--preview",
        metavar="TIME",
        help="paint only so much from --ss on, for example 5s, as NAME.preview.EXT",
    )
    group.add_argument("--ss", metavar="TIME", help="begin at this time: seconds or H:MM:SS.mmm")
    group.add_argument("--to", metavar="TIME", help="end at this time of the input")
    group.add_argument(
        "--side-by-side",
        action="store_true",
        help="the input on the left, the painting on the right",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on where an interrupted run of the same command ended",
    )
    group.add_argument(
        "--refine",
        type=float,
        metavar="S",
        help="for pictures as styles: train so many seconds before, which needs livebrush[train]",
    )
    group.add_argument(
        "--vgg", type=Path, metavar="FILE", help="VGG16 weights for --refine (default: download)"
    )
    group.add_argument(
        "--recursive",
        action="store_true",
        help="take the subfolders of folders too; -o FOLDER repeats them",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )


def add_schedule_flags(parser: argparse.ArgumentParser) -> None:
    """Add --style-schedule, --timeline and --replay; ``timeline_from`` and ``show_from`` read."""
    group = parser.add_argument_group("styles over time")
    styles = group.add_mutually_exclusive_group()
    styles.add_argument(
        "--style-schedule",
        metavar="TEXT",
        help='styles over time: "0:great_wave 12.5:starry_night/2s cut:the_scream" changes at 0 s, '
        "from 12.5 s within 2 s, and at the next scene cut",
    )
    styles.add_argument(
        "--timeline",
        type=Path,
        metavar="FILE",
        help="the same in a text file",
    )
    styles.add_argument(
        "--replay",
        type=Path,
        metavar="FILE.jsonl",
        help="a show that run_cam.py --record-controls kept, painted again on its source",
    )
    group.add_argument(
        "--still", type=Path, metavar="FILE", help="the picture that the show had in place of black"
    )


def add_encoding_flags(parser: argparse.ArgumentParser) -> None:
    """Add how large and how finely encoded outputs are."""
    group = parser.add_argument_group("size and encoding")
    size = group.add_mutually_exclusive_group()
    size.add_argument(
        "--size",
        metavar="WxH[!]",
        help="fit the video inside this size; with ! stretch it (default: the input's own)",
    )
    size.add_argument(
        "--scale", type=float, metavar="F", help="multiply the size of the video by this"
    )
    group.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="a picture that is white where the person is, in place of looking for one",
    )
    group.add_argument(
        "--style-mask",
        type=Path,
        metavar="FILE",
        help="the same for the photo of --grade-parts",
    )
    group.add_argument(
        "--vcodec", metavar="NAME", help="video encoder (default: libx264; libvpx-vp9 for .webm)"
    )
    group.add_argument(
        "--crf",
        type=int,
        metavar="N",
        help="quality of the encoder, lower is better (default: 18 for libx264)",
    )
    group.add_argument(
        "--preset", metavar="NAME", help="speed of the encoder (default: veryfast for libx264)"
    )
    group.add_argument(
        "--audio",
        choices=AUDIO_MODES,
        default="copy",
        help="sound: packet for packet, as AAC, or none (default: copy)",
    )
    group.add_argument(
        "--deinterlace",
        choices=("auto", "off"),
        default="auto",
        help="deinterlace interlaced video (default: auto)",
    )


def add_farm_flags(parser: argparse.ArgumentParser) -> None:
    """Add what few need: very large pictures, damaged files, pipes and clusters."""
    group = parser.add_argument_group("large pictures, damage, pipes and farms")
    group.add_argument(
        "--tile",
        type=int,
        metavar="PX",
        help="give the network pieces of at most so many pixels a side, which saves memory "
        "(default: whole frames, pieces by itself for very large ones; the result is the same); "
        "also lets in pictures of more than 64 megapixels",
    )
    group.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help="with --tile: refuse pictures of more pixels (default: any size is painted)",
    )
    group.add_argument(
        "--strict", action="store_true", help="exit 1 if damaged places of an input were read past"
    )
    group.add_argument(
        "--stall",
        type=float,
        default=120.0,
        metavar="S",
        help="leave when the engine, an encoder or a disk hangs for so many seconds; 0: never "
        "(default: 120)",
    )
    group.add_argument(
        "--progress-every",
        type=float,
        default=LINE_EVERY_S,
        metavar="S",
        help="a line of progress every so many seconds, where stderr is no terminal (default: 5)",
    )
    group.add_argument(
        "--raw-input",
        metavar="WxH@FPS",
        help="INPUT - is bare rgb24 pictures (default: y4m or any container)",
    )
    group.add_argument(
        "--raw-output", action="store_true", help="-o - gets bare rgb24 pictures (default: y4m)"
    )
    group.add_argument(
        "--cluster",
        metavar="HOST:PORT|local",
        help="paint on the machines of a Ray cluster, or on workers on this one",
    )


def add_sheet_flag(group: argparse._ArgumentGroup) -> None:
    """Add --sheet, which is done instead of a run."""
    group.add_argument(
        "--sheet",
        type=Path,
        metavar="OUT.png",
        help="paint one frame of INPUT in every style, side by side",
    )


def timeline_from(args: argparse.Namespace) -> Timeline:
    """Return --timeline or --style-schedule; the empty timeline without them. Raises UsageError."""
    if args.timeline is not None:
        return read_timeline(args.timeline)
    if args.style_schedule is None:
        return Timeline()
    return parse_timeline(args.style_schedule, "--style-schedule")


def show_from(args: argparse.Namespace) -> Show | None:
    """Read --replay; None without it.

    Raises UsageError for what is no show, and for flags that do not go with it.
    """
    if args.replay is None:
        return None
    show = read_show(args.replay)
    check_flags(args, show)
    return show


def models_and_look(
    args: argparse.Namespace, timeline: Timeline, show: Show | None = None
) -> tuple[Models, Look]:
    """Return models that have every style that is asked for, and the look at the beginning.

    That is the look of ``show`` or -s, else the first of ``timeline``. Raises UsageError,
    UnknownStyle or ModelError.
    """
    if show:
        return models_for(show, args.model), show.head.state.look
    models = models_from(args, timeline.style_names)
    look = look_from(args, models)
    if timeline.entries and args.style is None:
        look = replace(look, mix=timeline.named_by(models).entries[0].mix)
    return models, look


def file_options(
    args: argparse.Namespace,
    look: Look,
    timeline: Timeline,
    pictures: LookPictures | None = None,
    rows: tuple[StyleRow, ...] = (),
    show: Show | None = None,
) -> FileOptions:
    """Return what holds for every file. Raises UsageError, naming the flag, for what cannot be.

    pictures: those of --behind and --mask where they have been read already. rows: of the styles
    beside the models' own.
    """
    start_s, end_s = parse_span(args.ss, args.to, args.preview)
    cuts_out = any(known.behind == ALPHA for known in (look, *(show.looks if show else ())))
    if cuts_out and args.side_by_side:
        raise UsageError("--side-by-side: the input has no transparency. Leave --behind alpha out.")
    return FileOptions(
        look=look,
        encoding=Encoding(args.vcodec, args.crf, args.preset, args.audio, cuts_out),
        start_s=start_s,
        end_s=end_s,
        resize=parse_resize(args.size, args.scale),
        overwrite=args.overwrite,
        skip_existing=args.skip_existing,
        resume=args.resume,
        make_folders=is_folder(args.output),
        timeline=timeline,
        show=show,
        side_by_side=args.side_by_side,
        raw_input=None if args.raw_input is None else parse_raw(args.raw_input),
        raw_output=args.raw_output,
        deinterlace=args.deinterlace == "auto",
        tile_px=_check_tile(args.tile),
        max_pixels=_check_max_pixels(args.max_pixels),
        stall_s=_check_stall(args.stall),
        progress_s=_check_progress(args.progress_every),
        pictures=replace(
            _read_pictures(args, look) if pictures is None else pictures,
            grade=grade_from(args, args.style_mask),
        ),
        save_lut=args.save_lut,
        rows=rows,
    )


def _read_pictures(args: argparse.Namespace, look: Look) -> LookPictures:
    if args.mask is not None and not look.sees_people:
        raise UsageError(
            "--mask says where the person is: it needs --paint, --behind, --face or --grade-parts."
        )
    if args.style_mask is not None and not look.grades_parts:
        raise UsageError("--style-mask needs --grade-parts and -s grade:FILE.")
    if args.still is not None and args.replay is None:
        raise UsageError("--still is what a show has in place of black: it needs --replay.")
    return read_look_pictures(parse_behind(args.behind)[1], args.mask, args.still)


def parse_span(
    start: str | None, end: str | None, preview: str | None
) -> tuple[Fraction | None, Fraction | None]:
    """Return the seconds of --ss and --to, or of the end of --preview if that is earlier.

    None where nothing is said. Raises UsageError if that is no time.
    """
    start_s = None if start is None else parse_time("--ss", start)
    end_s = None if end is None else parse_time("--to", end)
    if preview is not None:
        length_s = parse_time("--preview", preview.removesuffix("s"))
        if not length_s:
            raise UsageError("--preview must be longer than 0 s, for example 5s.")
        preview_end_s = (start_s or 0) + length_s
        end_s = preview_end_s if end_s is None else min(end_s, preview_end_s)
    if end_s is not None and end_s <= (start_s or 0):
        raise UsageError(
            f"--to {end} is not after {'--ss ' + start if start else 'the beginning'}."
        )
    return start_s, end_s


def parse_resize(size: str | None, scale: float | None) -> Resize:
    """Return what makes the size of the output from that of the input, by --size or --scale.

    Raises UsageError for what is no size.
    """
    if size:
        box = parse_size(size.removesuffix("!"))
        return partial(fit_size, box=box, stretch=size.endswith("!"))
    if scale is None:
        return lambda size: size
    if not 0 < scale <= 16:  # written so that NaN fails too
        raise UsageError(f"--scale must lie above 0 and at most at 16, not {scale:g}.")
    return lambda size: fit_size(size, (round(size[0] * scale), round(size[1] * scale)))


def plan_inputs(
    args: argparse.Namespace, style: str, styles: Sequence[str] = ()
) -> list[tuple[Path, Path]]:
    """Return every (input, output) that the arguments mean in one ``style``.

    What folders and patterns found of this very command's results, from a run before, in any of
    its ``styles``, is no input. Raises SourceError or UsageError.
    """
    files = expand_inputs(args.input, args.recursive)
    for each in styles or [style]:
        files = drop_results(files, args.output, each)
    notes: list[str] = []
    outputs = output_paths(files, args.output, style, notes)
    for note in notes:
        say(f"note: {note}")
    if STDIO in outputs and (len(outputs) > 1 or args.json):
        raise UsageError(
            "-o -: standard output takes one video and nothing else"
            f"{', no --json' if args.json else ''}."
        )
    if args.preview is not None and (args.output is None or is_folder(args.output)):
        outputs = [path.with_name(f"{path.stem}.preview{path.suffix}") for path in outputs]
    return list(zip((file.path for file in files), outputs, strict=True))


def engine_choice(
    args: argparse.Namespace, before: EngineIdentity | None
) -> tuple[str, EngineOptions]:
    """Return the engine that the flags ask for, several frames at a time.

    Where they leave it open, it is the one ``before`` that a resumed run began with.
    """
    name, precision, threads = args.engine, args.precision, None
    if before is not None:
        name = before.name if name == "auto" else name
        if precision == "auto" and before.precision in PRECISIONS:
            precision = before.precision
        threads = before.threads
    options = EngineOptions(args.device, precision, threads, throughput=True, show_build=show_build)
    return name, options


def open_crew(args: argparse.Namespace, models: Models, jobs: Jobs) -> Crew:
    """Connect to the cluster of --cluster; without it, return a crew in this process.

    models: those that paint.

    Raises UsageError for what a cluster cannot paint, EngineUnavailable without one.
    """
    if args.cluster is None:
        return OwnEngine(partial(open_engine_like, args, models.files[0]), models.files[1:])
    if args.replay is not None:
        raise UsageError("--cluster: a show is painted on one machine. Leave --cluster out.")
    if args.device not in ("auto", "cpu"):
        raise UsageError(f"--device {args.device}: the workers of --cluster use CPUs only.")
    for source, output in jobs:
        if STDIO in (source, output):
            raise UsageError(
                "--cluster: takes files, no pipes: what has passed a pipe cannot be read by "
                "several machines."
            )
        if output.suffix.lower() not in VIDEO_FORMATS:
            raise UsageError(
                f"--cluster: {output} is a picture or a GIF, which cannot be divided. Leave "
                "--cluster out for it."
            )
    if len(models.files) > 1:
        names = " and ".join(model.name for model in models.files)
        raise UsageError(
            f"--cluster: paints with one model, and these styles are of {names}. Leave --cluster "
            "out."
        )
    from realtime.files.farm.farm import Farm

    return Farm(args.cluster, models.files[0], partial(engine_choice, args))


def open_engine_like(
    args: argparse.Namespace,
    model: ModelFile,
    size: tuple[int, int],
    before: EngineIdentity | None = None,
) -> Engine:
    """Open ``engine_choice`` for frames of (height, width) ``size``.

    Says what ``auto`` took and why.
    """
    name, options = engine_choice(args, before)
    engine = open_engine(name, model, options, size)
    if name == "auto":
        tell_engine(args, engine)
    return engine


def _check_tile(tile_px: int | None) -> int | None:
    low, high = TILE_RANGE_PX
    if tile_px is not None and not low <= tile_px <= high:
        raise UsageError(f"--tile must lie between {low} and {high} pixels, not {tile_px}.")
    return tile_px


def _check_max_pixels(pixels: int | None) -> int | None:
    if pixels is not None and pixels < 1:
        raise UsageError(f"--max-pixels must be at least 1, not {pixels}.")
    return pixels


def _check_stall(stall_s: float) -> float:
    if not 0 <= stall_s < inf:  # written so that NaN fails too
        raise UsageError(f"--stall must be a number of seconds, 0 for never, not {stall_s:g}.")
    return stall_s


def _check_progress(every_s: float) -> float:
    if not 0 < every_s < inf:  # written so that NaN fails too
        raise UsageError(f"--progress-every must be more than 0 seconds, not {every_s:g}.")
    return every_s
