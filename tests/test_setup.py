"""The commands of an installation are there, and `make` installs what setup.cfg asks for."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import zipfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.rows.wheel import build_wheel, missing_from
from bench.targets.supply import pinned

ROOT = Path(__file__).parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
LOCK = (ROOT / "constraints.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line", SETUP["options.entry_points"]["console_scripts"].strip().splitlines()
)
def test_every_command_can_be_called(line: str):
    module, name = line.partition("=")[2].strip().split(":")
    assert callable(getattr(import_module(module), name))


def test_the_wheel_has_programs_pages_pictures_and_models(tmp_path: Path):
    wheel = build_wheel(tmp_path)
    assert missing_from(wheel) == []
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        assert {"run_cam.py", "stylize_video.py"} <= set(names)
        assert sum(name.startswith("engines/styles/thumbnails/") for name in names) >= 27
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "livebrush-video = stylize_video:script" in content.read(entry_points).decode()


def requirements(text: str) -> list[Requirement]:
    lines = (line.strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def installed_by_make() -> list[Requirement]:
    """What the Makefile installs, and what setuptools needs to do so."""
    extras = set(re.findall(r"\w[\w-]*", " ".join(re.findall(r"'\.\[(.*?)\]'", MAKEFILE))))
    assert {"dev", "train", "supply"} <= extras <= set(SETUP["options.extras_require"])
    texts = [SETUP["options"]["install_requires"], "setuptools>=77"]
    texts += [SETUP["options.extras_require"][extra] for extra in extras]
    wanted = {str(requirement): requirement for text in texts for requirement in requirements(text)}
    return list(wanted.values())


MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PINNED = [Requirement(line) for line in pinned()]


@pytest.mark.parametrize("wanted", installed_by_make(), ids=lambda wanted: wanted.name)
def test_the_pinned_releases_are_those_that_setup_cfg_allows(wanted: Requirement):
    name = canonicalize_name(wanted.name)
    found = [release for release in PINNED if canonicalize_name(release.name) == name]
    assert found, "run: make constraints"
    for release in found:
        (version,) = release.specifier
        assert version.operator == "=="
        assert wanted.specifier.contains(version.version), f"{release}; run: make constraints"


def test_every_pinned_release_has_its_hashes():
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(entries) == len(PINNED) - 1 > 100, "all but PyTorch"
    for entry in entries:
        first, *hashes = entry.split(" \\\n")
        assert hashes and all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}", h) for h in hashes), (
            first
        )


def test_a_package_with_another_hash_is_not_installed(tmp_path: Path):
    if not find_spec("uv"):
        pytest.skip("uv is not installed: make quick")
    with zipfile.ZipFile(tmp_path / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr(
            "tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
        )
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    (tmp_path / "constraints.txt").write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, "-m", "uv", "pip", "install", "tiny", "--no-index", "--offline"]
    command += ["--find-links", str(tmp_path), "--target", str(tmp_path / "installed")]
    command += ["--constraint", str(tmp_path / "constraints.txt"), "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode and "Hash mismatch" in done.stderr, done.stderr
    assert not (tmp_path / "installed" / "tiny.py").exists()
