"""Where Livebrush keeps what it may lose (cache) and what the user made (models), and how it writes
there safely.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import platformdirs

APP = "livebrush"


def cache_dir() -> Path:
    """The user's cache folder, made with mode 0700. ``LIVEBRUSH_CACHE`` overrides it.

    Where it cannot be made or written, as in a container with a read-only home, one that lasts as
    long as the process.
    """
    path = Path(os.environ.get("LIVEBRUSH_CACHE") or platformdirs.user_cache_dir(APP))
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return _passing_cache()
    return path if os.access(path, os.W_OK) else _passing_cache()


@functools.cache
def _passing_cache() -> Path:
    folder = tempfile.mkdtemp(prefix=f"{APP}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def prune(folder: Path, limit_bytes: int, pattern: str = "*") -> None:
    """Remove the files of ``folder`` that were not used for the longest, until the rest fit into
    ``limit_bytes``.
    """
    try:
        files = sorted(
            ((p.stat().st_mtime, p.stat().st_size, p) for p in folder.glob(pattern) if p.is_file()),
            reverse=True,
        )
    except OSError:
        return  # not there yet, or another process is at it
    total = 0
    for _, size, path in files:
        total += size
        if total > limit_bytes:
            path.unlink(missing_ok=True)


def user_models_dir() -> Path:
    """Where `training add-style` and `export` put the user's own models.

    ``LIVEBRUSH_MODELS`` overrides it.
    """
    return Path(
        os.environ.get("LIVEBRUSH_MODELS") or Path(platformdirs.user_data_dir(APP)) / "models"
    )


def read_json(path: Path) -> Any:
    """The file's content, or None if it is missing or damaged: a cache is never a reason to fail."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Replace the file in one step, so that a reader sees the old or the new content and nothing
    between.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
