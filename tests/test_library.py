"""The page for people who use the library shows what works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_example_of_the_page_runs():
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1:] == ["(480,", "640,", "3)", "uint8"]


def test_importing_the_library_loads_no_runtime():
    heavy = "{'torch', 'onnxruntime', 'openvino', 'cv2'} & set(__import__('sys').modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"import engines; print({heavy})"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.strip() == "set()", done.stderr
