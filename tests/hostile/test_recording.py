"""A recording that was asked for and is not there is no success."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engines.errors import PartialResult, SinkError
from realtime.live.sinks.recording import Recorder

ROOT = Path(__file__).parent.parent.parent


def run_cam(tmp_path: Path, before: str, seconds: str = "3") -> tuple[int, str, dict]:
    """The program records the test picture; ``before`` runs first in its process."""
    flags = ["--source", "test", "--capture", "320x240@30", "--headless", "--duration", seconds]
    flags += ["--record", str(tmp_path / "show.mp4"), "--report", str(tmp_path / "report.json")]
    flags += ["--engine", "passthrough", "--fresh"]
    code = f"import sys\n{before}\nimport run_cam\nsys.argv = ['run_cam.py', *{flags!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "run_cam.script()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stderr, json.loads((tmp_path / "report.json").read_text())


def test_what_was_recorded_is_in_the_report(tmp_path: Path):
    code, _, report = run_cam(tmp_path, "", "1")
    (recording,) = report["recordings"]
    assert code == 0 and recording["saved"] and recording["seconds"] > 0.3
    assert recording["file"] == str(tmp_path / "show.mp4")


@pytest.mark.skipif(sys.platform == "win32", reason="limits are those of POSIX")
def test_a_full_disk_is_no_success(tmp_path: Path):
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))"
    code, told, report = run_cam(tmp_path, limit)
    assert code in (5, 6), told
    assert not report["recordings"][0]["saved"] and not (tmp_path / "show.mp4").exists()


def test_no_frame_and_no_folder_are_said(tmp_path: Path):
    recorder = Recorder(tmp_path, tmp_path / "show.mp4")
    recorder.record(True, "label")
    recorder.close()
    with pytest.raises(SinkError, match="nothing of it was saved"):
        recorder.check_result()
    (tmp_path / "show.partial.mp4").write_bytes(b"a part")
    with pytest.raises(PartialResult, match=r"a part is in .*show\.partial\.mp4"):
        recorder.check_result()
