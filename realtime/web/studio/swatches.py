"""Small pictures of the styles that a user has kept: a photo that ships, painted in each."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from engines.folders import user_models_dir
from engines.model_file import BUNDLED_DIR, ORIGINAL
from engines.style_row import ENDING
from realtime.web.studio.programs import Command, frames_command
from realtime.web.studio.style_list import StyleList

_PHOTO = BUNDLED_DIR / "thumbnails" / f"{ORIGINAL}.jpg"


class Swatches:
    """What is painted of them in ``folder``; one that is older than its style is none."""

    def __init__(self, folder: Path, styles: StyleList) -> None:
        self._folder, self._styles = folder, styles
        self._tried: set[tuple[str, str]] = set()

    def path(self, style: str) -> Path:
        """Return where the picture of ``style`` is, or would be."""
        return self._folder / f"{style}.jpg"

    def has(self, style: str) -> bool:
        """Tell whether there is one."""
        try:
            made_of = (user_models_dir() / f"{style}{ENDING}").stat()
            return self.path(style).stat().st_mtime_ns >= made_of.st_mtime_ns
        except OSError:
            return False

    def rename(self, style: str, new: str) -> None:
        """Take the picture of ``style`` for that of ``new``: it has another name now."""
        with suppress(OSError):  # there is none: it will be painted
            os.replace(self.path(style), self.path(new))
            os.utime(self.path(new))

    def missing_command(self) -> Command | None:
        """Return what paints those that are missing, each tried once; None if none is."""
        missing = [
            row
            for row in self._styles.kept
            if not self.has(row.style.name) and (row.style.name, row.digest) not in self._tried
        ]
        if not missing or not _PHOTO.exists():
            return None
        self._tried |= {(row.style.name, row.digest) for row in missing}
        with suppress(OSError):  # the program says so
            self._folder.mkdir(mode=0o700, exist_ok=True)
        return frames_command(_PHOTO, 0.0, self._folder, [row.style.name for row in missing])
