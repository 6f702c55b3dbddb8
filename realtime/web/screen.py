"""What this machine can show beside the page: browsers and folders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def has_screen() -> bool:
    """Tell whether programs can open windows here."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def shows_folders() -> bool:
    """Tell whether ``show_folder`` works here."""
    return has_screen() and (sys.platform in ("win32", "darwin") or bool(shutil.which("xdg-open")))


def show_folder(folder: Path) -> None:
    """Open ``folder`` in the file manager."""
    if sys.platform == "win32":
        os.startfile(folder)
        return
    program = "open" if sys.platform == "darwin" else "xdg-open"
    nowhere = subprocess.DEVNULL
    subprocess.Popen([program, str(folder)], stdin=nowhere, stdout=nowhere, stderr=nowhere)
