"""`make soak`: what `make test` has no time for.

The slow tests, a real base install, a long run; summary in docs/soak.md.

python -m bench.targets.soak            about half an hour on two cores
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from bench import ROOT
from bench.rows.base_install import check_base_install
from bench.rows.live_soak import check_ends, check_strain, plan_for
from bench.tools.growth import GIVES_BACK
from bench.tools.machine import describe_machine
from bench.tools.markdown import markdown_table
from engines.errors import LivebrushError
from realtime import cli
from realtime.exits import error_line

PAGE = ROOT / "docs" / "soak.md"
# Per 1000 frames: 54 MiB in ten hours at 30 fps. One kept frame in a hundred would be 550.
_RSS_SLOPE_KB = 50


@dataclass(frozen=True)
class Finding:
    """One line of the summary."""

    what: str
    passed: bool
    seen: str


def main(argv: list[str]) -> int:
    """Do the checks and write docs/soak.md."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.soak", description="The checks that take minutes."
    )
    parser.add_argument(
        "--frames", type=int, default=8000, help="length of the long run (default: 8000)"
    )
    parser.add_argument(
        "--live-minutes",
        type=float,
        default=10,
        metavar="M",
        help="length of the live run (default: 10)",
    )
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="where the summary goes (default: docs/soak.md)"
    )
    args = parser.parse_args(argv)
    machine = describe_machine()
    findings: list[Finding] = []
    times_s: dict[str, float] = {}
    for name, check in {
        "slow tests": slow_tests,
        "base install": lambda: in_a_folder(check_base_install),
        "long run": lambda: long_run(args.frames),
        "live": lambda: in_a_folder(
            lambda folder: check_strain(plan_for(args.live_minutes), folder)
        ),
        "live, ends": lambda: in_a_folder(check_ends),
    }.items():
        started_s = time.monotonic()
        findings += _guarded(name, check)
        times_s[name] = time.monotonic() - started_s
    for finding in findings:
        cli.say(f"{'passed' if finding.passed else 'FAILED'}: {finding.what}: {finding.seen}")
    args.page.parent.mkdir(parents=True, exist_ok=True)
    args.page.write_text(summary(machine, findings, times_s), encoding="utf-8")
    cli.say(f"wrote {args.page}")
    return 0 if all(finding.passed for finding in findings) else 1


def slow_tests() -> list[Finding]:
    """Run the tests that are marked slow; return one line for each, in all its variants.

    200 kills, 10,000 fuzzed inputs, the matrix.
    """
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-m", "slow", "--timeout", "600"]
        command += ["-o", "junit_family=xunit1", f"--junitxml={listing}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            cli.say(done.stdout)
        if not listing.exists():
            last = (done.stdout.strip() or done.stderr.strip() or "no output").splitlines()[-1]
            return [Finding("tests marked slow", False, last.strip("= "))]
        return findings_of(listing.read_text(encoding="utf-8"))


def findings_of(junit: str) -> list[Finding]:
    """Return a line for each test function of a JUnit listing.

    It says how many variants went how, in what time, and what they have told
    (``record_property("seen", ...)``).
    """
    variants: dict[str, list[ElementTree.Element]] = {}
    for case in ElementTree.fromstring(junit).iter("testcase"):
        variants.setdefault(case.get("name", "").partition("[")[0], []).append(case)
    findings = []
    for name, cases in variants.items():
        ends = Counter(_end(case) for case in cases)
        told = [
            prop.get("value", "")
            for case in cases
            for prop in case.iter("property")
            if prop.get("name") == "seen"
        ]
        counts = (
            [", ".join(f"{count} {end}" for end, count in ends.items())]
            if len(cases) > 1 or not told
            else []
        )
        seen = "; ".join(
            [*told, *counts, f"{sum(float(case.get('time', 0)) for case in cases):.0f} s"]
        )
        findings.append(
            Finding(name.removeprefix("test_").replace("_", " "), not ends["failed"], seen)
        )
    return findings or [Finding("tests marked slow", False, "there are none")]


def _end(case: ElementTree.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


def in_a_folder(check: Callable[[Path], list[tuple[str, bool, str]]]) -> list[Finding]:
    """Do a check that writes, in a folder that goes with it."""
    with tempfile.TemporaryDirectory() as folder:
        return [Finding(*found) for found in check(Path(folder))]


def long_run(frames: int) -> list[Finding]:
    """Run the long run in a process of its own, so that only what it does can grow in it."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.targets.long_run", "--frames", str(frames)],
        cwd=ROOT,
        env={**os.environ, **GIVES_BACK},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return [Finding("long run", False, (done.stderr.strip() or "no output").splitlines()[-1])]
    growth = json.loads(done.stdout)
    length = f"{growth['frames']} frames, {growth['switches']} switches"
    memory = (
        f"{growth['rss_slope_kb']:+.0f} KiB per 1000 frames at {growth['rss_mb']:.0f} MiB; "
        f"{length}, {growth['fps']:.0f} fps"
    )
    files, threads = growth["open_files"], growth["threads"]
    return [
        Finding(
            f"memory grows by less than {_RSS_SLOPE_KB} KiB per 1000 frames",
            growth["rss_slope_kb"] < _RSS_SLOPE_KB,
            memory,
        ),
        Finding("open files stay the same", files[0] == files[1], _span(files)),
        Finding("threads stay the same", threads[0] == threads[1], _span(threads)),
    ]


def summary(machine: dict[str, str], findings: list[Finding], times_s: dict[str, float]) -> str:
    """Return docs/soak.md."""
    lines = [
        "# Soak",
        "",
        "Written by `make soak`.",
        "",
        *(f"- {label}: {value}" for label, value in machine.items()),
        "",
    ]
    lines += markdown_table(
        ("what", "", "seen"),
        [(f.what, "passed" if f.passed else "**failed**", f.seen) for f in findings],
        3,
    )
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in times_s.items())
    return "\n".join([*lines, "", f"It took: {took}.", ""])


def _guarded(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """Do a check; one that breaks is a finding too.

    The others still run, and the summary is still written.
    """
    try:
        return check()
    except (OSError, subprocess.CalledProcessError, LivebrushError) as error:
        return [Finding(name, False, error_line(error))]


def _span(counts: list[int]) -> str:
    return str(counts[0]) if counts[0] == counts[1] else f"{counts[0]} to {counts[1]}"


if __name__ == "__main__":
    cli.run(main)
