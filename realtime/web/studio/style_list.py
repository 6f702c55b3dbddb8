"""The styles that files can be painted in, as they are on the disk."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import Any

from engines import installed_models
from engines.folders import user_models_dir
from engines.style_row import StyleRow


@dataclass(frozen=True)
class _Known:
    titles: dict[str, str]
    """By name, those of the bundled model first."""
    kept: tuple[StyleRow, ...]


class StyleList:
    """Every style of every installed model, from any thread.

    Read again when the folder of the user's models changes.
    """

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._read_at: int | None = -1
        self._known = _Known({}, ())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all."""
        return tuple(self._read().titles)

    @property
    def kept(self) -> tuple[StyleRow, ...]:
        """Those that are kept as NAME.row."""
        return self._read().kept

    def title(self, name: str) -> str:
        """Return what people call it."""
        return self._read().titles.get(name, name)

    def entries(self) -> list[dict[str, Any]]:
        """Return names and titles, JSON-ready."""
        return [{"name": name, "title": title} for name, title in self._read().titles.items()]

    def _read(self) -> _Known:
        with self._reading:
            changed_at = _changed_at()
            if changed_at != self._read_at:
                self._read_at = changed_at
                models = installed_models()[::-1]
                titles = {s.name: s.title or s.name for m in models for s in m.styles[1:]}
                rows = {row.style.name: row for model in models for row in model.rows}
                self._known = _Known(titles, tuple(rows.values()))
            return self._known


def _changed_at() -> int | None:
    try:
        return os.stat(user_models_dir()).st_mtime_ns
    except OSError:
        return None
