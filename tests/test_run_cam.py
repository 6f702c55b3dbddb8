"""run_cam.py as a user starts it, without a screen or a camera."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
FIELDS = {
    *("frames_in", "frames_out", "dropped", "wall_s", "startup_s", "fps", "latency_ms"),
    *("stage_ms", "engine", "device", "precision", "size", "style", "peak_rss_mb"),
}


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "run_cam.py"), *map(str, arguments)]


def run_cam(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    env = {
        key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")
    } | environment
    return subprocess.run(
        command(*arguments), env=env, timeout=60, capture_output=True, text=True, check=False
    )


def test_headless_test_source_and_its_report(tmp_path: Path, tiny_model):
    report = tmp_path / "report.json"
    flags = [
        "--source",
        "test",
        "--headless",
        "--duration",
        "2",
        "--quality",
        "fixed",
        "--model",
        tiny_model.path,
        "--engine",
        "onnxruntime",
        "--report",
        report,
    ]
    done = run_cam(*flags)
    assert done.returncode == 0, done.stderr
    content = json.loads(report.read_text())
    assert content.keys() >= FIELDS
    assert (
        content["frames_in"] == content["frames_out"] + content["dropped"]
        and content["frames_out"] > 3
    )
    assert set(content["latency_ms"]) == {"p50", "p95", "max"} and set(content["stage_ms"]) == {
        "capture",
        "infer",
        "display",
    }
    assert (content["engine"], content["size"], content["style"]) == (
        "onnxruntime",
        "640x480",
        "negative",
    )


def test_a_file_to_its_end(tmp_path: Path, make_video):
    report = tmp_path / "report.json"
    done = run_cam(
        "--source",
        make_video(pts=list(range(0, 1000, 40))),
        "--headless",
        "--engine",
        "passthrough",
        "--report",
        report,
    )
    assert done.returncode == 0, done.stderr
    content = json.loads(report.read_text())
    assert (
        10 < content["frames_in"] <= 25
        and content["frames_in"] == content["frames_out"] + content["dropped"]
    )


def test_inference_size_and_quality(tmp_path: Path, tiny_model):
    report = tmp_path / "report.json"
    flags = [
        "--source",
        "test",
        "--capture",
        "320x240@5",  # even a busy machine has time for these
        "--headless",
        "--duration",
        "1",
        "--model",
        tiny_model.path,
    ]
    done = run_cam(
        *flags,
        "--engine",
        "onnxruntime",
        "--size",
        "160x120",
        "--quality",
        "auto",
        "-s",
        "dim",
        "--report",
        report,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text())["size"] == "160x120"


@pytest.mark.parametrize(
    ("flags", "code", "word"),
    [
        (["--source", "test"], 2, "--headless"),
        (["--source", "nothing.mp4", "--headless"], 3, "nothing.mp4"),
        (["--source", "97", "--headless"], 3, "--source test"),
        (["--source", "test", "--headless", "-s", "gret_wave"], 2, "great_wave"),
        (["--source", "test", "--headless", "--engine", "abacus"], 2, "abacus"),
        (["--source", "test", "--headless", "--strength", "2"], 2, "--strength"),
        (["--source", "test", "--headless", "--capture", "big"], 2, "--capture"),
        (["--source", "test", "--headless", "--size", "big"], 2, "--size"),
        (["--source", "test", "--headless", "--duration", "0"], 2, "--duration"),
        (["--source", "test", "--headless", "--style-schedule", "0:gret_wave"], 2, "great_wave"),
        (["--source", "test", "--headless", "--keys", "nothing.toml"], 2, "nothing.toml"),
        (["--source", "test", "--headless", "--record", "show.avi"], 2, "--record"),
        (
            ["--source", "test", "--headless", "--behind", "alpha", "--record", "show.mp4"],
            2,
            "show.webm",
        ),
        (["--source", "test", "--headless", "--microphone", "loud"], 2, "--microphone"),
        (["--source", "test", "--headless", "--virtual-cam", "/dev/video987"], 5, "v4l2loopback"),
        (["--source", "test", "--headless", "--osc", "loud"], 2, "--osc"),
        (["--source", "test", "--headless", "--model", "missing.onnx"], 4, "missing.onnx"),
    ],
)
def test_exit_codes_and_one_clear_line(flags: list[str], code: int, word: str):
    done = run_cam(*flags)
    assert done.returncode == code, done.stderr
    assert (
        word in done.stderr
        and len(done.stderr.splitlines()) == 1
        and "Traceback" not in done.stderr
    )


def test_a_report_that_cannot_be_written_is_an_output_error(tmp_path: Path):
    report = tmp_path / "missing" / "report.json"
    assert (
        run_cam(
            "--source",
            "test",
            "--headless",
            "--engine",
            "passthrough",
            "--duration",
            "0.3",
            "--report",
            report,
        ).returncode
        == 5
    )


def test_a_report_never_replaces_its_source(make_video):
    source = make_video()
    content = source.read_bytes()
    done = run_cam(
        "--source",
        source,
        "--headless",
        "--engine",
        "passthrough",
        "--duration",
        "0.3",
        "--report",
        source,
    )
    assert (done.returncode, source.read_bytes() == content) == (2, True), done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_within_three_seconds_and_leave_the_report(
    tmp_path: Path, tiny_model, number: int, code: int
):
    report = tmp_path / "report.json"
    flags = command(
        "--source", "test", "--headless", "--model", tiny_model.path, "--report", report
    )
    with subprocess.Popen(
        flags, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stderr.readline()  # which engine was taken: it runs
        time.sleep(0.5)
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(20) == code and time.monotonic() - started < 3
    assert json.loads(report.read_text()).keys() >= FIELDS


def test_a_run_is_recorded_and_finished_on_a_signal(tmp_path: Path, make_video):
    show = tmp_path / "show.mp4"
    source = make_video(pts=list(range(0, 1000, 40)))
    flags = command(
        "--source", source, "--loop", "--headless", "--engine", "passthrough", "--record", show
    )
    with subprocess.Popen(
        flags, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert "recording show.mp4" in process.stderr.readline()
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
        assert "saved show.mp4" in process.stderr.read()
    with av.open(str(show)) as file:
        assert len(list(file.decode(video=0))) > 5 and len(list(file.streams.audio)) == 1


def test_lists():
    assert "passthrough" in run_cam("--list-engines").stdout
    assert "great_wave" in run_cam("--list-styles").stdout


def test_json_prints_the_figures():
    done = run_cam(
        "--source", "test", "--headless", "--engine", "passthrough", "--duration", "0.5", "--json"
    )
    assert json.loads(done.stdout).keys() >= FIELDS


def test_a_schedule_changes_the_style_of_a_headless_run(tmp_path: Path, tiny_model):
    report = tmp_path / "report.json"
    flags = [
        "--source",
        "test",
        "--capture",
        "64x48@20",
        "--headless",
        "--duration",
        "2.2",
        "--model",
        tiny_model.path,
    ]
    done = run_cam(
        *flags,
        "--engine",
        "onnxruntime",
        "--style-schedule",
        "0:negative 1:dim/0.2s",
        "--report",
        report,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text())["style"] == "dim"


def test_doctor_tells_what_works_and_what_to_install():
    done = run_cam("--doctor")
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert (
        "missing   window" in done.stdout
        and "DISPLAY" in done.stdout
        and "ok        engine passthrough" in done.stdout
        and "missing   engine" not in done.stdout  # one that runs is enough
    )
    found = {
        row["what"]: row["missing"] for row in json.loads(run_cam("--doctor", "--json").stdout)
    }
    assert (
        found["engine passthrough"] is None and found["encoder libx264"] is None and found["window"]
    )


def test_the_engine_is_opened_ahead_for_the_size_that_comes(tmp_path: Path, tiny_model):
    """The frame size of a file is not known ahead, that of the test source is; either way the
    engine fits.
    """
    from engines import EngineOptions, open_engine
    from realtime.live.start import EngineAhead

    opened = []

    def open_for(size):
        opened.append(size)
        return open_engine("onnxruntime", tiny_model, EngineOptions(threads=1), size)

    for expected, wanted in (((48, 64), (48, 64)), (None, (24, 32)), ((48, 64), (24, 32))):
        ahead = EngineAhead(open_for, expected)
        with ahead.get(wanted) as engine:
            frame = np.zeros((1, *wanted, 3), np.uint8)
            assert engine.infer(frame, np.eye(1, 3, 1, dtype=np.float32)).shape == frame.shape
        ahead.close()
    unused = EngineAhead(open_for, (48, 64))
    unused.close()
    assert opened == [(48, 64), (24, 32), (48, 64), (48, 64)]
