"""The command line of stylize_video.py: its flags in the order in which people need them."""

from __future__ import annotations

import argparse

from realtime import cli
from realtime.cli.parser import Parser
from realtime.files.flags import (
    add_encoding_flags,
    add_farm_flags,
    add_file_flags,
    add_schedule_flags,
    add_sheet_flag,
)

_EXAMPLES = """examples:
  %(prog)s clip.mp4 -s great_wave                  one video, beside it as clip_great_wave.mp4
  %(prog)s photo.jpg -s all -o styles/             a picture in every style
  %(prog)s clip.mp4 -s "van gogh irises" -s hokusai --preview 5s
  %(prog)s clip.mp4 --ss 3 --to 6 --scale 0.5 -o clip.gif
  %(prog)s holiday/ --recursive -o painted/ --resume
  %(prog)s --list-styles                           --sheet styles.png clip.mp4 shows them on a frame
  ffmpeg -i in.mp4 -f yuv4mpegpipe - | %(prog)s - -o - | mpv -
"""


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line. Leaves the program for --help; raises UsageError."""
    description = "Paint video files and pictures in the style of a painting."
    parser = Parser(
        "stylize_video.py",
        usage="%(prog)s INPUT ... [-s STYLE] [-o PATH] [flags]",
        description=description,
        epilog=_EXAMPLES,
    )
    add_file_flags(parser)
    cli.add_look_flags(parser, several=True)
    add_schedule_flags(parser)
    add_encoding_flags(parser)
    cli.add_engine_flags(parser)
    cli.add_report_flags(parser)
    add_sheet_flag(cli.add_listing_flags(parser))
    add_farm_flags(parser)
    return parser.parse_args(argv)
