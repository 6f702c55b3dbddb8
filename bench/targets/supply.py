"""Licences and known holes of what constraints.txt installs; run by ``make check``.

Holes are asked for where the package index answers such questions; elsewhere it says that it does
not.

python -m bench.targets.supply
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import ROOT
from bench.tools.markdown import markdown_table
from engines.errors import LivebrushError
from realtime import cli

_LICENCES = ROOT / "out" / "licences.md"


class NoAnswerError(LivebrushError):
    """The package index tells nothing of holes, with the reason."""


def pinned(root: Path = ROOT) -> list[str]:
    """Return NAME==VERSION of all that make installs, with its marker.

    PyTorch stands in setup.cfg only.
    """
    locked = re.findall(r"^(\S+==[^\\\n]+)", (root / "constraints.txt").read_text("utf-8"), re.M)
    torch = re.findall(r"^ +(torch==\S+)", (root / "setup.cfg").read_text("utf-8"), re.M)
    return [line.strip() for line in (*locked, *torch)]


def known_holes(requirements: list[str]) -> list[tuple[str, str, str, str]]:
    """Return (package, release, hole, mended in) of each known hole of pinned requirements.

    Raises NoAnswerError where the package index tells of none of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("\n".join(requirements), encoding="utf-8")
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(listed), "--no-deps"]
        command += ["--disable-pip", "--format=json", "--progress-spinner=off"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise NoAnswerError((done.stderr.strip() or "no output").splitlines()[-1]) from None
    told = [package for package in packages if "vulns" in package]
    if not told:
        raise NoAnswerError("; ".join(package["skip_reason"] for package in packages))
    return [
        (package["name"], package["version"], hole["id"], ", ".join(hole["fix_versions"]) or "–")
        for package in told
        for hole in package["vulns"]
    ]


def main(argv: list[str]) -> int:
    """Write out/licences.md and print known holes; 1 if there are any."""
    argparse.ArgumentParser(prog="python -m bench.targets.supply").parse_args(argv)
    _LICENCES.parent.mkdir(exist_ok=True)
    licences = [sys.executable, "-m", "piplicenses", "--order=license", "--format=markdown"]
    licences += ["--ignore-packages", "livebrush", "--output-file", str(_LICENCES)]
    subprocess.run(licences, check=True, stdout=subprocess.DEVNULL)
    cli.say(f"licences of what is installed: {_LICENCES.relative_to(ROOT)}")
    requirements = pinned()
    try:
        known_holes(requirements[:1])  # one question shows whether there are answers
        holes = known_holes(requirements)
    except NoAnswerError as error:
        cli.say(f"known holes: skipped, the package index tells of none here ({error})")
        return 0
    cli.say(f"known holes: {len(holes)} in {len(requirements)} pinned releases")
    if holes:
        cli.say("\n".join(markdown_table(("package", "release", "hole", "mended in"), holes, 4)))
    return bool(holes)


if __name__ == "__main__":
    cli.run(main)
