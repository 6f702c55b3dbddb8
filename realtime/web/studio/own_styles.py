"""The styles that are made of pictures: those of this run, and those that are kept as NAME.row."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines import find_model
from engines.errors import ModelError, SinkError, UsageError, printable
from engines.folders import user_models_dir
from engines.style import MAX_TEXT, STYLE_NAME
from engines.style_row import ENDING, StyleRow, read_row, write_row
from realtime.live.picture_styles import PictureStyles
from realtime.media.reading.style_pictures import free_name, name_of
from realtime.web.studio.style_list import StyleList
from realtime.web.studio.swatches import Swatches

MOST_KEPT = 200
MOST_ROW_BYTES = 2**20


class OwnStyles:
    """Keeps, names and removes them. Methods: from any thread.

    pictures: what makes styles of pictures in this run. is_used: tells whether a painting needs a
    style. Methods that name what is not here raise KeyError.
    """

    def __init__(
        self,
        pictures: PictureStyles,
        styles: StyleList,
        is_used: Callable[[str], bool],
        swatches: Swatches,
    ) -> None:
        self._pictures, self._styles, self._is_used = pictures, styles, is_used
        self._swatches = swatches
        self._changing = threading.Lock()

    def entries(self) -> list[dict[str, Any]]:
        """Return all of them, JSON-ready: what is not kept yet first."""
        kept = self._styles.kept
        digests = {row.digest for row in kept}
        fresh = [row for row in self._pictures.brought if row.digest not in digests]
        rows = [*reversed(fresh), *kept]
        return [
            {
                "name": row.style.name,
                "title": row.style.title or row.style.name,
                "kept": row.digest in digests,
                "swatch": int(row.digest in digests and self._swatches.has(row.style.name)),
            }
            for row in rows
        ]

    def keep(self, name: str) -> None:
        """Keep a style of this run. Raises UsageError where there are too many."""
        with self._changing:
            if name not in {row.style.name for row in self._pictures.brought}:
                raise KeyError(name)
            self._check_room()
            self._pictures.keep([name])

    def rename(self, name: str, title: str) -> None:
        """Call a kept style by another title, and its file like it. Raises SinkError."""
        with self._changing:
            path, title = self._path(name), printable(title).strip()[:MAX_TEXT]
            if not title:
                raise UsageError("a style needs a name.")
            self._check_unused(name)
            row = read_row(path)
            others = [other for other in self._styles.names if other != name]
            new = free_name(name_of(title), others)
            self._write(replace(row, style=replace(row.style, name=new, title=title)))
            if new != name:
                path.unlink(missing_ok=True)
            self._swatches.rename(name, new)

    def remove(self, name: str) -> None:
        """Remove a kept style."""
        with self._changing:
            path = self._path(name)
            self._check_unused(name)
            path.unlink(missing_ok=True)

    def content(self, name: str) -> bytes:
        """Return its file, to be given to others."""
        return self._path(name).read_bytes()

    def swatch(self, name: str) -> Path | None:
        """Return a photo painted in it, None before that is painted."""
        self._path(name)
        return self._swatches.path(name) if self._swatches.has(name) else None

    def take(self, content: bytes, name: str) -> str:
        """Keep NAME.row of somebody else; return its name here.

        Raises ModelError for what is none, or is for another network.
        """
        with self._changing, tempfile.TemporaryDirectory() as folder:
            self._check_room()
            given = Path(folder) / f"{name_of(name)}{ENDING}"
            given.write_bytes(content)
            try:
                row = read_row(given)
            except ModelError as error:
                raise ModelError(f"{printable(name)[:80]}: is no style's file.") from error
            model = find_model(None, [])
            row.check_network(model.name, model.metadata.get("network", ""), model.row_length)
            new = free_name(row.style.name, self._styles.names)
            self._write(replace(row, style=replace(row.style, name=new)))
            return new

    def add(self, row: StyleRow, title: str) -> str:
        """Keep a style that was made here, and paint in it in Live; return its name.

        Raises UsageError, SinkError.
        """
        with self._changing:
            self._check_room()
            new = free_name(name_of(title), self._styles.names)
            row = replace(row, style=replace(row.style, name=new, title=title[:MAX_TEXT]))
            self._write(row)
        self._pictures.add(row)
        return new

    def _path(self, name: str) -> Path:
        """Return the file of a kept style. Raises KeyError."""
        path = user_models_dir() / f"{name}{ENDING}"
        if not STYLE_NAME.fullmatch(name) or not path.is_file():
            raise KeyError(name)
        return path

    def _write(self, row: StyleRow) -> None:
        folder = user_models_dir()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_row(folder / f"{row.style.name}{ENDING}", row)
        except OSError as error:
            raise SinkError(f"{folder}: cannot be written ({error.strerror}).") from error

    def _check_room(self) -> None:
        if len(self._styles.kept) >= MOST_KEPT:
            raise UsageError(f"{MOST_KEPT} styles are kept already: remove one first.")

    def _check_unused(self, name: str) -> None:
        if self._is_used(name):
            raise UsageError("a painting that is not done needs this style: wait for it first.")
