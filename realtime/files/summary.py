"""What is printed about many files: what would be done, and how a run over them went."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engines.errors import PartialResult
from realtime.files.job import JobPlan, Result
from realtime.report import peak_rss_mb, write_report


def tell_results(results: Sequence[Result], files: int, report: Path | None, as_json: bool) -> None:
    """Write --report to ``report`` and print --json and the summary, as far as they are due.

    ``files``: how many were asked for; some may not have been reached. Raises SinkError.
    """
    content = make_report(results, files) if results else {}
    if results and report:
        write_report(report, content)
    if results and as_json:
        print(json.dumps(content, indent=1))
    if files > 1:
        print_summary(results, files)


def make_report(results: Sequence[Result], files: int) -> dict[str, Any]:
    """Return the content of --report.

    That is the figures of the one file that was asked for, or {items, total} for several.
    """
    if files == 1:
        return results[0].as_dict()
    reports = [result.report for result in results]
    wall_s = sum(report.wall_s for report in reports)
    frames_out = sum(report.frames_out for report in reports)
    total = {
        "files": files,
        "failed": sum(result.error is not None for result in results),
        "frames_in": sum(report.frames_in for report in reports),
        "frames_out": frames_out,
        "dropped": sum(report.dropped for report in reports),
        "wall_s": round(wall_s, 3),
        "fps": round(frames_out / wall_s, 3) if wall_s else 0.0,
        "peak_rss_mb": peak_rss_mb(),
    }
    return {"items": [result.as_dict() for result in results], "total": total}


def print_summary(results: Sequence[Result], files: int) -> None:
    """Print a row for each of ``results`` and what became of all, on stderr.

    ``files``: how many were asked for; some may not have been reached.
    """
    from rich.console import Console  # a tenth of a second, which a run over one file is spared
    from rich.table import Table
    from rich.text import Text

    console = Console(stderr=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("input", "output", "frames", "fps", "result"):
        table.add_column(
            heading, justify="right" if heading in ("frames", "fps") else "left", overflow="fold"
        )
    for result in results:
        report = result.report
        saved = result.error is None or isinstance(result.error, PartialResult)
        cells = (
            str(result.source),
            str(result.output) if saved else "",
            str(report.frames_out) if saved else "",
            f"{report.fps:.1f}" if report.fps else "",
            describe_outcome(result),
        )
        table.add_row(*map(Text, cells))
    console.print(table)
    console.print(Text(_sum_up(results, files)))


def print_plans(plans: Sequence[JobPlan], as_json: bool) -> None:
    """Print what ``plan_jobs`` returned, on stdout."""
    if as_json:
        print(json.dumps([asdict(plan) for plan in plans], indent=1))
    else:
        print("\n".join(f"{plan.input} -> {plan.output} {plan.size}" for plan in plans))


def describe_outcome(result: Result) -> str:
    """Return in a few words how one file went."""
    if isinstance(result.error, PartialResult):
        return "part of it saved"
    if result.error:
        return f"failed ({result.error.exit_code})"
    if result.skipped:
        return "skipped"
    done = "done, damage concealed" if result.damaged else "done"
    return f"{done}, tracks left out" if result.left_out else done


def _sum_up(results: Sequence[Result], files: int) -> str:
    failed = sum(result.error is not None for result in results)
    skipped = sum(result.skipped for result in results)
    counts = {
        "done": len(results) - failed - skipped,
        "failed": failed,
        "skipped": skipped,
        "not begun": files - len(results),
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    wall_s = sum(result.report.wall_s for result in results)
    frames = sum(result.report.frames_out for result in results)
    return f"{files} files: {parts}; {frames} frames in {wall_s:.1f} s"
