"""End to end: both programs as a user starts them, from start to end, and the peer's program in turn with ours."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from bench.clips import audio_packets, bikes, cut, frame_count
from bench.figures import END_TO_END, LIVE, OURS, PEER, Row
from bench.peer import video_command
from bench.process_run import ProcessRun, run_process
from engines import EngineOptions, ModelFile
from engines.auto import measure
from engines.errors import EngineRunError

FILE_SIZE = (480, 512)
FILE_FRAMES = 150
LIVE_SIZE = (480, 640)
LIVE_FPS = 30
_LIVE_FRAMES = 240

Say = Callable[[str], None]


def measure_files(model: ModelFile, flags: list[str], folder: Path, rounds: int, say: Say) -> list[Row]:
    """A clip with sound through both programs in turn; the median of ``rounds`` runs each. ``flags``: what ours gets besides."""
    clip, ours_out, peer_out, report_file = (folder / name for name in ("clip.mp4", "ours.mp4", "peer.mp4", "report.json"))
    cut(bikes(), clip, FILE_SIZE, 25, FILE_FRAMES)
    ours_command = [
        sys.executable,
        "stylize_video.py",
        str(clip),
        "-o",
        str(ours_out),
        "-y",
        "--report",
        str(report_file),
        *flags,
    ]
    say("file: first run, which does not count")
    settle_auto(model, lambda: run_process(ours_command) and _read(report_file))
    ours: list[ProcessRun] = []
    peer: list[ProcessRun] = []
    reports = []
    for index in range(rounds):
        say(f"file: run {index + 1} of {rounds}, ours, then the peer's")
        ours.append(run_process(ours_command))
        reports.append(_read(report_file))
        peer.append(run_process(video_command(clip, peer_out)))
    for path in (ours_out, peer_out):
        if frame_count(path) != FILE_FRAMES:
            raise EngineRunError(f"{path.stem}: {frame_count(path)} frames came out of {FILE_FRAMES}.")
    size, report = f"{FILE_SIZE[1]}x{FILE_SIZE[0]}", reports[-1]
    facts = {
        "sound_kept": audio_packets(ours_out) == audio_packets(clip),
        "startup_s": statistics.median(r["startup_s"] for r in reports),
        "network_size": report["size"],
    }
    stages = {name: statistics.median(r["stage_ms"][name] for r in reports) for name in ("decode", "infer", "encode")}
    return [
        _row(OURS, size, ours, report["engine"], report["precision"], stages, facts),
        _row(PEER, size, peer, "onnxruntime", "fp32", {}, {"sound_kept": audio_packets(peer_out) == audio_packets(clip)}),
    ]


def measure_live(model: ModelFile, flags: list[str], folder: Path, duration_s: float, say: Say) -> Row:
    """The live program on a file that plays at 30 fps, without a window."""
    clip, report_file = folder / "live.mp4", folder / "live.json"
    cut(bikes(), clip, LIVE_SIZE, LIVE_FPS, _LIVE_FRAMES)
    command = [sys.executable, "run_cam.py", "--source", str(clip), "--loop", "--headless", "--report", str(report_file), *flags]
    say("live: first run, which does not count")
    settle_auto(model, lambda: run_process([*command, "--duration", "3"]) and _read(report_file))
    say(f"live: {duration_s:g} s")
    run = run_process([*command, "--duration", f"{duration_s:g}"])
    report = _read(report_file)
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


def _row(what: str, size: str, runs: list[ProcessRun], engine: str, precision: str, stages: dict, facts: dict) -> Row:
    frame_ms = statistics.median(run.wall_s for run in runs) * 1000 / FILE_FRAMES
    cpu = [run.cpu_s for run in runs if run.cpu_s is not None]
    cpu_ms = statistics.median(cpu) * 1000 / FILE_FRAMES if cpu else None
    return Row(END_TO_END, what, size, engine, precision, frame_ms, None, stages, cpu_ms, facts)


def _read(report: Path) -> dict:
    return json.loads(report.read_text(encoding="utf-8"))
