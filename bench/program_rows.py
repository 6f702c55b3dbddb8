"""End to end: a file through our program as a user starts it, from start to end, in turn with the peer's."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from bench.clips import audio_packets, bikes, cut, frame_count
from bench.figures import END_TO_END, OURS, PEER, Row
from bench.peer import video_command
from bench.process_run import ProcessRun, run_process
from engines import EngineOptions, ModelFile
from engines.auto import measure
from engines.errors import EngineRunError

FILE_SIZE = (480, 512)
FILE_FRAMES = 150

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
