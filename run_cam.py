"""Paint a camera live, in a window.

python run_cam.py                          the first camera; h shows the keys
python run_cam.py --source test -s great_wave
python run_cam.py --source clip.mp4 --loop --headless --duration 10 --report report.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import NoReturn

from realtime import cli
from realtime.engine_sizes import EngineSizes
from realtime.listing import print_listing
from realtime.live import Live, initial_state
from realtime.live_flags import add_live_flags, duration_from, sink_from, source_from
from realtime.live_painter import Painter
from realtime.quality import Quality
from realtime.report import check_report, write_report
from realtime.resample import network_size
from realtime.stylizer import Stylizer

STARTED_S = time.monotonic()


def parse_args(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run_cam.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_live_flags(parser)
    cli.add_look_flags(parser)
    cli.add_engine_flags(parser)
    cli.add_report_flags(parser)
    cli.add_listing_flags(parser)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    args = parse_args(argv)
    if print_listing(args):
        return 0
    duration_s, source = duration_from(args), source_from(args)
    check_report(args.report, [Path(args.source)] if Path(args.source).exists() else [])
    fixed_size = cli.parse_size(args.size) if args.size else None
    sink = sink_from(args)
    model = cli.model_from(args)
    look = cli.look_from(args, model)
    try:
        frame_size = source.open()
        size = fixed_size or network_size(frame_size, look.brush)
        engine = cli.open_engine_from(args, model, size, waits=False)
        quality = Quality() if args.quality == "auto" else None
        painter = Painter(Stylizer(engine, look, size), EngineSizes(engine, size), fixed_size, quality)
        sink.open("Livebrush", frame_size)
        state = initial_state(painter.stylizer, source.mirrored if args.mirror is None else args.mirror)
        live = Live(source, painter, sink, state, duration_s=duration_s, say=cli.say, started_s=STARTED_S)
        try:
            live.run()
        finally:
            figures = live.report().as_dict()
            if args.json:
                print(json.dumps(figures, indent=1))
            if args.report:
                write_report(args.report, figures)
        return 0
    finally:
        sink.close()
        source.close()


def script() -> NoReturn:
    """Entry point of the installed command."""
    cli.run(main)


if __name__ == "__main__":
    script()
