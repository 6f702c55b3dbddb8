"""What ``--engine auto`` has measured on this machine, kept in the user's cache.

An entry holds for one processor, versions of the libraries, threads, model, size and precision.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from engines.base import PRECISIONS, EngineOptions
from engines.cache import read_json, write_json
from engines.folders import cache_dir
from engines.machine import cpu_threads, package_version, processor
from engines.model_file import ModelFile
from engines.registry import engine_class

CPU_ENGINES = ("openvino", "onnxruntime")
BUSY = 0.5
"""From this share of the machine's processors on, what is measured is not believed for long."""
_OLD = timedelta(days=30)
# A contradiction may come from a busy machine, so it does not lead to measuring at every run.
_FRESH = timedelta(days=1)
_CONTRADICTS = 1.5
_ENOUGH_FRAMES = 30


@dataclass(frozen=True)
class MeasuredEngine:
    """How fast an engine was on this machine; its fields are those of the kept file."""

    engine: str
    precision: str
    ms: float
    """Processor time of one frame, of all cores together, which is what is compared."""
    wall_ms: float
    """From beginning to end of one frame, the median."""
    model: str
    size: str
    """Of the frames, as WIDTHxHEIGHT."""
    measured: str
    """When, as ISO 8601 in UTC."""
    load: float | None
    """Share of the machine's processors that others kept busy, 0..1; None where it is not told."""

    def is_doubtful(self, frames: Iterable[float], now: datetime | None = None) -> bool:
        """Return whether it should be measured again.

        That is when it is old, when others kept the machine busy, or when ``frames``, the
        milliseconds that frames of this size took in a run, say something else.
        """
        age = (now or datetime.now(UTC)) - datetime.fromisoformat(self.measured)
        took_ms = list(frames)
        contradicted = (
            len(took_ms) >= _ENOUGH_FRAMES and median(took_ms) > _CONTRADICTS * self.wall_ms
        )
        busy = self.load is not None and self.load > BUSY
        return busy or not timedelta(0) <= age <= _OLD or (contradicted and age > _FRESH)


def make_key(model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> str:
    """Return the name under which is kept what holds for all of these, and for this machine."""
    versions = [f"{name}-{package_version(name) or 'none'}" for name in CPU_ENGINES]
    hashes = [
        hashlib.sha256(p.read_bytes()).hexdigest() for p in (model.path, model.int8_path) if p
    ]
    parts = [
        processor(),
        os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
        *versions,
        str(options.threads or cpu_threads()),
        *hashes,
        f"{size[1]}x{size[0]}",
        options.precision,
    ]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:24]


def choice_file(key: str) -> Path:
    """Return the file of ``key``, in a folder that is there."""
    return _folder() / f"{key}.json"


def read_measured(key: str) -> MeasuredEngine | None:
    """Return the kept choice if it is whole and its engine is still installed."""
    return _read(choice_file(key))


def keep_measured(key: str, measured: MeasuredEngine) -> None:
    """Keep the choice. Raises OSError."""
    write_json(choice_file(key), asdict(measured))


def all_measured() -> list[MeasuredEngine]:
    """Return every kept choice, by model and size."""
    kept = [entry for file in _folder().glob("*.json") if (entry := _read(file))]
    return sorted(kept, key=lambda entry: (entry.model, entry.size, entry.measured))


def _folder() -> Path:
    folder = cache_dir() / "choices"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _read(file: Path) -> MeasuredEngine | None:
    kept = read_json(file)
    if not isinstance(kept, dict) or kept.keys() != {f.name for f in fields(MeasuredEngine)}:
        return None  # damaged, or of a version that measured otherwise
    entry = MeasuredEngine(**kept)
    is_whole = (
        entry.engine in CPU_ENGINES
        and entry.precision in PRECISIONS
        and all(isinstance(text, str) for text in (entry.model, entry.size, entry.measured))
        and isinstance(entry.ms, float)
        and isinstance(entry.wall_ms, float)
        and isinstance(entry.load, float | None)
        and _is_time(entry.measured)
    )
    return entry if is_whole and not engine_class(entry.engine).unavailable() else None


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
