"""Paint a camera live, in a window.

python run_cam.py                          the first camera; h shows the keys
python run_cam.py --serve                  in a browser, with the browser's camera
python run_cam.py --source clip.mp4 --loop --headless --duration 10 --report report.json
"""

from __future__ import annotations

from realtime.exits import end_by_exceptions

if __name__ == "__main__":
    end_by_exceptions()  # first: the rest takes a moment to be imported

import contextlib
import time
from typing import NoReturn

from realtime import cli
from realtime.listing import print_listing
from realtime.live import flags as live_flags
from realtime.live.command_line import parse_args
from realtime.live.doctor import print_findings
from realtime.live.engine_sizes import EngineSizes
from realtime.live.painter import LivePainter, inference_size
from realtime.live.run import Live, LiveOptions
from realtime.live.start import EngineAhead, show_start
from realtime.picture.sizes import parse_size
from realtime.report import check_report
from realtime.web import flags as web_flags

DEFAULT_SIZE = (480, 640)  # of the window, until the source tells
STARTED_S = time.monotonic()


def main(argv: list[str]) -> int:
    """Run the program with its flags; returns the exit code."""
    args = parse_args(argv)
    if print_listing(args):
        return 0
    if args.doctor:
        return print_findings(as_json=args.json)
    hint = live_flags.needs_hint(args)
    options = LiveOptions(
        live_flags.duration_from(args),
        say=cli.say,
        hint=hint,
        refine=live_flags.refine_from(args),
        started_s=STARTED_S,
    )
    source = live_flags.source_from(args)
    files = live_flags.source_files(args)
    check_report(args.report, files)
    fixed_size = parse_size(args.size) if args.size else None
    cli.check_lut(args.save_lut, files)
    models, state = live_flags.models_and_state(args, source.mirrored)
    first, *others = live_flags.models_at_first(models, state.look)
    desk, guard = live_flags.desk_from(args, state), web_flags.guard_from(args)
    with contextlib.ExitStack() as opened:
        brush, expected = state.look.brush, source.expected_size
        sink_class = live_flags.sink_class_from(args)
        live_flags.check_outputs(args)
        sink = sink_class.from_args(args, expected or DEFAULT_SIZE)
        opened.callback(sink.close)
        show_start(sink, f"starting {source.name} …")
        ahead = EngineAhead(
            lambda size: cli.open_engine_from(args, first, size, waits=False),
            expected and inference_size(fixed_size, expected, brush),
        )
        opened.callback(ahead.close)
        opened.callback(source.close)
        live_flags.open_remotes(args, desk, opened)
        frame_size = live_flags.open_in_time(source)
        sink.fit(frame_size)
        show_start(sink, "starting …")
        outputs = live_flags.outputs_from(args, source, frame_size)
        for output in outputs:
            opened.callback(output.close)
        size = inference_size(fixed_size, frame_size, brush)
        engines = live_flags.engines_in_time(ahead, size, others)
        cli.tell_engine(args, engines[0])
        stylizer = live_flags.stylizer_from(args, engines, state.look, size, models)
        outputs += live_flags.show_recorder_from(args, source, desk, stylizer)
        sizes, quality = EngineSizes(engines, size), live_flags.quality_from(args)
        painter = LivePainter(stylizer, sizes, fixed_size, quality)
        stream = web_flags.stream_from(guard, stylizer)
        live = Live(source, painter, sink, desk, [*outputs, *([stream] if stream else [])], options)
        if guard and stream:
            server = web_flags.server_from(args, guard, stream, desk, live, source)
            opened.callback(server.close)
            web_flags.open_page(args, server)
        try:
            live.run()
        finally:
            live_flags.keep_results(args, live.report(), desk.state)
            cli.save_lut(args.save_lut, stylizer.table)
        for output in outputs:
            output.check_result()
    return 0


def script() -> NoReturn:
    """Run as the installed command."""
    end_by_exceptions()
    cli.run(main)


if __name__ == "__main__":
    script()
