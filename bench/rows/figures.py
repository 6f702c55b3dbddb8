"""What the table holds, and the targets.

There is one row per thing measured, compared with the peer's row of the same run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

OURS = "livebrush"
CLASSIC = "transformer_net"
PEER = "styletransfer-lite"
OURS_MPEG4 = "livebrush --vcodec mpeg4"  # which is the codec that the peer writes
PLAIN = "a plain PyAV loop"
ENGINE_ONLY, END_TO_END = "engine only", "file, end to end"
HEADLESS, WINDOW, CHANGING = "live", "live, window", "live, window, styles change"
STEADY, AUTO = "live, stability 0.5", "live, quality auto"
SMALL, LARGE = "640x480", "1280x720"
LIVE_FPS = 30  # of the clip that plays


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    part: str
    """One of the names above."""
    what: str
    size: str
    """As a user writes it, WIDTHxHEIGHT."""
    engine: str
    precision: str
    frame_ms: float
    """The median."""
    ratio: float | None = None
    """How many times as fast as the peer at this part and size; None without a peer's row."""
    stage_ms: dict[str, float] = field(default_factory=dict)
    """Busy milliseconds a frame of decode (live: capture), infer and encode (live: display)."""
    cpu_ms: float | None = None
    """Processor time of the whole process a frame."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the run reported."""

    @property
    def fps(self) -> float:
        """Return the frames a second."""
        return 1000 / self.frame_ms


@dataclass(frozen=True)
class Target:
    """A promise, and whether it was kept."""

    what: str
    wanted: str
    measured: str | None
    """None where the run had nothing to measure it by."""
    met: bool


def is_live(row: Row) -> bool:
    """Return whether the row is of the live program."""
    return row.part.startswith(HEADLESS)


def with_ratios(rows: Iterable[Row]) -> list[Row]:
    """Return every row with its ratio to the peer's row of the same part and size."""
    rows = list(rows)
    peer_ms = {(row.part, row.size): row.frame_ms for row in rows if row.what == PEER}
    return [
        replace(row, ratio=peer_ms[row.part, row.size] / row.frame_ms)
        if (row.part, row.size) in peer_ms
        else row
        for row in rows
    ]


def targets(rows: list[Row]) -> list[Target]:
    """Return the promises and whether this run kept them. ``rows`` have their ratios."""
    return [
        _engine_target(rows),
        _file_target(rows, OURS, "default settings", 4),
        _file_target(rows, OURS_MPEG4, "--vcodec mpeg4", 6),
        _plain_target(rows),
        *(_overlap_target(rows, size) for size in (SMALL, LARGE)),
        *live_targets(rows),
    ]


def _engine_target(rows: list[Row]) -> Target:
    what, wanted = "engine only, 640x480, best engine and precision, times the peer", "at least 5"
    found = [(row.ratio, row) for row in _ours(rows, ENGINE_ONLY, SMALL) if row.ratio]
    if not found:
        return Target(what, wanted, None, False)
    ratio, best = max(found, key=lambda pair: pair[0])
    return Target(what, wanted, f"{ratio:.1f} ({best.engine} {best.precision})", ratio >= 5)


def _file_target(rows: list[Row], ours: str, how: str, times: int) -> Target:
    what = f"a 512x480 file end to end, {how}, times the peer"
    wanted = f"at least {times}, sound kept"
    found = [
        row
        for row in rows
        if (row.part, row.what, row.size) == (END_TO_END, ours, "512x480") and row.ratio
    ]
    if not found:
        return Target(what, wanted, None, False)
    kept = bool(found[0].facts["sound_kept"])
    return Target(
        what,
        wanted,
        f"{found[0].ratio:.1f}, sound {'kept' if kept else 'LOST'}",
        found[0].ratio >= times and kept,
    )


def _plain_target(rows: list[Row]) -> Target:
    what = "a 640x480 file end to end, times a plain loop of PyAV and ONNX Runtime"
    wanted = "at least 1.5"
    frame_ms = {
        row.what: row.frame_ms for row in rows if (row.part, row.size) == (END_TO_END, "640x480")
    }
    if not {OURS, PLAIN} <= frame_ms.keys():
        return Target(what, wanted, None, False)
    ratio = frame_ms[PLAIN] / frame_ms[OURS]
    return Target(what, wanted, f"{ratio:.1f}", ratio >= 1.5)


def _overlap_target(rows: list[Row], size: str) -> Target:
    """Judge whether nothing waits.

    The wall time is what all cores need for the work, or what the busiest thread needs, if more.
    """
    what = (
        f"a {size} file end to end, wall time against CPU seconds / cores "
        "and against the longest chain"
    )
    found = [row for row in _ours(rows, END_TO_END, size) if "of_cpu" in row.facts]
    if not found:
        return Target(what, "at most 1.1 times the larger", None, False)
    of_cpu, of_chain = found[0].facts["of_cpu"], found[0].facts["of_chain"]
    return Target(
        what,
        "at most 1.1 times the larger",
        f"{of_cpu:.2f} and {of_chain:.2f} times",
        min(of_cpu, of_chain) <= 1.1,
    )


def _ours(rows: list[Row], part: str, size: str | None = None) -> list[Row]:
    return [
        row for row in rows if row.part == part and row.what == OURS and size in (None, row.size)
    ]


def live_targets(rows: list[Row]) -> list[Target]:
    """Return what a performer is promised, each measured on a run of its own."""
    shares = [
        _target(rows, part, SMALL, "29 fps shown, p95 at most 66 ms, drops under 2 %", _is_smooth)
        for part in (HEADLESS, WINDOW)
    ]
    return [
        *shares,
        _target(rows, CHANGING, SMALL, "no frame later than 2 frame times", _is_never_late),
        _target(
            rows,
            STEADY,
            SMALL,
            "at least 20 fps shown",
            lambda row: (f"{row.fps:.1f} fps", row.fps >= 20),
        ),
        _target(
            rows,
            HEADLESS,
            LARGE,
            "at least 0.8 of the engine alone, or of the clip's rate",
            lambda row: _keeps_up(row, rows),
        ),
        _target(rows, AUTO, LARGE, "29 fps shown, inference size reported", _adapts),
        _start_target(rows),
    ]


def _target(
    rows: list[Row], part: str, size: str, wanted: str, judge: Callable[[Row], tuple[str, bool]]
) -> Target:
    what, found = f"{part}, {size} at {LIVE_FPS} fps", _ours(rows, part, size)
    return Target(what, wanted, *judge(found[0])) if found else Target(what, wanted, None, False)


def _is_smooth(row: Row) -> tuple[str, bool]:
    p95_ms, dropped = row.facts["p95_ms"], row.facts["dropped"]
    share = dropped / max(dropped + row.facts["shown"], 1)
    return (
        f"{row.fps:.1f} fps, p95 {p95_ms:.0f} ms, {100 * share:.1f} %",
        row.fps >= 29 and p95_ms <= 66 and share < 0.02,
    )


def _is_never_late(row: Row) -> tuple[str, bool]:
    """Judge the time from due to shown, and from one shown frame to the next.

    Of two frames' times one may be missing, rounded.
    """
    latest_ms, gap_ms, frame_ms = row.facts["max_ms"], row.facts["longest_gap_ms"], 1000 / LIVE_FPS
    return (
        f"latest {latest_ms:.0f} ms, longest gap {gap_ms:.0f} ms",
        latest_ms <= 2 * frame_ms and round(gap_ms / frame_ms) <= 2,
    )


def _keeps_up(row: Row, rows: list[Row]) -> tuple[str, bool]:
    alone = max((other.fps for other in _ours(rows, ENGINE_ONLY, row.size)), default=LIVE_FPS)
    share = row.fps / min(alone, LIVE_FPS)
    return f"{share:.2f} ({row.fps:.1f} fps, the engine alone {alone:.1f})", share >= 0.8


def _adapts(row: Row) -> tuple[str, bool]:
    return f"{row.fps:.1f} fps at {row.facts['network_size']}", row.fps >= 29


def _start_target(rows: list[Row]) -> Target:
    starts_s = {
        part: row.facts["startup_s"]
        for part in (HEADLESS, WINDOW)
        for row in _ours(rows, part, SMALL)
    }
    measured = ", ".join(f"{start_s:.1f} s {part}" for part, start_s in starts_s.items()) or None
    met = bool(starts_s) and max(starts_s.values()) <= 3
    return Target(
        "from the command to the first painting on the screen", "within 3 s", measured, met
    )
