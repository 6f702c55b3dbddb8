"""Builds the application into out/app, and tells what it weighs.

python -m app.build
"""

from __future__ import annotations

import argparse
from pathlib import Path

from engines.errors import UsageError
from engines.install import install_line
from realtime import cli

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "out" / "app"
_SHOWN = 12


def main(argv: list[str]) -> int:
    """Build, and return the exit code. Raises UsageError without PyInstaller."""
    argparse.ArgumentParser(prog="python -m app.build", description=__doc__).parse_args(argv)
    try:
        import PyInstaller.__main__ as pyinstaller
    except ImportError as error:
        raise UsageError(f"it is PyInstaller that builds it: {install_line('app')}") from error
    work = ROOT / "build" / "app"
    folders = ["--distpath", str(TARGET), "--workpath", str(work)]
    spec = str(Path(__file__).parent / "livebrush.spec")
    pyinstaller.run(["--noconfirm", "--log-level", "WARN", *folders, spec])
    for name, size in sizes(TARGET / "Livebrush")[:_SHOWN]:
        cli.say(f"{size / 1e6:7.1f} MB  {name}")
    cli.say(f"wrote {TARGET / 'Livebrush'}")
    return 0


def sizes(folder: Path) -> list[tuple[str, int]]:
    """Return the bytes of all in ``folder`` by library, the largest first, after their sum."""
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            parts = path.relative_to(folder).parts
            name = parts[1] if parts[0] == "_internal" and len(parts) > 2 else "Python and others"
            name = name.removesuffix(".libs").removesuffix(".py")
            found[name] = found.get(name, 0) + path.stat().st_size
    return [("all", sum(found.values())), *sorted(found.items(), key=lambda one: -one[1])]


if __name__ == "__main__":
    cli.run(main)
