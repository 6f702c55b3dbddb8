"""Paint video files and pictures.

python stylize_video.py clip.mp4 -s great_wave
ffmpeg -i in.mp4 -f yuv4mpegpipe - | python stylize_video.py - -o - | mpv -
python stylize_video.py holiday/ --recursive -o painted/ --resume
"""

from __future__ import annotations

from realtime.exits import end_by_exceptions

if __name__ == "__main__":
    end_by_exceptions()  # first: the rest takes a moment to be imported

import argparse
import time
from dataclasses import replace
from typing import NoReturn

from engines import ModelFile, engine_class
from engines.errors import UsageError
from realtime import cli
from realtime.files.flags import (
    add_file_flags,
    add_sheet_flag,
    file_options,
    model_and_look,
    open_crew,
    open_engine_like,
    plan_inputs,
    timeline_from,
)
from realtime.files.inputs import expand_inputs
from realtime.files.job import Jobs, Result, plan_jobs, run_jobs
from realtime.files.options import FileOptions
from realtime.files.sheet import write_sheet
from realtime.files.summary import print_plans, tell_results
from realtime.listing import print_listing
from realtime.media.pipes import STDIO, take_standard_output
from realtime.report import check_report

STARTED_S = time.perf_counter()


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Parse the command line. Leaves the program for --help and for what argparse refuses."""
    description = "Paint video files and pictures in the style of a painting."
    parser = argparse.ArgumentParser(prog="stylize_video.py", description=description)
    add_file_flags(parser)
    cli.add_look_flags(parser)
    cli.add_engine_flags(parser)
    cli.add_report_flags(parser)
    cli.add_listing_flags(parser)
    add_sheet_flag(parser)
    return parser.parse_args(argv)


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
    timeline = timeline_from(args)
    model, look = model_and_look(args, timeline)
    options = file_options(args, look, timeline)
    if args.sheet:
        inputs = [file.path for file in expand_inputs(args.input)]
        write_sheet(args.sheet, inputs, options, lambda size: open_engine_like(args, model, size))
        return 0
    jobs = plan_inputs(args, options.label)
    check_report(args.report, [path for job in jobs for path in job])
    if args.dry_run:
        print_plans(plan_jobs(jobs, options), args.json)
        return 0
    if any(output == STDIO for _, output in jobs):
        options = replace(options, pipe=take_standard_output())
    results = paint(jobs, options, args, model)
    if len(results) == 1 and results[0].error:
        raise results[0].error
    return 1 if any(result.error or (args.strict and result.damaged) for result in results) else 0


def paint(
    jobs: Jobs, options: FileOptions, args: argparse.Namespace, model: ModelFile
) -> list[Result]:
    """Paint all ``jobs`` and tell how it went, also when an error or Ctrl-C ends it."""
    results: list[Result] = []
    try:
        for result in run_jobs(jobs, options, open_crew(args, model, jobs), STARTED_S):
            results.append(result)
    finally:
        tell_results(results, len(jobs), args.report, args.json)
    return results


def script() -> NoReturn:
    """Run as the installed command does."""
    end_by_exceptions()
    cli.run(main)


if __name__ == "__main__":
    script()
