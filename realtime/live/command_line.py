"""The command line of run_cam.py: its flags in the order in which people need them."""

from __future__ import annotations

import argparse

from realtime import cli
from realtime.cli.parser import Parser
from realtime.live import flags as live_flags
from realtime.live.doctor import add_doctor_flag

_EXAMPLES = """examples:
  %(prog)s                                  the first camera; h shows the keys
  %(prog)s --source clip.mp4 --loop -s hokusai
  %(prog)s --record show.mp4                with the source's sound
  %(prog)s --source screen:1280x720+0+0     a part of the screen
  %(prog)s studio                           in a browser: its camera, files, styles of your own
  %(prog)s --doctor                         what works here, and what to install for the rest
"""

_STUDIO = "studio"


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Read the command line. Leaves the program for --help; raises UsageError."""
    parser = Parser(
        "run_cam.py",
        usage="%(prog)s [--source SOURCE] [-s STYLE] [flags]",
        description="Paint a camera live, in a window. In it, h shows the keys.",
        epilog=_EXAMPLES,
    )
    live_flags.add_source_flags(parser)
    cli.add_look_flags(parser)
    live_flags.use_live_defaults(parser)
    live_flags.add_show_flags(parser)
    live_flags.add_remote_flags(parser)
    cli.add_engine_flags(parser)
    cli.add_report_flags(parser)
    add_doctor_flag(cli.add_listing_flags(parser))
    if argv[:1] == [_STUDIO]:
        argv = ["--serve", "--open", *argv[1:]]
    return parser.parse_args(argv)
