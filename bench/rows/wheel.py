"""What `pip install .` puts into an environment: the wheel, and what it brings along."""

from __future__ import annotations

import configparser
import importlib.metadata
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench import ROOT
from engines.errors import EngineRunError

_BESIDE = ("pyproject.toml", "setup.cfg", "run_cam.py", "stylize_video.py", "README.md", "LICENSE")
_PACKAGES = ("engines", "export", "realtime", "training")
_PARTS = {
    "styles, with their small pictures": "engines/styles/",
    "what makes styles and grades of pictures": ("engines/predictor/", "engines/grade/"),
    "what finds people and faces": "engines/people/",
    "the pages": ("realtime/web/", "export/site/"),
}


def build_wheel(folder: Path) -> Path:
    """Build the wheel of the tree as it is, into ``folder``, with the setuptools that are here.

    Raises EngineRunError with what pip said.
    """
    source = folder / "source"  # setuptools leaves its own files there, and takes old ones along
    for name in _tracked(*_PACKAGES, *_BESIDE):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--no-index", "-w", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineRunError(f"the wheel is not built: {done.stderr.strip()[-400:]}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def missing_from(wheel: Path) -> list[str]:
    """Return the files of our packages that git knows and the wheel has not."""
    with zipfile.ZipFile(wheel) as content:
        return sorted({*_tracked(*_PACKAGES)} - {*content.namelist()})


def _tracked(*paths: str) -> list[str]:
    """Return the files there that git knows and that are there still."""
    command = ["git", "ls-files", *paths]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).exists()]


def weigh_wheel(wheel: Path) -> dict[str, float]:
    """Return what its parts take in it, in MB; the last one is all of it."""
    sizes: Counter[str] = Counter({name: 0 for name in _PARTS})
    with zipfile.ZipFile(wheel) as content:
        for file in content.infolist():
            found = (name for name, at in _PARTS.items() if file.filename.startswith(at))
            sizes[next(found, "the programs")] += file.compress_size
    return {name: size / 1e6 for name, size in sizes.items()} | {
        "the wheel": wheel.stat().st_size / 1e6
    }


def weigh_requirements() -> dict[str, float]:
    """Return what each package that a base install brings along takes here, in MB, with its own."""
    waiting, sizes = [*_base_requirements()], {}
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in sizes:
            continue
        found = importlib.metadata.distribution(name)
        files = (Path(str(file.locate())) for file in found.files or ())
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
        waiting += _needed(found.requires or ())
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))


def _base_requirements() -> list[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = (line.strip() for line in setup["options"]["install_requires"].splitlines())
    return _needed(line for line in lines if line and not line.startswith("#"))


def _needed(lines: Iterable[str]) -> list[str]:
    wanted = map(Requirement, lines)
    return [one.name for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
