"""The trial of a GPU, dry on the CPU: every step runs and reports, and no failure ends it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

from bench import ROOT
from bench.targets import gpu_trial
from bench.targets.gpu_trial import PAGE, STEPS, Step, main, markdown, read_results
from bench.trial import parity, plumbing
from bench.trial.trial import Trial
from engines.errors import UsageError
from tests.engines.plans.stand_in import HostCard

# What a machine lent for an hour may lack; where it does, nothing may fail but what needs it.
_BARE = "av cv2 openvino onnxruntime mss sounddevice aiortc rich ray onnx"


@pytest.mark.timeout(180)
def test_every_step_reports_in_a_dry_run_on_the_cpu(tmp_path: Path):
    assert main(["--dry-run", "--device", "cpu", "--patience", "4", "--output", str(tmp_path)]) == 0
    results = read_results(tmp_path / "gpu-trial.jsonl")
    assert {result["step"] for result in results} == set(STEPS)
    needs_a_card = {"plumbing", "nvidia-smi"}
    for result in results:
        if not {result["step"], result["what"]} & needs_a_card:
            assert "problem" not in result, result
    by_step = {result["step"]: result for result in results}
    assert by_step["contract"]["failed"] == [] and by_step["contract"]["tests"] > 3
    assert by_step["strain"]["first_ms"] > 0
    (program,) = (r for r in results if r["what"] == "the program")
    assert program["exit"] == 0 and program["written"]
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert all(f"| {name} | done |" in page for name in STEPS)


def test_a_step_that_hangs_or_dies_ends_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(gpu_trial, "STEPS", {"machine": 0.01, "nowhere": 60, "plumbing": 60})
    assert main(["--dry-run", "--device", "cpu", "--output", str(tmp_path)]) == 1
    page = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "| machine | stopped after 0 s |" in page
    assert "| nowhere | exit 1: " in page and "ModuleNotFoundError" in page
    assert "| plumbing | done |" in page


def test_a_result_is_there_when_its_step_dies_behind_it(tmp_path: Path):
    trial = Trial("speed", "cpu", True, tmp_path / "page", tmp_path)
    trial.report("first", fps=3)
    trial.attempt("second", lambda: {"fps": 1 // 0})
    with trial.page.open("a") as page:
        page.write('{"step": "speed", "what": "cut o')
    first, second = read_results(trial.page)
    assert first == {"step": "speed", "what": "first", "fps": 3}
    assert second["problem"].startswith("ZeroDivisionError")
    text = markdown([Step("speed", "exit 1: a|b", 0.5)], [first])
    assert "| speed | exit 1: a\\|b | 0.5 |" in text and "| speed | first | fps: 3 |" in text


def test_unknown_steps_are_named():
    with pytest.raises(UsageError, match=r"no step 'sped'\. There are: machine"):
        main(["--steps", "machine,sped"])


@pytest.mark.parametrize("threads", [1, 3])
def test_plumbing_counts_frames_that_come_back_whole(threads: int, tmp_path: Path):
    found = plumbing.copy_frames(HostCard(), (48, 64), threads, tmp_path)
    assert found == {"gpu": "Stand-in", "frames": 20 * threads, "whole": 20 * threads}


def test_plumbing_sees_frames_that_are_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    card = HostCard()
    copy = card.copy
    monkeypatch.setattr(card, "copy", lambda to, of, size, stream: copy(to, of, size - 1, stream))
    assert plumbing.copy_frames(card, (48, 64), 1, tmp_path)["whole"] < 20


def test_parity_sees_another_picture():
    one = np.zeros((2, 2, 3), np.uint8)
    assert parity._levels(one, one + np.uint8(4)) == {"mean": 4.0, "largest": 4}


def test_it_starts_from_a_bare_checkout(tmp_path: Path):
    blocked = f"import sys; sys.modules.update(dict.fromkeys({_BARE.split()!r}))"
    call = (
        f"{blocked}; from bench.trial.__main__ import main; "
        f"main(['machine', '--device', 'cpu', '--dry-run', '--page', {str(tmp_path / 'p')!r}, "
        f"'--folder', {str(tmp_path)!r}]); import bench.targets.gpu_trial, bench.trial.speed, "
        "bench.trial.stages, bench.trial.strain, bench.trial.parity, bench.trial.builds"
    )
    done = subprocess.run(
        [sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    whats = [json.loads(line)["what"] for line in (tmp_path / "p").read_text().splitlines()]
    assert whats == ["nvidia-smi", "packages", "libraries", "torch", "rates"]
