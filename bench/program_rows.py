"""The live program as a user starts it, and how ``--engine auto`` is brought to the choice that it has from the second run on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from bench.clips import bikes, cut
from bench.figures import LIVE, OURS, Row
from bench.process_run import run_process
from engines import EngineOptions, ModelFile
from engines.auto import measure

LIVE_SIZE = (480, 640)
LIVE_FPS = 30
_LIVE_FRAMES = 240

Say = Callable[[str], None]


def measure_live(model: ModelFile, flags: list[str], folder: Path, duration_s: float, say: Say) -> Row:
    """The live program on a file that plays at 30 fps, without a window."""
    clip, report_file = folder / "live.mp4", folder / "live.json"
    cut(bikes(), clip, LIVE_SIZE, LIVE_FPS, _LIVE_FRAMES)
    command = [sys.executable, "run_cam.py", "--source", str(clip), "--loop", "--headless", "--report", str(report_file), *flags]
    say("live: first run, which does not count")
    settle_auto(model, lambda: run_process([*command, "--duration", "3"]) and read_report(report_file))
    say(f"live: {duration_s:g} s")
    run = run_process([*command, "--duration", f"{duration_s:g}"])
    report = read_report(report_file)
    stages = dict(
        zip(("decode", "infer", "encode"), (report["stage_ms"][n] for n in ("capture", "infer", "display")), strict=True)
    )
    facts = {
        "p50_ms": report["latency_ms"]["p50"],
        "p95_ms": report["latency_ms"]["p95"],
        "shown": report["frames_out"],
        "dropped": report["dropped"],
        "startup_s": report["startup_s"],
        "network_size": report["size"],
    }
    frame_ms = 1000 / max(report["fps"], 1e-6)
    cpu_ms = None if run.cpu_s is None else run.cpu_s * 1000 / max(report["frames_out"], 1)
    size = f"{LIVE_SIZE[1]}x{LIVE_SIZE[0]}"
    return Row(LIVE, OURS, size, report["engine"], report["precision"], frame_ms, None, stages, cpu_ms, facts)


def settle_auto(model: ModelFile, first_run: Callable[[], dict]) -> None:
    """Let ``--engine auto`` come to the choice that it has from the second run on: a measurement still going on in the
    background would cost the runs that count."""
    before = os.environ.get("LIVEBRUSH_MEASURE")
    os.environ["LIVEBRUSH_MEASURE"] = "off"
    try:
        width, _, height = first_run()["size"].partition("x")
        measure(model, EngineOptions(), (int(height), int(width)))
        first_run()  # whatever it chose is compiled now
    finally:
        if before is None:
            del os.environ["LIVEBRUSH_MEASURE"]
        else:
            os.environ["LIVEBRUSH_MEASURE"] = before


def read_report(report: Path) -> dict:
    return json.loads(report.read_text(encoding="utf-8"))
