"""A real base install in an environment of its own, from a copy of the sources.

Checked is what it has, what it loads, and that it paints.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from bench import ROOT
from bench.tools.clips import bikes, cut, frame_count

ABSENT = ("torch",)
NOT_LOADED = ("torch", "onnxruntime", "openvino", "tensorrt", "pycuda", "cv2")
_FRAMES = 10
_NOT_SOURCES = shutil.ignore_patterns(
    ".git", ".venv", "out", "runs", "build", "dist", "*.egg-info", "__pycache__", ".*_cache"
)


def check_base_install(folder: Path) -> list[tuple[str, bool, str]]:
    """Check each promise about the base install.

    Returns (what, whether it is so, what was seen) of each. Everything happens in ``folder``.
    """
    python = _install(folder)
    found = _output(
        python,
        f"import importlib.util as u; print(*[n for n in {ABSENT!r} if u.find_spec(n)])",
        folder,
    )
    loaded = _output(
        python,
        f"import engines, realtime, sys; print(*[n for n in {NOT_LOADED!r} if n in sys.modules])",
        folder,
    )
    origin = _output(python, "import engines; print(engines.__file__)", folder)
    painted, seen = _paint(python, folder)
    return [
        ("the base install has no torch", found == "", found or "it is not there"),
        (
            "`import engines, realtime` loads no runtime",
            loaded == "",
            loaded or "none of " + ", ".join(NOT_LOADED),
        ),
        (
            "what is tested is what was installed",
            Path(origin).is_relative_to(folder),
            "in the environment's site-packages",
        ),
        ("the installed command paints a clip", painted, seen),
        *_look_at_data(python, folder),
    ]


def _look_at_data(python: Path, folder: Path) -> list[tuple[str, bool, str]]:
    """Look for the styles' small pictures, the networks and the page."""
    code = "import engines, realtime; print(engines.__path__[0]); print(realtime.__path__[0])"
    engines, realtime = map(Path, _output(python, code, folder).splitlines())
    counts = {
        "small pictures": len(list(engines.glob("styles/thumbnails/*.jpg"))),
        "networks": len(list(engines.glob("*/*.onnx"))),
        "parts of the page": len(list((realtime / "web").glob("*.*[lss]"))),
    }
    seen = ", ".join(f"{count} {name}" for name, count in counts.items())
    program = [str(python.with_name("livebrush")), "--list-styles"]
    listed = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=True).stdout
    return [
        ("pictures, networks and the page are there", all(counts.values()), seen),
        ("the installed program knows its styles", "great_wave" in listed, "--list-styles"),
    ]


def _install(folder: Path) -> Path:
    """Install the tree as it is by `pip install .`; return the environment's interpreter.

    Changes that are not committed are included.
    """
    shutil.copytree(ROOT, folder / "source", ignore=_NOT_SOURCES)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, str(folder / "source")], check=True, cwd=folder)
    return python


def _paint(python: Path, folder: Path) -> tuple[bool, str]:
    clip, output = folder / "clip.mp4", folder / "painted.mp4"
    cut(bikes(), clip, (240, 320), 25, _FRAMES)
    command = [str(python.with_name("livebrush-video")), str(clip), "-o", str(output)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    frames = frame_count(output) if output.exists() else 0
    return (
        done.returncode == 0 and frames == _FRAMES,
        f"exit code {done.returncode}, {frames} of {_FRAMES} frames",
    )


def _output(python: Path, code: str, folder: Path) -> str:
    """Return what a line of Python prints in the new environment, away from the sources."""
    return subprocess.run(
        [str(python), "-c", code], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()
