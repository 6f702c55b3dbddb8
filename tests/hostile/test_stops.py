"""Both programs end when they are told to, and by themselves when they hang, whatever hangs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from realtime.live.hang import HangWatch
from realtime.timing import Samples
from tests.conftest import ROOT
from tests.hostile.hanging import STAGES

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")

FILE, LIVE = (
    [stage for stage in STAGES if stage.startswith(program)] for program in ("file", "live")
)
RUNNING = [stage for stage in LIVE if stage != "live close"]


class Hanging:
    """A program of which ``stage`` hangs."""

    def __init__(self, stage: str, folder: Path, clip: Path, *flags: str) -> None:
        self.stage = stage
        self.output, self.report = folder / f"{stage}.mp4", folder / f"{stage}.json"
        command = ["stylize_video.py", str(clip), "-o", str(self.output)]
        if stage in LIVE:
            command = ["run_cam.py", "--source", "test", "--headless", "--fresh"]
        command += ["--engine", "passthrough", "--report", str(self.report), *flags]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.hanging", stage, *command],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_until_it_hangs(self) -> None:
        assert any(line == "hangs\n" for line in self.process.stderr), "it ended before"

    def end(self) -> tuple[int, list[str]]:
        try:
            told = self.process.communicate(timeout=60)[1]
        finally:
            self.process.kill()
        return self.process.returncode, told.splitlines()


@pytest.fixture
def clip(make_video: Callable[..., Path]) -> Path:
    return make_video(pts=list(range(0, 1000, 40)))


@pytest.mark.parametrize(
    ("stages", "number", "times", "code"),
    [
        (FILE, signal.SIGINT, 2, 130),
        (FILE, signal.SIGTERM, 1, 143),
        (RUNNING, signal.SIGINT, 2, 130),
        (RUNNING, signal.SIGTERM, 1, 143),
        (["file infer", "live infer"], signal.SIGHUP, 1, 129),
    ],
    ids=["file SIGINT twice", "file SIGTERM", "live SIGINT twice", "live SIGTERM", "SIGHUP"],
)
def test_a_signal_ends_it_whatever_hangs(
    clip: Path, tmp_path: Path, stages: list[str], number: int, times: int, code: int
):
    programs = [Hanging(stage, tmp_path, clip) for stage in stages]
    for program in programs:
        program.wait_until_it_hangs()
    started_s = time.monotonic()
    for _ in range(times):
        for program in programs:
            program.process.send_signal(number)
        time.sleep(0.2)
    for program in programs:
        ended = program.end()
        assert ended[0] == code and ended[1].count("stopped") == 1, (program.stage, ended)
        assert not [line for line in ended[1] if "Traceback" in line or "terminate" in line]
        if program.stage in ("file decode", "file infer", "file encode"):
            assert ended[1][-2].endswith("with --resume goes on.")
        assert not program.output.exists()
    assert time.monotonic() - started_s < 5


def test_two_interrupts_do_not_abort_native_threads(clip: Path, tmp_path: Path):
    flags = [str(clip), "-o", str(tmp_path / "out.mp4"), "--engine", "openvino"]
    program = subprocess.Popen(
        [sys.executable, "stylize_video.py", *flags],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while program.poll() is None and not (tmp_path / ".out.mp4.unfinished").exists():
        time.sleep(0.005)
    for _ in range(2):
        program.send_signal(signal.SIGINT)
        time.sleep(0.2)
    told = program.communicate(timeout=60)[1]
    assert (program.returncode, told.splitlines()[-1]) == (130, "stopped")


def test_an_interrupt_while_modules_are_imported_is_one_line():
    code = """
import os, runpy, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "engines":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
runpy.run_path(sys.argv[1], run_name="__main__")
"""
    for script in ("stylize_video.py", "run_cam.py"):
        done = subprocess.run(
            [sys.executable, "-c", code, script], cwd=ROOT, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (130, "stopped\n")


def test_a_file_run_that_hangs_ends_by_itself_with_the_code_of_the_stage(clip: Path, tmp_path):
    programs = [Hanging(stage, tmp_path, clip, "--stall", "0.5") for stage in FILE]
    codes, told = {}, {}
    for program in programs:
        codes[program.stage], told[program.stage] = program.end()
        assert not program.output.exists()
    assert codes == dict(zip(FILE, (3, 4, 3, 4, 5, 5), strict=True)), told
    assert all(len(lines) == 2 and "hangs" in lines[1] for lines in told.values()), told


def test_a_live_run_that_hangs_ends_in_time_with_the_code_of_the_stage(clip: Path, tmp_path):
    stages = ("live capture", "live infer", "live display", "live close")
    programs = [Hanging(stage, tmp_path, clip, "--duration", "1") for stage in stages]
    for program in programs:
        program.wait_until_it_hangs()
    started_s = time.monotonic()
    codes, told = {}, {}
    for program in programs:
        codes[program.stage], told[program.stage] = program.end()
    assert time.monotonic() - started_s < 8
    assert list(codes.values()) == [3, 4, 5, 5], told
    report = json.loads(programs[1].report.read_text())
    assert report["longest_gap_ms"] > 500 and report["frames_out"] < 10


def test_what_waits_for_a_pipe_does_not_hang(tmp_path: Path):
    program = subprocess.Popen(
        [
            *(sys.executable, "stylize_video.py", "-", "--raw-input", "64x48@25", "-o", "-"),
            *("--engine", "passthrough", "--stall", "0.5"),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for _ in range(2):
        program.stdin.write(bytes(64 * 48 * 3))
        program.stdin.flush()
        time.sleep(2.5)
    assert program.communicate(timeout=60)[1].count(b"hangs") == 0 and program.returncode == 0


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_stall_is_a_number_of_seconds(clip: Path, value: str):
    done = subprocess.run(
        [sys.executable, "stylize_video.py", str(clip), "--stall", value],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "--stall must be a number" in done.stderr


def test_slow_is_not_hung_and_neither_is_who_was_asleep():
    now_s = 0.0
    usual = Samples()
    usual.add(400.0)
    watch = HangWatch(lambda: now_s, usual)

    def hangs_after(seconds: float) -> bool:
        nonlocal now_s
        for _ in range(round(seconds / 0.1)):
            now_s += 0.1
            watch.hangs()
        return watch.is_hanging

    with watch.step():
        assert not hangs_after(7.5), "20 times the usual is 8 s"
        now_s += 1000
        assert not hangs_after(0.1), "the machine was asleep"
        assert hangs_after(2)
    assert not hangs_after(0.1)
