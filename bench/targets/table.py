"""`make bench`: one table from one run.

It is printed, written as docs/bench.md and, for the README's figures, as docs/bench.json.

python -m bench.targets.table                  about ten minutes on two cores
python -m bench.targets.table --rounds 1       a quick look, not for quoting
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from rich.console import Console

from bench import ROOT
from bench.rows.engines import measure_engines
from bench.rows.figures import targets, with_ratios
from bench.rows.files import measure_files
from bench.rows.live import measure_live
from bench.rows.page import as_json, markdown, print_page
from bench.rows.peer import require_peer
from bench.tools.machine import describe_machine
from engines import find_model
from engines.cache import write_json
from engines.errors import UsageError
from realtime import cli


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.table", description="Measure speeds and write them to docs/."
    )
    parser.add_argument(
        "--rounds", type=int, default=7, help="turns of each engine at each size (default: 7)"
    )
    parser.add_argument(
        "--file-rounds", type=int, default=3, help="runs of each program on the file (default: 3)"
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=8.0,
        metavar="S",
        help="seconds of each live run (default: 8)",
    )
    parser.add_argument(
        "--model", metavar="NAME|FILE.onnx", help="the model to measure (default: the bundled one)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "docs",
        metavar="DIR",
        help="where bench.md and bench.json go (default: docs)",
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Measure and write the table."""
    args = parse_args(argv)
    if args.rounds < 1 or args.file_rounds < 1:
        raise UsageError("--rounds and --file-rounds must be at least 1.")
    require_peer()
    machine = describe_machine()
    model = find_model(args.model, [])
    flags = ["--model", str(model.path)] if args.model else []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LIVEBRUSH_CACHE"] = str(
            Path(folder) / "cache"
        )  # choices and compilations of this run, not of earlier ones
        rows = measure_files(model, flags, Path(folder), args.file_rounds, cli.say)
        rows += measure_live(model, flags, Path(folder), args.duration, cli.say)
        rows = with_ratios(measure_engines(model, args.rounds, cli.say) + rows)
    results = targets(rows)
    console = Console(width=None if Console().is_terminal else 160)
    print_page(machine, rows, results, console)
    args.output.mkdir(exist_ok=True, parents=True)
    (args.output / "bench.md").write_text(markdown(machine, rows, results), encoding="utf-8")
    write_json(args.output / "bench.json", as_json(machine, rows, results))
    console.print(f"wrote {args.output / 'bench.md'} and bench.json")
    return 0  # a missed target is a finding, and it is said; it is not a failure of the measurement


if __name__ == "__main__":
    cli.run(main)
