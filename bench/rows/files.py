"""Files end to end: whole processes as a user starts them.

Ours take turns with those that we compare with.
"""

from __future__ import annotations

import functools
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.rows.figures import END_TO_END, OURS, OURS_MPEG4, PEER, PLAIN, Row
from bench.rows.peer import video_command
from bench.rows.programs import Say, read_report, settle_auto
from bench.tools.clips import audio_packets, bikes, cut, frame_count
from bench.tools.process_run import ProcessRun, run_process
from engines import ModelFile
from engines.errors import EngineRunError
from engines.machine import cpu_threads
from realtime.picture.sizes import size_text

FPS = 25
# (height, width): frames, and who else runs there: the peer keeps sizes up to 640; where the
# network sees less than the frame, as from 720 lines on, the plain loop would have more to do.
CLIPS = {(480, 512): (150, (OURS_MPEG4, PEER)), (480, 640): (200, (PLAIN,)), (720, 1280): (150, ())}


def measure_files(
    model: ModelFile, flags: list[str], folder: Path, rounds: int, say: Say
) -> list[Row]:
    """Measure clips with sound: the median of ``rounds`` runs each, in turn.

    ``flags``: what ours gets besides.
    """
    rows = []
    for size, (frames, others) in CLIPS.items():
        clip = folder / f"clip-{size_text(size)}.mp4"
        cut(bikes(), clip, size, FPS, frames)
        commands = {what: _command(what, model, flags, clip, folder) for what in (OURS, *others)}
        say(f"file {size_text(size)}: first run, which does not count")
        settle_auto(model, functools.partial(_run_and_report, commands[OURS], folder))
        runs: dict[str, list[ProcessRun]] = {what: [] for what in commands}
        reports: dict[str, list[dict]] = {what: [] for what in commands}
        for index in range(rounds):
            say(f"file {size_text(size)}: run {index + 1} of {rounds}, {', then '.join(commands)}")
            for what, command in commands.items():
                runs[what].append(run_process(command))
                if what in (OURS, OURS_MPEG4):
                    reports[what].append(read_report(folder / f"{what}.json"))
        for what in commands:
            output = folder / f"{what}.mp4"
            if frame_count(output) != frames:
                raise EngineRunError(f"{what}: {frame_count(output)} frames came out of {frames}.")
            kept: dict[str, Any] = {"sound_kept": audio_packets(output) == audio_packets(clip)}
            rows.append(_row(what, size_text(size), frames, runs[what], reports[what], kept))
    return rows


def _run_and_report(command: list[str], folder: Path) -> dict[str, Any]:
    run_process(command)
    return read_report(folder / f"{OURS}.json")


def _command(what: str, model: ModelFile, flags: list[str], clip: Path, folder: Path) -> list[str]:
    output = folder / f"{what}.mp4"
    if what == PEER:
        return video_command(clip, output)
    if what == PLAIN:
        return [
            sys.executable,
            "-m",
            "bench.rows.plain_loop",
            str(model.path),
            "1",
            str(clip),
            str(output),
        ]
    command = [
        sys.executable,
        "stylize_video.py",
        str(clip),
        "-o",
        str(output),
        "-y",
        "--report",
        str(folder / f"{what}.json"),
    ]
    return [*command, *flags, *(("--vcodec", "mpeg4") if what == OURS_MPEG4 else ())]


def _row(
    what: str,
    size: str,
    frames: int,
    runs: list[ProcessRun],
    reports: list[dict],
    facts: dict[str, Any],
) -> Row:
    frame_ms = statistics.median(run.wall_s for run in runs) * 1000 / frames
    cpu = [run.cpu_s for run in runs if run.cpu_s is not None]
    cpu_ms = statistics.median(cpu) * 1000 / frames if cpu else None
    if not reports:
        return Row(END_TO_END, what, size, "onnxruntime", "fp32", frame_ms, None, {}, cpu_ms, facts)
    stages = {
        name: statistics.median(r["stage_ms"][name] for r in reports)
        for name in ("decode", "infer", "encode")
    }
    facts["startup_s"] = statistics.median(r["startup_s"] for r in reports)
    facts["network_size"] = reports[-1]["size"]
    if cpu:
        facts["of_cpu"] = statistics.median(
            run.wall_s / (run.cpu_s / cpu_threads()) for run in runs
        )
        chains = [max(report["thread_s"].values()) for report in reports]
        facts["of_chain"] = statistics.median(
            run.wall_s / chain for run, chain in zip(runs, chains, strict=True)
        )
    return Row(
        END_TO_END,
        what,
        size,
        reports[-1]["engine"],
        reports[-1]["precision"],
        frame_ms,
        None,
        stages,
        cpu_ms,
        facts,
    )
