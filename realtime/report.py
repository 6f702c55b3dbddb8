"""The figures of one run, for ``--report`` and ``--json``: the same fields for a file and for a
live session.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engines.atomic_write import atomic_write
from engines.errors import SinkError, UsageError
from realtime.media.names import output_exists, same_file
from realtime.timing import Samples, StageTimes


@dataclass
class Report:
    """One run.

    ``size`` is the inference size, written as "WIDTHxHEIGHT"; ``stage_ms`` is busy time per frame,
    p50.

    For a file ``fps`` is frames_out / wall_s, with everything counted, and ``latency_ms`` runs from
    decoded to encoded. Live, frames, ``fps`` and ``latency_ms`` count from the first shown frame,
    and latency runs from capture to shown.
    """

    frames_in: int = 0
    frames_out: int = 0
    dropped: int = 0
    wall_s: float = 0.0
    startup_s: float = 0.0
    fps: float = 0.0
    latency_ms: dict[str, float | None] = field(default_factory=lambda: {"p50": None, "p95": None})
    stage_ms: dict[str, float | None] = field(default_factory=dict)
    engine: str = ""
    device: str = ""
    precision: str = ""
    size: str = ""
    style: str = ""
    peak_rss_mb: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; the fields of ``extra`` (input, output, notes, ...) stand beside the others."""
        fields = asdict(self)
        return {**fields.pop("extra"), **{key: _rounded(value) for key, value in fields.items()}}


def latency_figures(latency: Samples) -> dict[str, float | None]:
    return {"p50": latency.percentile(50), "p95": latency.percentile(95)}


def stage_figures(stages: StageTimes) -> dict[str, float | None]:
    return {name: samples.percentile(50) for name, samples in stages.stages.items()}


def peak_rss_mb() -> float | None:
    """The most memory that this process has held so far, in MiB; None where the system does not
    tell (Windows).
    """
    if sys.platform == "linux":  # getrusage there counts what the process was that started this one
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def check_report(path: Path | None, others: Sequence[Path]) -> None:
    """Before a run: UsageError if the report would replace one of ``others``, its inputs and
    outputs, by whatever name or link; SinkError if it cannot be written.
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


def write_report(path: Path, content: dict[str, Any]) -> None:
    """Replace ``path`` in one step. Raises SinkError if it cannot be written."""
    try:
        with atomic_write(path) as written:
            written.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"--report {path}: cannot be written ({error.strerror}).") from error


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 3) if isinstance(value, float) else value
