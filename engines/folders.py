"""The user's folders: what Livebrush may lose (cache), and what the user made (models)."""

from __future__ import annotations

import atexit
import functools
import logging
import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

APP = "livebrush"


def cache_dir() -> Path:
    """Return the user's cache folder, made with mode 0700. ``LIVEBRUSH_CACHE`` overrides it.

    Where it cannot be made or written, as in a container with a read-only home, or where others
    could put something into it, one that lasts as long as the process.
    """
    path = Path(os.environ.get("LIVEBRUSH_CACHE") or platformdirs.user_cache_dir(APP))
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        return _temporary_cache()
    if not os.access(path, os.W_OK):
        return _temporary_cache()
    if not is_mine(path):
        _warn_of(path)
        return _temporary_cache()
    return path


def is_mine(path: Path) -> bool:
    """Return whether the file or folder belongs to this user and nobody else may change it."""
    try:
        status = path.stat()
    except OSError:
        return False
    return os.name == "nt" or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


@functools.cache
def _warn_of(path: Path) -> None:
    logging.getLogger(__name__).warning(
        "%s: is not used, since others may write to it. Type: chmod go-w %s", path, path
    )


@functools.cache
def _temporary_cache() -> Path:
    folder = tempfile.mkdtemp(prefix=f"{APP}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def prune(folder: Path, limit_bytes: int, pattern: str = "*") -> None:
    """Remove the longest unused files of ``folder`` until the rest fit into ``limit_bytes``."""
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
    """Return the folder where `training add-style` and `export` put the user's own models.

    ``LIVEBRUSH_MODELS`` overrides it.
    """
    return Path(
        os.environ.get("LIVEBRUSH_MODELS") or Path(platformdirs.user_data_dir(APP)) / "models"
    )


def user_studio_dir() -> Path:
    """Return the folder where pages' films and their paintings are kept.

    ``LIVEBRUSH_STUDIO`` overrides it.
    """
    return Path(
        os.environ.get("LIVEBRUSH_STUDIO") or Path(platformdirs.user_data_dir(APP)) / "studio"
    )
