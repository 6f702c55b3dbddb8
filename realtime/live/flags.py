"""The flags that only run_cam.py has, and the parts that they choose.

Flags of both programs: realtime/cli/.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from engines import Engine, ModelFile, Models
from engines.errors import EngineRunError, SourceError, UsageError
from engines.opening import open_alike
from realtime import cli
from realtime.controls.autopilot import Schedule, live_timeline
from realtime.controls.commands import perform
from realtime.controls.desk import Desk
from realtime.controls.keys import keymap_from, user_keys_file
from realtime.controls.midi import MidiInput, open_port, read_controls, user_midi_file
from realtime.controls.osc import OscServer, parse_listen
from realtime.controls.presets import read_presets, user_presets_file, write_presets
from realtime.controls.remembered import (
    recall,
    remember,
    runs_before,
)
from realtime.controls.show import Source
from realtime.controls.state import State
from realtime.exits import end_within
from realtime.live.capture_format import parse_capture
from realtime.live.clean_sink import CleanSink
from realtime.live.live_sink import LiveSink
from realtime.live.live_source import LiveSource
from realtime.live.quality import Quality
from realtime.live.refinement import DEFAULT_S, RefineOptions
from realtime.live.registry import (
    clean_sink_classes,
    live_sink_classes,
    live_source,
    source_summary,
)
from realtime.live.run import initial_state
from realtime.live.show_recorder import ShowRecorder
from realtime.live.start import EngineAhead
from realtime.look import PAINTING, PICTURE, Look, layers_of, parse_behind
from realtime.media.reading.look_pictures import read_look_pictures
from realtime.media.refining import NO_PICTURE, check_seconds, require_training
from realtime.picture.layers import LookPictures
from realtime.report import Report, write_report
from realtime.stylizer import Stylizer
from realtime.timeline import Timeline

# What opens at all does so sooner; an engine may have to be built.
_OPEN_S, _BUILD_S = 30.0, 1200.0
_HINTED_RUNS = 3
DEFAULT_PORT = 8080
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"
# What the flags of the look mean where they are not given; given or not must be told apart, since
# the rest is as it was left.
_LOOK_DEFAULTS = {
    "strength": 1.0,
    "brush": 1.0,
    "keep_color": False,
    "stability": 0.0,
    "canvas": 1.0,
    "paint": "all",
    "behind": PAINTING,
    "face": 1.0,
    "grade_parts": False,
}


def add_source_flags(parser: argparse.ArgumentParser) -> None:
    """Add where the picture comes from, and at which size it is painted."""
    group = parser.add_argument_group("picture")
    group.add_argument(
        "--source",
        action="append",
        metavar="N|NAME|PATH|URL|screen|browser|test",
        help=f"{source_summary()}, or with --serve the browser's own camera "
        "(default: browser with --serve, else 0); films also several times, one after the other",
    )
    group.add_argument(
        "--loop", action="store_true", help="begin a file again at its end, several with the first"
    )
    group.add_argument(
        "--capture",
        metavar="WxH@FPS",
        help="what to ask of the camera, or of test (default: 640x480@30)",
    )
    group.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="as in a mirror (default: for cameras only)",
    )
    group.add_argument(
        "--quality",
        choices=("auto", "fixed"),
        help="auto: a smaller size when it gets too slow (default: auto, with --size fixed)",
    )
    group.add_argument(
        "--size",
        metavar="WxH",
        help="size at which the network runs at --brush 1 (default: 480 lines)",
    )


def add_show_flags(parser: argparse.ArgumentParser) -> None:
    """Add the window, what else the paintings go to, and what a show is begun with.

    The flags of sinks stand in the files of the sinks.
    """
    group = parser.add_argument_group("show")
    for live_sink in live_sink_classes():
        live_sink.add_flags(group)
    for clean_sink in clean_sink_classes():
        clean_sink.add_flags(group)
    group.add_argument(
        "--text",
        metavar="TEXT",
        help="written over the painting for all who see it, {clock} and {style} filled in; key o "
        "takes it away",
    )
    group.add_argument(
        "--still",
        type=Path,
        metavar="FILE",
        help="a picture, such as a logo, that x and d show in place of black",
    )
    ShowRecorder.add_flags(group)
    parser.set_defaults(show=uuid4().hex)  # what both files of a show call it
    group.add_argument("--duration", type=float, metavar="S", help="end after so many seconds")
    group.add_argument(
        "--style-schedule",
        metavar="PLAN",
        help='styles by the clock: "0:great_wave 12.5:starry_night/2s"',
    )
    group.add_argument(
        "--refine",
        type=float,
        metavar="S",
        help="for a picture as the style: train so many seconds beside the show; the key R does so "
        f"too, for {DEFAULT_S:g}; needs livebrush[train]",
    )
    group.add_argument(
        "--vgg", type=Path, metavar="FILE", help="VGG16 weights for refining (default: download)"
    )
    group.add_argument(
        "--keys",
        type=Path,
        metavar="FILE.toml",
        help=f"keys of your own (default: {user_keys_file()}, if any)",
    )
    group.add_argument(
        "--presets",
        type=Path,
        metavar="FILE.toml",
        help=f"the file that presets are kept in (default: {user_presets_file()})",
    )
    group.add_argument(
        "--fresh", action="store_true", help="begin with the defaults, not with what was used last"
    )


def add_remote_flags(parser: argparse.ArgumentParser) -> None:
    """Add who else controls the show: pages, OSC and MIDI."""
    group = parser.add_argument_group("page and remotes")
    group.add_argument(
        "--serve",
        nargs="?",
        const=DEFAULT_ADDRESS,
        metavar="HOST:PORT",
        help=f"a page, not a window (default: {DEFAULT_ADDRESS})",
    )
    group.add_argument(
        "--serve-as", metavar="https://NAME", help="the address under which a proxy shows the page"
    )
    group.add_argument(
        "--web-controls",
        choices=("picture", "all"),
        default="picture",
        help="what pages control; all: also quitting, this window and recordings here (default: "
        "picture)",
    )
    group.add_argument(
        "--token",
        metavar="WORD",
        help="what pages must know, or none (default: a random one, in the address)",
    )
    group.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="keep the random token here, so that pages come back after a restart",
    )
    group.add_argument(
        "--https",
        action="store_true",
        help="with a certificate of its own, which phones need to give their camera",
    )
    group.add_argument(
        "--files",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="let the page's Files take films of this folder where they lie; may be repeated",
    )
    group.add_argument(
        "--open", action="store_true", help="open the page in this machine's browser"
    )
    group.add_argument(
        "--osc",
        metavar="PORT",
        help="obey OSC messages /livebrush/COMMAND from here; HOST:PORT for others",
    )
    group.add_argument(
        "--midi",
        nargs="?",
        const="",
        metavar="NAME",
        help="obey a MIDI controller with NAME in its name (default: the first one); or "
        "tcp:HOST:PORT",
    )
    group.add_argument(
        "--midi-learn",
        action="store_true",
        help="press a key, then a pad or fader: it does the same from then on, and is kept in "
        f"{user_midi_file()}",
    )


def use_live_defaults(parser: argparse.ArgumentParser) -> None:
    """Let the flags of the look be None where they are not given; call it after they were added."""
    parser.set_defaults(**dict.fromkeys(_LOOK_DEFAULTS))


def quality_from(args: argparse.Namespace) -> Quality | None:
    """Return what shrinks the size where the machine is too slow, None for a fixed size."""
    wanted = args.quality or ("fixed" if args.size else "auto")
    return Quality() if wanted == "auto" else None


def source_files(args: argparse.Namespace) -> list[Path]:
    """Return the files that are played: nothing may be written over them."""
    return [Path(text) for text in _source_texts(args) if os.path.exists(text)]


def _source_texts(args: argparse.Namespace) -> list[str]:
    """Return what each --source says, or what it means not to say it."""
    return args.source or ["0" if args.serve is None else "browser"]


def source_from(args: argparse.Namespace) -> LiveSource:
    """Return the source that the flags ask for, not yet opened.

    Raises UsageError or SourceError.
    """
    texts = _source_texts(args)
    if "browser" in texts and args.serve is None:
        raise UsageError("--source browser is the camera of a page: it needs --serve.")
    wanted = parse_capture(args.capture) if args.capture else None
    first, *others = (live_source(text, wanted, args.loop) for text in texts)
    for other in others:
        first.then(other)
    return first


def models_and_state(args: argparse.Namespace, mirrored: bool) -> tuple[Models, State]:
    """Return the models, and the controls as the flags say.

    What they do not say is as it was left, where somebody is at the controls. ``mirrored``: whether
    the source is usually seen as in a mirror. Raises UsageError, UnknownStyle or ModelError.
    """
    given = _find_given(args)
    timeline = _read_timeline(args)
    models = _find_models(args, timeline)
    look = cli.look_from(_fill_look_defaults(args), models)
    named = timeline.named_by(models)
    if args.style is None and timeline.entries:
        look = replace(look, mix=named.entries[0].mix)
    state = initial_state(models, look, mirrored if args.mirror is None else args.mirror)
    on_air = any(out is not None for out in (args.virtual_cam, args.ndi, args.output_window))
    state = replace(state, recording=args.record is not None, on_air=on_air)
    state = replace(state, has_picture=look.behind == PICTURE, refining=args.refine is not None)
    if state.refining and not any(row.is_of_picture for row in models.rows):
        raise UsageError(NO_PICTURE)
    if has_controls(args) and not args.fresh:
        # A text of yesterday is there to be shown again, but nobody wants it on today's screen.
        state = replace(recall(state, without=given), captioned=False)
    if args.text is not None:
        state = perform(state, "text", args.text)
    return models, replace(state, said="", said_count=0)


def models_at_first(models: Models, look: Look) -> Sequence[ModelFile]:
    """Return those of ``models`` that the run begins with, that of the style first."""
    return layers_of(look, models).painted_by(models) or models.files[:1]


def stylizer_from(
    args: argparse.Namespace,
    engines: Sequence[Engine],
    look: Look,
    size: tuple[int, int],
    models: Models,
) -> Stylizer:
    """Return what paints in ``look`` at (height, width) ``size``, with the pictures of the flags.

    Raises UsageError, SourceError, EngineError.
    """
    stylizer = Stylizer(engines[0], look, size, pictures=_pictures_from(args), models=models)
    stylizer.engines = tuple(engines)
    return stylizer


def _pictures_from(args: argparse.Namespace) -> LookPictures:
    """Read the pictures of --behind and --still, and the grade of -s."""
    backdrop = None if args.behind is None else parse_behind(args.behind)[1]
    grade = cli.grade_from(args, by_parts=True)
    return read_look_pictures(backdrop, still=args.still, grade=grade)


def refine_from(args: argparse.Namespace) -> RefineOptions:
    """Return how styles are refined. Raises UsageError, EngineUnavailable if --refine cannot be."""
    if args.refine is None:
        return RefineOptions(DEFAULT_S, args.style_scale, args.vgg)
    check_seconds(args.refine)
    require_training()
    return RefineOptions(args.refine, args.style_scale, args.vgg, may_download=True)


def needs_hint(args: argparse.Namespace) -> bool:
    """Tell whether somebody new looks at the window."""
    return not args.headless and args.serve is None and runs_before() < _HINTED_RUNS


def has_controls(args: argparse.Namespace) -> bool:
    """Tell whether somebody can change the controls, so that they are worth remembering."""
    return args.serve is not None or not args.headless


def _find_given(args: argparse.Namespace) -> set[str]:
    """Return the names of the settings that the flags say."""
    given = {name for name in (*_LOOK_DEFAULTS, "mirror") if getattr(args, name) is not None}
    if args.size:  # a brush that was left as it was would change the size that is asked for
        given.add("brush")
    if any(flag is not None for flag in (args.style, args.model, args.style_schedule)):
        given.add("mix")
    return given


def _fill_look_defaults(args: argparse.Namespace) -> argparse.Namespace:
    values = vars(args)
    defaults = {name: value for name, value in _LOOK_DEFAULTS.items() if values[name] is None}
    return argparse.Namespace(**{**values, **defaults})


def _find_models(args: argparse.Namespace, timeline: Timeline) -> Models:
    if args.style and "." in args.style:  # perhaps a picture, which av reads
        with contextlib.suppress(ImportError):
            import cv2  # noqa: F401  (a window works only where it comes before av)
    return cli.models_from(args, timeline.style_names)


def desk_from(args: argparse.Namespace, state: State) -> Desk:
    """Return the controls with the user's keys and the schedule of the flags.

    Raises UsageError.
    """
    timeline = _read_timeline(args)
    file = args.presets or user_presets_file()
    presets, fades = read_presets(file)
    return Desk(
        replace(state, presets=presets, preset_fades=fades),
        keymap_from(args.keys),
        Schedule(timeline) if timeline.entries else None,
        partial(write_presets, file),
    )


def _read_timeline(args: argparse.Namespace) -> Timeline:
    """Read --style-schedule, the empty timeline without it. Raises UsageError."""
    if args.style_schedule is None:
        return Timeline()
    return live_timeline(args.style_schedule, "--style-schedule")


def sink_class_from(args: argparse.Namespace) -> type[LiveSink]:
    """Return the kind of sink that the flags ask for, ready to be opened.

    Call it before anything imports av: a window needs its libraries loaded in order. Raises
    UsageError or SinkError, with what to type, where that sink cannot be.
    """
    kind = next(kind for kind in live_sink_classes() if kind.is_asked_for(args))
    kind.prepare()
    return kind


def check_outputs(args: argparse.Namespace) -> None:
    """Look at the flags of what takes paintings besides the screen, before the source is opened.

    Raises UsageError, SinkError, or SourceError for a microphone.
    """
    ShowRecorder.check(args)
    for kind in clean_sink_classes():
        kind.check(args)


def outputs_from(
    args: argparse.Namespace, source: LiveSource, frame_size: tuple[int, int]
) -> list[CleanSink]:
    """Open what paintings of (height, width) go to besides the screen.

    Raises UsageError or SinkError.
    """
    with contextlib.ExitStack() as undo:
        outputs: list[CleanSink] = []
        for kind in clean_sink_classes():
            if output := kind.from_args(args, source, frame_size):
                undo.callback(output.close)
                outputs.append(output)
        undo.pop_all()
        return outputs


def show_recorder_from(
    args: argparse.Namespace, source: LiveSource, desk: Desk, stylizer: Stylizer
) -> list[CleanSink]:
    """Return what keeps the controls, if --record-controls asks for it.

    Raises UsageError or SinkError.
    """
    if not args.record_controls:
        return []
    about = Source(source.name, source.fingerprint())
    models_now = partial(getattr, stylizer, "models")
    return [ShowRecorder(args.record_controls, args.show, about, desk, models_now)]


def open_in_time(source: LiveSource) -> tuple[int, int]:
    """Open ``source``; one that hangs ends the program. Returns and raises what it does."""
    timer = end_within(_OPEN_S, SourceError(f"{source.name} hangs: it cannot be opened."))
    try:
        return source.open()
    finally:
        timer.cancel()


def engines_in_time(
    ahead: EngineAhead, size: tuple[int, int], others: Sequence[ModelFile]
) -> list[Engine]:
    """Get the engine for (height, width) ``size``, and like it for ``others``.

    One that hangs ends the program.
    """
    timer = end_within(_BUILD_S, EngineRunError("the engine hangs: it cannot be opened."))
    try:
        engine = ahead.get(size)
        return [engine, *(open_alike(engine, size, model) for model in others)]
    finally:
        timer.cancel()


def open_remotes(args: argparse.Namespace, desk: Desk, opened: contextlib.ExitStack) -> None:
    """Listen to OSC and MIDI as --osc, --midi and --midi-learn say, until ``opened`` ends.

    Raises UsageError or SourceError.
    """
    if args.osc is not None:
        osc = OscServer(*parse_listen(args.osc, "--osc"), desk.ask, cli.say)
        opened.callback(osc.close)
    if args.midi is not None or args.midi_learn:
        file = user_midi_file()
        controls, learned = read_controls(file), file if args.midi_learn else None
        midi = MidiInput(open_port(args.midi or ""), controls, desk, cli.say, learned)
        opened.callback(midi.close)


def keep_results(args: argparse.Namespace, report: Report, state: State) -> None:
    """Tell and keep what is left of a run.

    Raises SinkError if the report cannot be written.
    """
    figures = report.as_dict()
    if args.json:
        print(json.dumps(figures, indent=1))
    if args.report:
        write_report(args.report, figures)
    if has_controls(args):
        remember(state)


def duration_from(args: argparse.Namespace) -> float | None:
    """Return --duration in seconds, or None for no end. Raises UsageError."""
    duration_s: float | None = args.duration
    if duration_s is not None and not duration_s > 0:
        raise UsageError(f"--duration must be more than 0 seconds, not {duration_s:g}.")
    return duration_s
