"""Paints video files and pictures.

python stylize_video.py clip.mp4 -s great_wave
python stylize_video.py *.mp4 -o 'painted/{stem}_{style}.{ext}' --keep-color --report figures.json
ffmpeg -i in.mp4 -f yuv4mpegpipe - | python stylize_video.py - -o - | mpv -
python stylize_video.py holiday/ --recursive -o painted/ --resume
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from engines import engine_class
from engines.errors import UsageError
from realtime import cli
from realtime.files.flags import (
    add_file_flags,
    crew_for,
    file_options,
    model_and_look,
    open_engine_like,
    plan_inputs,
    report_of,
)
from realtime.files.inputs import expand_inputs
from realtime.files.job import Result, plan_jobs, run_jobs
from realtime.files.sheet import write_sheet
from realtime.files.summary import print_summary
from realtime.listing import print_listing
from realtime.media.pipes import STDIO, take_standard_output
from realtime.report import check_report, write_report

STARTED_S = time.perf_counter()


def parse_args(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="stylize_video.py",
        description="Paint video files and pictures in the style of a painting.",
    )
    parser.add_argument(
        "input",
        nargs="*",
        metavar="INPUT",
        help="videos and pictures: files, folders, patterns, @list.txt, or -",
    )
    add_file_flags(parser)
    cli.add_look_flags(parser)
    cli.add_engine_flags(parser)
    cli.add_report_flags(parser)
    cli.add_listing_flags(parser)
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="OUT.png",
        help="paint one frame of INPUT in every style, side by side",
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    args = parse_args(argv)
    if print_listing(args):
        return 0
    if not args.input:
        raise UsageError(
            "no INPUT given. For example: python stylize_video.py clip.mp4 -s great_wave"
        )
    if args.engine != "auto":
        engine_class(args.engine)  # a wrong name is said before anything is read
    model, look = model_and_look(args)
    options = file_options(args, look)
    if args.sheet:
        write_sheet(
            args.sheet,
            [file.path for file in expand_inputs(args.input)],
            options,
            lambda size: open_engine_like(args, model, size),
        )
        return 0
    jobs = plan_inputs(args, options.label)
    check_report(args.report, [path for job in jobs for path in job])
    if args.dry_run:
        plans = plan_jobs(jobs, options)
        print(
            json.dumps(plans, indent=1)
            if args.json
            else "\n".join(f"{p['input']} -> {p['output']} {p['size']}" for p in plans)
        )
        return 0
    if any(output == STDIO for _, output in jobs):
        options = replace(options, pipe=take_standard_output())
    results: list[Result] = []
    try:
        for result in run_jobs(jobs, options, crew_for(args, model, jobs), STARTED_S):
            results.append(result)
    finally:  # what is done is told, also when an engine that fails or Ctrl-C ends it
        report = report_of(results, len(jobs)) if results else {}
        if args.report and results:
            write_report(args.report, report)
        if args.json and results:
            print(json.dumps(report, indent=1))
        if len(jobs) > 1:
            print_summary(results, len(jobs))
    if len(results) == 1 and results[0].error:
        raise results[0].error
    return 1 if any(result.error or (args.strict and result.damaged) for result in results) else 0


def script() -> NoReturn:
    """Entry point of the installed command."""
    cli.run(main)


if __name__ == "__main__":
    script()
