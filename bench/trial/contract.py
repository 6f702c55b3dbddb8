"""The tests that need a GPU, and those of what surrounds it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from xml.etree import ElementTree

from bench import ROOT
from bench.trial.trial import Facts, Trial

_FILES = (
    "tests/engines/test_contract.py",
    "tests/realtime/picture/gpu",
    "tests/bench/targets/test_gpu_table.py",
)
_DRY_FILES = ("tests/engines/test_cuda_frames.py",)


def run(trial: Trial) -> None:
    """Report how many passed, and the names of those that did not."""
    if importlib.util.find_spec("pytest") is None:
        trial.report("tests", problem="pytest is not installed")
        return
    trial.attempt("tests", lambda: _test(trial))


def _test(trial: Trial) -> Facts:
    results = trial.folder / "tests.xml"
    marks = ["-m", "cuda"] if trial.is_on_gpu else []
    # Warnings of a PyTorch that the project is not pinned to are no failures here.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "default",
            "-p",
            "no:cacheprovider",
            "--junitxml",
            results,
            *marks,
            *(_FILES if trial.is_on_gpu else _DRY_FILES),
        ],
        cwd=ROOT,
        env={**os.environ, "REQUIRE": "cuda"} if trial.is_on_gpu else None,
        capture_output=True,
        text=True,
        check=False,
    )
    if not results.exists():
        return {"problem": (done.stdout + done.stderr)[-600:]}
    cases = list(ElementTree.parse(results).iter("testcase"))
    bad = [
        f"{case.get('classname')}::{case.get('name')}: {(found.get('message') or '')[:200]}"
        for case in cases
        for found in (*case.iter("failure"), *case.iter("error"))
    ]
    skipped = sum(1 for case in cases for _ in case.iter("skipped"))
    return {"tests": len(cases), "failed": bad, "skipped": skipped}
