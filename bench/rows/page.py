"""The measurement for readers.

One table on the terminal, the same as Markdown, and the figures as JSON.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rows.figures import END_TO_END, HEADLESS, OURS, PEER, SMALL, Row, Target, is_live
from bench.tools.markdown import markdown_table

_COLUMNS = (
    "part",
    "network",
    "size",
    "engine",
    "precision",
    "fps",
    "ms a frame",
    "times the peer",
    "decode",
    "infer",
    "encode",
    "CPU ms",
)
_TEXT_COLUMNS = 5
_NOTES = """\
Engine only: median of calls that take turns in rounds, bytes in and bytes out for ours and
{classic}, which has random weights. The peer is the network of 26 styles of {peer} 0.1.0, called
without the conversions around it, which is its best case.
File: whole processes from start to end, in turn, median, clips of 6 to 8 s with sound; ours has
run before, so its engine is chosen and compiled. The peer writes mp4v and no sound. The plain
loop (bench/rows/plain_loop.py) decodes, paints and encodes one frame after the other, with the
encoder, preset and crf of ours, no sound, on the fp32 model file, which ONNX Runtime is faster
with than with int8. The longest chain: processor time of the busiest of the threads that decode,
paint, and do the rest.
Live: a file that plays at 30 fps, without a window or in one on a virtual screen (Xvfb); fps is
frames shown, latency from the time at which a frame is due to the time at which it is on the
screen. While styles change there are a switch, a blend and a fade of 1.5 s. At 1280x720 the
network paints at the size that the brush asks for, and the result is brought up.
decode, infer, encode: busy milliseconds a frame, p50; live they are capture, infer, display; the
three overlap. CPU ms: processor time of the whole process a frame, over all threads, its start
included."""


def print_page(
    machine: dict[str, str], rows: list[Row], targets: list[Target], console: Console
) -> None:
    """Print the table and the targets on the terminal."""
    table = Table(
        title=f"{machine['processor']}, {machine['cores']} cores, {machine['date']}, "
        f"commit {machine['commit']}"
    )
    for index, name in enumerate(_COLUMNS):
        table.add_column(name, justify="left" if index < _TEXT_COLUMNS else "right", no_wrap=True)
    for before, row in zip([None, *rows], rows, strict=False):
        if before and (before.part, before.size) != (row.part, row.size):
            table.add_section()
        table.add_row(*_cells(row))
    console.print(table)
    for target in targets:
        verdict = "[green]met[/]" if target.met else "[red]missed[/]"
        console.print(
            f"{verdict}: {target.what}: {target.measured or 'not measured'} (wanted: "
            f"{target.wanted})"
        )


def markdown(machine: dict[str, str], rows: list[Row], targets: list[Target]) -> str:
    """Return docs/bench.md."""
    notes = _NOTES.format(classic="transformer_net", peer=PEER)
    lines = ["# Speed", "", "Written by `make bench`; one table from one run.", ""]
    lines += [f"- {label}: {value}" for label, value in machine.items()]
    lines += [
        "",
        *markdown_table(_COLUMNS, [_cells(row) for row in rows], _TEXT_COLUMNS),
        "",
        *_facts(rows),
        "",
        notes,
        "",
    ]
    lines += ["## Targets", ""]
    cells = [
        (t.what, t.wanted, t.measured or "not measured", "met" if t.met else "**missed**")
        for t in targets
    ]
    lines += markdown_table(("what", "wanted", "measured", ""), cells, 4)
    return "\n".join(lines) + "\n"


def as_json(machine: dict[str, str], rows: list[Row], targets: list[Target]) -> dict[str, Any]:
    """Return ``rows`` in full, ``targets``, and ``key``: what the README quotes."""
    return {
        "machine": machine,
        "key": key_figures(rows),
        "targets": [asdict(target) for target in targets],
        "rows": [{**asdict(row), "fps": round(row.fps, 2)} for row in rows],
    }


def key_figures(rows: list[Row]) -> dict[str, Any]:
    """Return the figures that are quoted, rounded as they are.

    The best engine-only row of ours per size, the file's row, the live row.
    """
    key: dict[str, Any] = {}
    for row in rows:
        if row.what != OURS or (row.part == END_TO_END and row.ratio is None):
            continue
        if is_live(row) and (row.part, row.size) != (HEADLESS, SMALL):
            continue
        name = {END_TO_END: "file", HEADLESS: "live"}.get(row.part, f"engine_{row.size}")
        entry = {
            "fps": round(row.fps, 1),
            "frame_ms": round(row.frame_ms, 1),
            "times_peer": row.ratio and round(row.ratio, 1),
            "engine": row.engine,
            "precision": row.precision,
            **row.facts,
        }
        if name not in key or entry["fps"] > key[name]["fps"]:
            key[name] = entry
    return key


def _cells(row: Row) -> tuple[str, ...]:
    stages = [_number(row.stage_ms.get(name)) for name in ("decode", "infer", "encode")]
    texts = (row.part, row.what, row.size, row.engine, row.precision)
    return (
        *texts,
        _number(row.fps),
        _number(row.frame_ms),
        _number(row.ratio, 2),
        *stages,
        _number(row.cpu_ms),
    )


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _facts(rows: list[Row]) -> list[str]:
    """Return what the programs' own reports add to the table."""
    lines = []
    for row in rows:
        if row.part == END_TO_END:
            start = (
                f", first frame after {row.facts['startup_s']:.1f} s"
                if "startup_s" in row.facts
                else ""
            )
            sound = "kept, packet for packet" if row.facts["sound_kept"] else "lost"
            lines.append(f"- file {row.size}, {row.what}: sound {sound}{start}")
        if is_live(row):
            f = row.facts
            latency = (
                f"latency p50 {f['p50_ms']:.0f} ms, p95 {f['p95_ms']:.0f} ms, "
                f"at most {f['max_ms']:.0f} ms"
            )
            shown = (
                f"{f['shown']} frames shown, {f['dropped']} dropped, "
                f"the first after {f['startup_s']:.1f} s"
            )
            lines.append(
                f"- {row.part}, {row.size}: {latency}; {shown}; painted at {f['network_size']}"
            )
    return lines
