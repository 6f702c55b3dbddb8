"""The figures of one run, for ``--report`` and ``--json``.

A file and a live session have the same fields.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engines.atomic_write import atomic_write
from engines.errors import SinkError, UsageError
from realtime.media.names import output_exists, same_file
from realtime.timing import Samples, StageTimes


@dataclass
class Report:
    """The figures of one run. Live, frames, rates and latency count from the first shown frame."""

    frames_in: int = 0
    frames_out: int = 0
    dropped: int = 0
    wall_s: float = 0.0
    startup_s: float = 0.0
    fps: float = 0.0
    """For a file frames_out / wall_s, with everything counted."""
    latency_ms: dict[str, float | None] = field(default_factory=lambda: {"p50": None, "p95": None})
    """By percentile; from decoded to encoded, live from captured to shown."""
    stage_ms: dict[str, float | None] = field(default_factory=dict)
    """Busy time per frame of each stage, the median."""
    engine: str = ""
    device: str = ""
    precision: str = ""
    size: str = ""
    """At which the network ran, as WIDTHxHEIGHT."""
    style: str = ""
    peak_rss_mb: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    """What only one kind of run has, JSON-ready."""

    def as_dict(self) -> dict[str, object]:
        """Return the fields, JSON-ready; those of ``extra`` stand beside the others."""
        fields = asdict(self)
        return {**fields.pop("extra"), **{key: _rounded(value) for key, value in fields.items()}}


def latency_figures(latency: Samples) -> dict[str, float | None]:
    """Return the median and the 95th percentile, in milliseconds."""
    return {"p50": latency.percentile(50), "p95": latency.percentile(95)}


def stage_figures(stages: StageTimes) -> dict[str, float | None]:
    """Return the median busy time per frame of each stage, in milliseconds."""
    return {name: samples.percentile(50) for name, samples in stages.stages.items()}


def peak_rss_mb() -> float | None:
    """Return the most memory that this process has held so far, in MiB.

    None where the system does not tell (Windows).
    """
    if sys.platform == "linux":  # getrusage there counts the process that started this one too
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def check_report(path: Path | None, others: Sequence[Path]) -> None:
    """Check before a run that the report can be written.

    Raises UsageError if it would replace one of ``others``, the inputs and outputs of the run, by
    whatever name or link; SinkError if it cannot be written.
    """
    if path is None:
        return
    for other in others:
        if other == Path("-"):
            continue
        if same_file(path, other):
            raise UsageError(
                f"--report {path}: is {other}, which the run reads or writes. Choose another name."
            )
    if not path.parent.is_dir():
        raise SinkError(f"--report {path}: the folder {path.parent} does not exist.")
    if output_exists(path) and path.is_dir():
        raise SinkError(f"--report {path}: is a folder.")
    if not os.access(path.parent, os.W_OK):
        raise SinkError(f"--report {path}: the folder {path.parent} cannot be written to.")


def write_report(path: Path, content: Mapping[str, object]) -> None:
    """Replace ``path`` in one step. Raises SinkError if it cannot be written."""
    try:
        with atomic_write(path) as written:
            written.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"--report {path}: cannot be written ({error.strerror}).") from error


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 3) if isinstance(value, float) else value
