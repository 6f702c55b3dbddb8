"""The rooms and arrows of docs/design.md: who may import whom, and what loads only when it is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("engines", "realtime", "export", "training")
ALLOWED = {
    "engines": (),
    "realtime": ("engines",),
    "training": ("engines.networks", "engines.errors", "realtime.exits", "engines.cache"),
    "export": ("engines", "realtime.exits"),
}
# Parts of a room that may do more than the rest of it: what is measured is what the programs show, and add-style goes from a
# picture, and photos or a clip, to the model file in one command.
WIDER = {
    "training/evaluate": ("engines", "realtime"),
    "training/commands/evaluate.py": ("engines", "realtime"),
    "training/commands/add_style.py": ("engines", "export"),
    "training/photos.py": ("realtime.media.reading", "export.pictures"),
}
HEAVY = ("torch", "onnxruntime", "openvino", "tensorrt", "tensorrt_rtx", "pycuda", "cuda", "cv2", "ray")


def imports(path: Path, everywhere: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if everywhere else tree.body
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("room", OURS)
def test_arrows(room: str):
    for path in (ROOT / room).rglob("*.py"):
        parts = (path, path.parent)
        allowed = (*ALLOWED[room], *(a for part in parts for a in WIDER.get(part.relative_to(ROOT).as_posix(), ())))
        for name in imports(path, everywhere=True):
            if name.split(".")[0] in OURS and name.split(".")[0] != room:
                assert any(name == a or name.startswith(a + ".") for a in allowed), f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", ["engines", "realtime"])
def test_heavy_imports_wait(room: str):
    for path in (ROOT / room).rglob("*.py"):
        if "networks" in path.parts or path.name == "cuda_frames.py":
            continue  # torch only, and imported by the torch engine when it opens
        heavy = {name for name in imports(path, everywhere=False) if name.split(".")[0] in HEAVY}
        assert not heavy, f"{path.relative_to(ROOT)} imports {heavy} at the top"


def test_importing_loads_nothing_heavy_and_needs_none():
    """As on a machine where none of them is installed: importing any of them is an error."""
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {HEAVY!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import engines, realtime, run_cam, stylize_video
loaded = set({HEAVY!r}) & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_scripts_are_a_page():
    for script in ("run_cam.py", "stylize_video.py"):
        assert len((ROOT / script).read_text(encoding="utf-8").splitlines()) <= 110
