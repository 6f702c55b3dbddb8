"""Paint a camera live, in a window.

python run_cam.py                          the first camera; h shows the keys
python run_cam.py --source test -s great_wave
python run_cam.py --serve                  in a browser, with the browser's camera
python run_cam.py --source clip.mp4 --loop --headless --duration 10 --report report.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, NoReturn

from realtime import cli
from realtime.controls.remembered import remember
from realtime.controls.state import State
from realtime.listing import print_listing
from realtime.live import flags as live_flags
from realtime.live.doctor import print_findings
from realtime.live.engine_sizes import EngineSizes
from realtime.live.painter import LivePainter, inference_size
from realtime.live.quality import Quality
from realtime.live.run import Live
from realtime.live.start import EngineAhead
from realtime.picture.sizes import parse_size
from realtime.report import check_report, write_report
from realtime.stylizer import Stylizer
from realtime.web import flags as web_flags

STARTED_S = time.monotonic()


def parse_args(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_cam.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    live_flags.add_live_flags(parser)
    cli.add_look_flags(parser)
    parser.set_defaults(
        strength=None, brush=None, keep_color=None, stability=None
    )  # None: not given
    cli.add_engine_flags(parser)
    cli.add_report_flags(parser)
    listing = cli.add_listing_flags(parser)
    listing.add_argument(
        "--doctor",
        action="store_true",
        help="tell what works here, and what to install for the rest",
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    args = parse_args(argv)
    if print_listing(args):
        return 0
    if args.doctor:
        return print_findings(as_json=args.json)
    duration_s, source = live_flags.duration_from(args), live_flags.source_from(args)
    check_report(args.report, [Path(args.source)] if os.path.exists(args.source) else [])
    fixed_size = parse_size(args.size) if args.size else None
    model, state = live_flags.model_and_state(args, source.mirrored)
    desk, guard = live_flags.desk_from(args, state), web_flags.guard_from(args)
    with contextlib.ExitStack() as opened:
        expected = source.expected_size and inference_size(
            fixed_size, source.expected_size, state.look.brush
        )
        ahead = EngineAhead(
            lambda size: cli.open_engine_from(args, model, size, waits=False), expected
        )
        opened.callback(ahead.close)
        sink, recorder = live_flags.sink_from(args), live_flags.recorder_from(args, source)
        opened.callback(source.close)
        opened.callback(sink.close)
        if osc := live_flags.osc_from(args, desk):
            opened.callback(osc.close)
        frame_size = source.open()
        outputs = live_flags.outputs_from(args, frame_size)
        for output in outputs:
            opened.callback(output.close)
        size = inference_size(fixed_size, frame_size, state.look.brush)
        engine = ahead.get(size)
        cli.tell_engine(args, engine)
        quality = Quality() if args.quality == "auto" else None
        painter = LivePainter(
            Stylizer(engine, state.look, size), EngineSizes(engine, size), fixed_size, quality
        )
        sink.open("Livebrush", frame_size)
        options = {
            "duration_s": duration_s,
            "recorder": recorder,
            "say": cli.say,
            "started_s": STARTED_S,
        }
        stream = web_flags.stream_from(guard, engine)
        outputs += [stream] if stream else []
        live = Live(source, painter, sink, desk, outputs=outputs, **options)
        if guard:
            opened.callback(web_flags.server_from(guard, stream, desk, live, source).close)
        try:
            live.run()
        finally:
            end(args, live.report().as_dict(), desk.state)
    return 0


def end(args: argparse.Namespace, figures: dict[str, Any], state: State) -> None:
    """Tell and keep what is left of a run."""
    if args.json:
        print(json.dumps(figures, indent=1))
    if args.report:
        write_report(args.report, figures)
    if live_flags.has_controls(args):
        remember(state)


def script() -> NoReturn:
    """Entry point of the installed command."""
    cli.run(main)


if __name__ == "__main__":
    script()
