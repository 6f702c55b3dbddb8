"""The flags that only run_cam.py has, and the parts that they choose.

Flags of both programs: realtime/cli.py.
"""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import replace
from pathlib import Path

from engines import ModelFile, find_model
from engines.errors import UsageError
from realtime import cli
from realtime.controls.autopilot import Schedule, live_timeline
from realtime.controls.desk import Desk
from realtime.controls.keys import keymap_from, user_keys_file
from realtime.controls.osc import OscServer, parse_listen
from realtime.controls.remembered import recall, remembered_styles
from realtime.controls.state import State
from realtime.live import bootstrap
from realtime.live.run import initial_state
from realtime.live.sinks.clean_sink import CleanSink
from realtime.live.sinks.live_sink import LiveSink
from realtime.live.sinks.recording import Recorder, check_recording
from realtime.live.sinks.virtual_camera import open_virtual_camera
from realtime.live.sources.camera import parse_capture
from realtime.live.sources.live_source import LiveSource
from realtime.live.sources.open_source import live_source
from realtime.live.sources.sound import Microphone
from realtime.timeline import Timeline

DEFAULT_PORT = 8080
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"


def add_live_flags(parser: argparse.ArgumentParser) -> None:
    """--source, --loop, --capture, --size, --quality, --mirror, --headless, --duration, --keys, --style-schedule, --fresh."""
    group = parser.add_argument_group("live")
    group.add_argument(
        "--source",
        metavar="N|NAME|PATH|URL|screen|browser|test",
        help="camera by number or name, file, folder of pictures, stream, screen, screen:WxH+X+Y, test, or with --serve the "
        "browser's own camera (default: browser with --serve, else 0)",
    )
    group.add_argument("--loop", action="store_true", help="begin a file again at its end")
    group.add_argument(
        "--capture",
        metavar="WxH@FPS",
        help="what to ask of the camera, or of test (default: 640x480@30)",
    )
    group.add_argument(
        "--size",
        metavar="WxH",
        help="size at which the network runs at --brush 1 (default: 480 lines)",
    )
    group.add_argument(
        "--quality",
        choices=("auto", "fixed"),
        default="fixed",
        help="auto: a smaller size when it gets too slow (default: fixed)",
    )
    group.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="as in a mirror (default: for cameras only)",
    )
    group.add_argument(
        "--headless", action="store_true", help="no window: for machines without a screen"
    )
    group.add_argument("--duration", type=float, metavar="S", help="end after so many seconds")
    group.add_argument(
        "--keys",
        type=Path,
        metavar="FILE.toml",
        help=f"keys of your own (default: {user_keys_file()}, if any)",
    )
    group.add_argument(
        "--style-schedule",
        metavar="PLAN",
        help='styles by the clock: "0:great_wave 12.5:starry_night/2s"',
    )
    group.add_argument(
        "--record",
        type=Path,
        metavar="FILE.mp4",
        help="record from the start; the key r starts and stops, too",
    )
    group.add_argument(
        "--microphone",
        nargs="?",
        const="",
        metavar="FORMAT:DEVICE",
        help="record its sound (default: the source's own, if any)",
    )
    group.add_argument(
        "--virtual-cam",
        nargs="?",
        const="",
        metavar="DEV",
        help="be a camera for other programs (Linux: v4l2loopback)",
    )
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
        "--token",
        metavar="WORD",
        help="what pages must know, or none (default: a random one, in the address)",
    )
    group.add_argument(
        "--osc",
        metavar="PORT",
        help="obey OSC messages /livebrush/COMMAND from here; HOST:PORT for others",
    )
    group.add_argument(
        "--fresh", action="store_true", help="begin with the defaults, not with what was used last"
    )


def source_from(args: argparse.Namespace) -> LiveSource:
    """The source that the flags ask for, not yet opened. Raises UsageError."""
    if args.source is None:
        args.source = "0" if args.serve is None else "browser"
    if args.source == "browser" and args.serve is None:
        raise UsageError("--source browser is the camera of a page: it needs --serve.")
    return live_source(
        args.source, parse_capture(args.capture) if args.capture else None, args.loop
    )


def model_and_state(args: argparse.Namespace, mirrored: bool) -> tuple[ModelFile, State]:
    """The model, and the controls as the flags say; what they do not say is as it was left, where
    somebody is at the controls.

    ``mirrored``: whether the source is usually seen as in a mirror. Raises UsageError, UnknownStyle
    or ModelError.
    """
    defaults = {"strength": 1.0, "brush": 1.0, "keep_color": False, "stability": 0.0}
    given = {name for name in (*defaults, "mirror") if getattr(args, name) is not None}
    given |= (
        {"brush"} if args.size else set()
    )  # a brush that was left as it was would change the size that is asked for
    given |= (
        {"mix"}
        if any(flag is not None for flag in (args.style, args.model, args.style_schedule))
        else set()
    )
    for name, value in defaults.items():
        setattr(args, name, value if getattr(args, name) is None else getattr(args, name))
    model = _model(args, given)
    state = initial_state(
        model, cli.look_from(args, model), mirrored if args.mirror is None else args.mirror
    )
    if args.style is None and (entries := _timeline(args).entries):
        state = initial_state(model, replace(state.look, mix=entries[0].mix), state.mirror)
    state = replace(state, recording=args.record is not None)
    if has_controls(args) and not args.fresh:
        state = replace(recall(state, without=given), said="", said_count=0)
    return model, state


def has_controls(args: argparse.Namespace) -> bool:
    """Whether somebody can change the controls of this run, so that they are worth remembering."""
    return args.serve is not None or not args.headless


def _model(args: argparse.Namespace, given: set[str]) -> ModelFile:
    if has_controls(args) and not args.fresh and "mix" not in given:
        with contextlib.suppress(UsageError):  # a style that is no longer installed is forgotten
            return find_model(None, remembered_styles())
    return cli.model_from(args, _timeline(args).style_names)


def desk_from(args: argparse.Namespace, state: State) -> Desk:
    """The controls with the user's keys and the schedule of the flags. Raises UsageError."""
    timeline = _timeline(args)
    return Desk(state, keymap_from(args.keys), Schedule(timeline) if timeline.entries else None)


def _timeline(args: argparse.Namespace) -> Timeline:
    """--style-schedule, the empty timeline without it. Raises UsageError."""
    return (
        Timeline()
        if args.style_schedule is None
        else live_timeline(args.style_schedule, "--style-schedule")
    )


def recorder_from(args: argparse.Namespace, source: LiveSource) -> Recorder:
    """What records, at once if --record says so.

    Raises UsageError, SinkError, or SourceError for a microphone.
    """
    if args.record:
        check_recording(args.record)
    if args.microphone is None:
        return Recorder(Path("."), args.record, source.sound)
    Microphone(
        args.microphone
    ).close()  # one that does not answer is known now and not after the show
    return Recorder(Path("."), args.record, lambda: Microphone(args.microphone))


def outputs_from(args: argparse.Namespace, frame_size: tuple[int, int]) -> list[CleanSink]:
    """Where paintings of (height, width) go besides screen and recordings.

    Raises UsageError or SinkError.
    """
    return (
        [open_virtual_camera(args.virtual_cam, frame_size)] if args.virtual_cam is not None else []
    )


def osc_from(args: argparse.Namespace, desk: Desk) -> OscServer | None:
    """The OSC server, listening, if --osc asks for one. Raises UsageError or SourceError."""
    return (
        OscServer(*parse_listen(args.osc, "--osc"), desk.ask, cli.say)
        if args.osc is not None
        else None
    )


def duration_from(args: argparse.Namespace) -> float | None:
    """Seconds, or None for no end. Raises UsageError."""
    if args.duration is not None and not args.duration > 0:
        raise UsageError(f"--duration must be more than 0 seconds, not {args.duration:g}.")
    return args.duration


def sink_from(args: argparse.Namespace) -> LiveSink:
    """A window, or nothing at all.

    Call it before anything imports av: the window needs its libraries loaded in order.

    Raises UsageError, with what to type, if there is no display for a window.
    """
    if args.headless or args.serve is not None:
        from realtime.live.sinks.null import Null

        return Null()
    problem = bootstrap.display_problem()
    if problem:
        raise UsageError(
            f"{problem}. Use --headless (with --duration and --report), or run it where there is a screen."
        )
    bootstrap.import_for_window()
    from realtime.live.sinks.window import Window

    return Window()
