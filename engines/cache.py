"""JSON files that may be lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engines.atomic_write import atomic_write


def read_json(path: Path) -> Any:
    """Return the file's content, or None if it is missing or damaged.

    A cache is never a reason to fail.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Replace the file in one step. Raises OSError."""
    text = json.dumps(value, indent=1, sort_keys=True)
    with atomic_write(path, private=True) as written:
        written.write_text(text, encoding="utf-8")
