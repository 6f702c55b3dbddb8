"""`make gpu-trial`: the first minutes on a GPU, one command, nothing lost when something fails.

Each step is a process of its own with a limit, in the order of what it is worth. Every result is a
line of JSON, written when it is there; at the end a page says what was found and what did not run.
It runs from a bare checkout, without a network: `python -m bench.targets.gpu_trial`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.tools.machine import describe_machine
from engines.errors import UsageError
from realtime import cli

# Name and limit in seconds, the one that decides most first. Together: five minutes.
STEPS = {
    "machine": 25,
    "plumbing": 15,
    "parity": 45,
    "contract": 75,
    "speed": 60,
    "stages": 25,
    "strain": 25,
    "films": 30,
}
_ON_REQUEST = {"builds": 600}
_SAID_CHARS = 600
PAGE = "bench-gpu-trial.md"


@dataclass(frozen=True)
class Step:
    """One step and how it ended."""

    name: str
    ended: str
    """"done", or why it did not come to its end."""
    took_s: float


def main(argv: list[str]) -> int:
    """Run the steps; 0 if all came to their end, whatever they found."""
    args = _parse(argv)
    limits = STEPS | (_ON_REQUEST if args.tensorrt else {})
    names = args.steps or list(limits)
    unknown = [name for name in names if name not in STEPS | _ON_REQUEST]
    if unknown:
        raise UsageError(
            f"--steps: there is no step {unknown[0]!r}. There are: "
            f"{', '.join(STEPS | _ON_REQUEST)}."
        )
    args.output.mkdir(parents=True, exist_ok=True)
    results = args.output / "gpu-trial.jsonl"
    results.unlink(missing_ok=True)
    ended: list[Step] = []
    page = args.output / PAGE
    for name in names:
        limit_s = (STEPS | _ON_REQUEST)[name] * args.patience
        cli.say(f"{name}, at most {limit_s:.0f} s")
        ended.append(_run(name, args.device, args.dry_run, results, limit_s))
        cli.say(f"  {ended[-1].ended}, {ended[-1].took_s:.1f} s")
        # After each step: what cuts the trial short leaves a page too.
        page.write_text(markdown(ended, read_results(results)), encoding="utf-8")
    print(page.read_text(encoding="utf-8"))
    return 0 if all(step.ended == "done" for step in ended) else 1


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.gpu_trial",
        description="Ask a GPU, step by step, what works on it and how fast.",
    )
    parser.add_argument(
        "--steps",
        type=lambda text: text.split(","),
        metavar="A,B",
        help=f"only these, in this order: {', '.join(STEPS | _ON_REQUEST)} (default: all but "
        f"{', '.join(_ON_REQUEST)})",
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu (default: cuda)")
    parser.add_argument(
        "--dry-run", action="store_true", help="small sizes and moments: whether all steps run"
    )
    parser.add_argument(
        "--tensorrt", action="store_true", help="also build for it with TensorRT (minutes)"
    )
    parser.add_argument(
        "--patience", type=float, default=1.0, metavar="X", help="times each step's limit"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs", metavar="DIR", help="where the page goes"
    )
    return parser.parse_args(argv)


def _run(name: str, device: str, is_dry: bool, results: Path, limit_s: float) -> Step:
    """Run one step in a process of its own; a result says how it ended."""
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.trial", name, "--device", device]
        command += ["--page", str(results.resolve()), "--folder", folder]
        try:
            done = subprocess.run(
                [*command, *(["--dry-run"] if is_dry else [])],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
            said = " ".join((done.stdout + done.stderr).split())[-_SAID_CHARS:]
            ended = "done" if done.returncode == 0 else f"exit {done.returncode}: {said}"
        except subprocess.TimeoutExpired:
            ended = f"stopped after {limit_s:.0f} s"
    return Step(name, ended, time.perf_counter() - started_s)


def read_results(results: Path) -> list[dict[str, Any]]:
    """Return the results so far; a line that was cut off is left out."""
    if not results.exists():
        return []
    found = []
    for line in results.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def markdown(ended: Iterable[Step], results: Iterable[dict[str, Any]]) -> str:
    """Return the page: the machine, how each step ended, and each result."""
    facts = [f"- {label}: {value}" for label, value in describe_machine().items()]
    steps = [f"| {step.name} | {_cell(step.ended)} | {step.took_s:.1f} |" for step in ended]
    lines = [
        f"| {result.pop('step')} | {result.pop('what')} | {_cell(_facts(result))} |"
        for result in map(dict, results)
    ]
    return "\n".join(
        [
            "# GPU trial",
            "",
            "Written by `make gpu-trial` ([docs/gpu.md](gpu.md)).",
            "",
            *facts,
            "",
            "| step | ended | s |",
            "|---|---|---|",
            *steps,
            "",
            "| step | what | found |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def _facts(result: dict[str, Any]) -> str:
    return "; ".join(
        f"{name}: {value}" for name, value in result.items() if value not in (None, "")
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    cli.run(main)
