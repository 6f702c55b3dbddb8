"""Keeps plans: what is found is this user's, whole, and built for exactly this.

Anything else is built again. A plan is code for one GPU, so it is only ever read from the user's
own folder (0700), never from elsewhere. A file is one line of JSON (the key that it was built for,
the hash of what follows, facts for the list) and the plan. It is written under a temporary name and
renamed; builders of the same key wait for each other and take what the first has made. The plans
that were not used for the longest go when the folder grows over ``LIMIT_BYTES``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from engines.atomic_write import atomic_write
from engines.folders import cache_dir, is_mine, prune
from engines.plans.shapes import Shapes

LIMIT_BYTES = 2 * 2**30
_STALE_S = 6 * 3600  # a temporary file so old is what a crash has left
_MAX_HEADER = 64 * 2**10
_MAGIC = "livebrush-plan-1"


@dataclass(frozen=True)
class PlanKey:
    """Everything that a plan depends on."""

    model_sha256: str
    library: str
    library_version: str
    target: str
    card: str
    """The name of the GPU, "" for one that is not here."""
    driver: int
    """The major version of its driver, 0 for a GPU that is not here."""
    precision: str
    shapes: Shapes
    flags: str

    @property
    def digest(self) -> str:
        """The name of the plan's file."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]

    def runs(self, wanted: PlanKey) -> bool:
        """Return whether a plan of this key runs the fixed shapes of ``wanted``.

        All else must be alike.
        """
        others = {**asdict(self), "shapes": None} == {**asdict(wanted), "shapes": None}
        return others and self.shapes.covers(wanted.shapes.batch, wanted.shapes.usual)


@dataclass(frozen=True)
class Entry:
    """A plan in the cache, as ``--list`` shows it."""

    path: Path
    key: PlanKey
    size_bytes: int
    used_s: float
    facts: dict[str, Any] = field(default_factory=dict)


class PlanStore:
    """The plans in ``folder``, by default the user's."""

    def __init__(self, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = folder or cache_dir() / "tensorrt"
        self._limit_bytes = limit_bytes
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(OSError):  # another user's: nothing in it is trusted then
            self.folder.chmod(0o700)

    def get(self, key: PlanKey) -> bytes | None:
        """Return the plan for ``key``, or one whose range of sizes covers it.

        None if there is none that can be trusted.
        """
        for path in self._find_candidates(key):
            plan = self._read(path, key)
            if plan is not None:
                with contextlib.suppress(OSError):
                    os.utime(path)  # used now
                return plan
        return None

    def get_or_build(
        self, key: PlanKey, build: Callable[[], tuple[bytes, dict[str, Any]]]
    ) -> bytes:
        """Return the plan for ``key``, built and kept if it is not there.

        ``build`` returns the plan and facts for the list. Whoever else builds the same at this
        moment is waited for. What ``build`` raises is raised, and nothing is kept.
        """
        plan = self.get(key)
        if plan is not None:
            return plan
        with self._lock(key):
            plan = self.get(key)
            if plan is None:
                started_s = time.monotonic()
                plan, facts = build()
                self._write(key, plan, {"build_s": round(time.monotonic() - started_s, 1), **facts})
        return plan

    def discard(self, key: PlanKey) -> None:
        """Remove whatever ``get`` would give for ``key``."""
        for path in self._find_candidates(key):
            path.unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """Return every readable plan, the last used first."""
        found = [
            entry
            for path in self.folder.glob("[!.]*.plan")
            if (entry := _read_entry(path)) is not None
        ]
        return sorted(found, key=lambda entry: entry.used_s, reverse=True)

    def expected_s(self, key: PlanKey) -> float | None:
        """Return how long the last build of this library and precision on this GPU took.

        None if there was none.
        """
        alike = [
            e
            for e in self.entries()
            if (e.key.library, e.key.precision, e.key.card)
            == (key.library, key.precision, key.card)
        ]
        times = [
            entry.facts["build_s"]
            for entry in alike
            if isinstance(entry.facts.get("build_s"), (int, float))
        ]
        return float(times[0]) if times else None

    def clear(self) -> tuple[int, int]:
        """Remove every plan and what belongs to one. Returns how many files, and their bytes."""
        files = [
            path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".lock"
        ]
        total = sum(path.stat().st_size for path in files)
        for path in files:
            path.unlink(missing_ok=True)
        return len(files), total

    def sibling(self, name: str) -> Path:
        """Return the path of what TensorRT itself keeps beside the plans: kernels, timings."""
        return self.folder / name

    def read(self, path: Path) -> bytes:
        """Return a sibling's content, b"" if it is not there or others could have written it."""
        try:
            return path.read_bytes() if is_mine(self.folder) and is_mine(path) else b""
        except OSError:
            return b""

    def write(self, path: Path, *parts: bytes) -> None:
        """Replace ``path`` in one step.

        A folder that cannot be written costs the next start time, not this one its result.
        """
        try:
            with (
                atomic_write(path, private=True, fsync=True) as written,
                open(written, "wb") as file,
            ):
                file.writelines(parts)
        except OSError as error:
            logging.getLogger(__name__).warning(
                "%s cannot be kept (%s): it is built again next time", path.name, error
            )

    def _write(self, key: PlanKey, plan: bytes, facts: dict[str, Any]) -> None:
        header = {
            "magic": _MAGIC,
            "key": asdict(key),
            "sha256": hashlib.sha256(plan).hexdigest(),
            "bytes": len(plan),
        }
        self.write(self._path(key), json.dumps({**header, "facts": facts}).encode() + b"\n", plan)
        # Plans, and the kernels compiled for them.
        prune(self.folder, self._limit_bytes, "[!.]*.[pk]*")
        for left in self.folder.glob(".*.part-*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_S:
                    left.unlink()

    def _path(self, key: PlanKey) -> Path:
        return self.folder / f"{key.digest}.plan"

    def _find_candidates(self, key: PlanKey) -> list[Path]:
        return [
            self._path(key),
            *(entry.path for entry in self.entries() if entry.key != key and entry.key.runs(key)),
        ]

    @contextlib.contextmanager
    def _lock(self, key: PlanKey) -> Iterator[None]:
        """Let whoever else builds ``key`` wait.

        In a folder that cannot be written, each builds for himself.
        """
        folder = self.folder / "locks"
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                folder.mkdir(exist_ok=True, mode=0o700)
                stack.enter_context(FileLock(folder / f"{key.digest}.lock"))
            yield

    def _read(self, path: Path, wanted: PlanKey) -> bytes | None:
        """Return the plan in ``path`` if the file is ours, whole and for ``wanted``."""
        if not (is_mine(self.folder) and is_mine(path)):
            return None
        try:
            with path.open("rb") as file:
                header = _read_header(file)
                plan = file.read() if header else b""
        except OSError:
            return None
        if header is None or header.get("sha256") != hashlib.sha256(plan).hexdigest():
            return None
        key = _parse_key(header)
        return plan if key == wanted or (key is not None and key.runs(wanted)) else None


def _read_entry(path: Path) -> Entry | None:
    try:
        with path.open("rb") as file:
            header = _read_header(file)
        stat = path.stat()
    except OSError:
        return None
    key = _parse_key(header) if header else None
    facts = header.get("facts") if header else None
    return (
        Entry(path, key, stat.st_size, stat.st_mtime, facts if isinstance(facts, dict) else {})
        if key
        else None
    )


def _read_header(file: BinaryIO) -> dict[str, Any] | None:
    try:
        header = json.loads(file.readline(_MAX_HEADER))
    except ValueError:
        return None
    return header if isinstance(header, dict) and header.get("magic") == _MAGIC else None


def _parse_key(header: dict[str, Any]) -> PlanKey | None:
    try:
        fields = dict(header["key"])
        shapes = fields.pop("shapes")
        smallest, usual, largest = (
            (int(height), int(width))
            for height, width in (shapes[name] for name in ("smallest", "usual", "largest"))
        )
        return PlanKey(shapes=Shapes(smallest, usual, largest, int(shapes["batch"])), **fields)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
