"""`make soak`: what `make test` has no time for.

The slow tests, a real base install, a long run; summary in docs/soak.md.

python -m bench.targets.soak            an hour and a half on two cores
python -m bench.targets.soak --again    only what failed in docs/soak.md
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
from collections.abc import Callable, Sequence
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
_FAILED = "**failed**"
_SLOW = "slow tests"  # of which single ones can be run again


@dataclass(frozen=True)
class Finding:
    """One line of the summary."""

    what: str
    passed: bool
    seen: str


Parts = dict[str, list[Finding]]


def main(argv: list[str]) -> int:
    """Run every part and write the summary; 0 if all passed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.soak", description="The checks that take minutes."
    )
    parser.add_argument(
        "--frames", type=int, default=8000, help="length of the long run (default: 8000)"
    )
    parser.add_argument(
        "--live-minutes",
        type=float,
        default=30,
        metavar="M",
        help="length of the live run (default: 30)",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="run only the parts, and of the slow tests the tests, that failed in the page; it "
        "says so",
    )
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="where the summary goes (default: docs/soak.md)"
    )
    args = parser.parse_args(argv)
    before, failed = ("", None)
    if args.again:
        before = args.page.read_text(encoding="utf-8")
        failed = {part: failures for part, failures in read(before).items() if failures}
        if not failed:
            cli.say(f"nothing has failed in {args.page}")
            return 0
    machine = describe_machine()
    parts: Parts = {}
    times_s: dict[str, float] = {}
    for name, check in {
        _SLOW: lambda: slow_tests(failed[_SLOW] if failed else ()),
        "base install": lambda: in_a_folder(check_base_install),
        "long run": lambda: long_run(args.frames),
        "live": lambda: in_a_folder(
            lambda folder: check_strain(plan_for(args.live_minutes), folder)
        ),
        "live, ends": lambda: in_a_folder(check_ends),
    }.items():
        if failed is not None and name not in failed:
            continue
        started_s = time.monotonic()
        parts[name] = _guarded(name, check)
        times_s[name] = time.monotonic() - started_s
    findings = [finding for part in parts.values() for finding in part]
    for finding in findings:
        cli.say(f"{'passed' if finding.passed else 'FAILED'}: {finding.what}: {finding.seen}")
    args.page.parent.mkdir(parents=True, exist_ok=True)
    page = renewed(before, machine, parts) if before else summary(machine, parts, times_s)
    args.page.write_text(page, encoding="utf-8")
    cli.say(f"wrote {args.page}")
    return 0 if all(finding.passed for finding in findings) else 1


def slow_tests(only: Sequence[str] = ()) -> list[Finding]:
    """Run the tests that are marked slow; return one line for each, in all its variants.

    200 kills, 10,000 fuzzed inputs, the matrix. only: what their lines say; none: all.
    """
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "tests.xml"
        command = [sys.executable, "-m", "pytest", "-m", "slow", "--timeout", "600"]
        command += ["-o", "junit_family=xunit1", f"--junitxml={listing}"]
        if only:
            command += ["-k", " or ".join(f"test_{what.replace(' ', '_')}" for what in only)]
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


def summary(machine: dict[str, str], parts: Parts, times_s: dict[str, float]) -> str:
    """Return docs/soak.md."""
    lines = [
        "# Soak",
        "",
        "Written by `make soak`.",
        "",
        *(f"- {label}: {value}" for label, value in machine.items()),
        "",
    ]
    rows = [_row(part, finding) for part, findings in parts.items() for finding in findings]
    lines += markdown_table(("part", "what", "", "seen"), rows, 4)
    took = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in times_s.items())
    return "\n".join([*lines, "", f"It took: {took}.", ""])


def renewed(page: str, machine: dict[str, str], parts: Parts) -> str:
    """Return ``page`` with the rows of what was run again in the place of those that were there."""
    lines: list[str] = []
    waiting = dict(parts)
    for line in page.splitlines():
        part, what = ([cell.strip() for cell in line.split("|")[1:3]] + ["", ""])[:2]
        if part in waiting:  # its first row
            rows = [_row(part, finding) for finding in waiting.pop(part)]
            lines += markdown_table(("",), rows, 1)[2:]
        if part in parts and (part != _SLOW or any(f.what == what for f in parts[part])):
            continue
        lines.append(line)
    when = ", ".join(machine[label] for label in ("date", "commit"))
    again = f"Run again ({when}, load {machine['load at the start']}): {', '.join(parts)}."
    return "\n".join([*lines, "", again, ""])


def read(page: str) -> dict[str, list[str]]:
    """Return what failed in each part of a page."""
    failed: dict[str, list[str]] = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 4 and cells[2] in ("passed", _FAILED):
            failed.setdefault(cells[0], []).extend([cells[1]] if cells[2] == _FAILED else [])
    return failed


def _row(part: str, finding: Finding) -> tuple[str, str, str, str]:
    return part, finding.what, "passed" if finding.passed else _FAILED, finding.seen


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
