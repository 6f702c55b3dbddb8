"""The flags that only run_cam.py has, and the parts that they choose. Flags of both programs: realtime/cli.py."""

from __future__ import annotations

import argparse

from engines.errors import UsageError
from realtime import bootstrap
from realtime.sinks.live_sink import LiveSink
from realtime.sources.camera import parse_capture
from realtime.sources.live_source import LiveSource
from realtime.sources.open_source import live_source


def add_live_flags(parser: argparse.ArgumentParser) -> None:
    """--source, --loop, --capture, --size, --quality, --mirror, --headless, --duration."""
    group = parser.add_argument_group("live")
    group.add_argument(
        "--source", default="0", metavar="N|PATH|URL|test", help="camera number, device, stream, file, or test (default: 0)"
    )
    group.add_argument("--loop", action="store_true", help="begin a file again at its end")
    group.add_argument("--capture", metavar="WxH@FPS", help="what to ask of the camera, or of test (default: 640x480@30)")
    group.add_argument("--size", metavar="WxH", help="size at which the network runs (default: what --brush asks for)")
    group.add_argument(
        "--quality",
        choices=("auto", "fixed"),
        default="fixed",
        help="auto: a smaller size when it gets too slow (default: fixed)",
    )
    group.add_argument("--mirror", action=argparse.BooleanOptionalAction, help="as in a mirror (default: for cameras only)")
    group.add_argument("--headless", action="store_true", help="no window: for machines without a screen")
    group.add_argument("--duration", type=float, metavar="S", help="end after so many seconds")


def source_from(args: argparse.Namespace) -> LiveSource:
    """The source that the flags ask for, not yet opened. Raises UsageError."""
    return live_source(args.source, parse_capture(args.capture) if args.capture else None, args.loop)


def duration_from(args: argparse.Namespace) -> float | None:
    """Seconds, or None for no end. Raises UsageError."""
    if args.duration is not None and not args.duration > 0:
        raise UsageError(f"--duration must be more than 0 seconds, not {args.duration:g}.")
    return args.duration


def sink_from(args: argparse.Namespace) -> LiveSink:
    """A window, or nothing at all. Call it before anything imports av: the window needs its libraries loaded in order.

    Raises UsageError, with what to type, if there is no display for a window.
    """
    if args.headless:
        from realtime.sinks.null import Null

        return Null()
    problem = bootstrap.display_problem()
    if problem:
        raise UsageError(f"{problem}. Use --headless (with --duration and --report), or run it where there is a screen.")
    bootstrap.import_for_window()
    from realtime.sinks.window import Window

    return Window()
