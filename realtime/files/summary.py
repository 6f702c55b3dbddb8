"""How a run over several files went, in one table and one sentence."""

from __future__ import annotations

from collections.abc import Sequence

from realtime.files.job import Result


def print_summary(results: Sequence[Result], files: int) -> None:
    """On stderr: a row for each of ``results``, and what became of all ``files``, of which some may
    not have been reached.
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
        saved = result.error is None or result.error.exit_code == 6
        cells = (
            str(result.source),
            str(result.output) if saved else "",
            str(report.frames_out) if saved else "",
            f"{report.fps:.1f}" if report.fps else "",
            outcome(result),
        )
        table.add_row(*map(Text, cells))
    console.print(table)
    console.print(Text(_sentence(results, files)))


def outcome(result: Result) -> str:
    if result.error:
        return (
            "part of it saved"
            if result.error.exit_code == 6
            else f"failed ({result.error.exit_code})"
        )
    if result.skipped:
        return "skipped"
    return "done, damage concealed" if result.damaged else "done"


def _sentence(results: Sequence[Result], files: int) -> str:
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
    return f"{files} files: {parts}; {sum(result.report.frames_out for result in results)} frames in {wall_s:.1f} s"
