"""Paint video files and pictures.

python stylize_video.py clip.mp4 -s great_wave
ffmpeg -i in.mp4 -f yuv4mpegpipe - | python stylize_video.py - -o - | mpv -
python stylize_video.py holiday/ --recursive -o painted/ --resume
"""

from __future__ import annotations

from realtime.exits import end_by_exceptions

if __name__ == "__main__":
    end_by_exceptions()  # first: the rest takes a moment to be imported

import time
from dataclasses import replace
from functools import partial
from typing import NoReturn

from engines import engine_class
from engines.errors import UsageError
from realtime import cli
from realtime.files.batches import check_luts, paint_batches, plan_batches, plan_looks
from realtime.files.command_line import parse_args
from realtime.files.flags import open_engine_like, show_from, timeline_from
from realtime.files.inputs import expand_inputs
from realtime.files.job import plan_jobs
from realtime.files.refine import refine_batches
from realtime.files.sheet import write_sheet
from realtime.files.summary import print_plans
from realtime.listing import print_listing
from realtime.media.pipes import STDIO, take_standard_output
from realtime.report import check_report

STARTED_S = time.perf_counter()


def main(argv: list[str]) -> int:
    """Run the program and return its exit code. Raises LivebrushError."""
    args = parse_args(argv)
    if print_listing(args):
        return 0
    if not args.input:
        raise UsageError(
            "no INPUT given. For example: python stylize_video.py clip.mp4 -s great_wave"
        )
    if args.engine != "auto":
        engine_class(args.engine)  # a wrong name is said before anything is read
    looks = plan_looks(args, timeline_from(args), show_from(args))
    if args.sheet:
        inputs = [file.path for file in expand_inputs(args.input)]
        open_for = partial(open_engine_like, args)
        write_sheet(args.sheet, inputs, looks[0].options, looks[0].models, open_for)
        return 0
    batches = plan_batches(args, looks)
    jobs = [job for batch in batches for job in batch.jobs]
    check_luts(batches, args)
    check_report(args.report, [path for job in jobs for path in job])
    if args.dry_run:
        plans = [plan for batch in batches for plan in plan_jobs(batch.jobs, batch.options)]
        print_plans(plans, args.json)
        return 0
    if args.refine is not None:
        batches = refine_batches(batches, args.refine, args.style_scale, args.vgg)
    if any(output == STDIO for _, output in jobs):
        batches = [
            replace(batch, options=replace(batch.options, pipe=take_standard_output()))
            for batch in batches
        ]
    results = paint_batches(batches, args, STARTED_S)
    if len(results) == 1 and results[0].error:
        raise results[0].error
    return 1 if any(result.error or (args.strict and result.damaged) for result in results) else 0


def script() -> NoReturn:
    """Run as the installed command does."""
    end_by_exceptions()
    cli.run(main)


if __name__ == "__main__":
    script()
