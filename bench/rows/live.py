"""The live program as a user starts it, on a clip that plays at 30 fps.

Without a window and in one, with styles that stand still and that change, at two sizes.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.rows.figures import (
    AUTO,
    CHANGING,
    HEADLESS,
    LARGE,
    LIVE_FPS,
    OURS,
    SMALL,
    STEADY,
    WINDOW,
    Row,
)
from bench.rows.programs import Say, read_report, settle_auto
from bench.tools.clips import bikes, cut
from bench.tools.process_run import run_process
from bench.tools.virtual_screen import virtual_screen
from engines import ModelFile
from realtime.picture.sizes import parse_size

_CLIP_FRAMES = 240


@dataclass(frozen=True)
class LiveRun:
    """One run of the program with ``flags``, which is the row ``part`` of the table."""

    part: str
    size: str
    flags: tuple[str, ...] = ()

    @property
    def in_window(self) -> bool:
        """Return whether the run needs a screen."""
        return self.part.startswith(WINDOW)


def live_runs(styles: tuple[str, ...]) -> list[LiveRun]:
    """Return the runs to measure.

    styles: at least three paintings.
    """
    one, two, three = styles[:3]
    changes = f"0:{one} 2:{two}/0s 3.5:{one}:0.5,{three}:0.5/0.4s 5:{three}/1.5s"
    return [
        LiveRun(HEADLESS, SMALL),
        LiveRun(WINDOW, SMALL),
        LiveRun(CHANGING, SMALL, ("--style-schedule", changes)),
        LiveRun(STEADY, SMALL, ("--stability", "0.5")),
        LiveRun(HEADLESS, LARGE),
        LiveRun(AUTO, LARGE, ("--quality", "auto")),
    ]


def measure_live(
    model: ModelFile, flags: list[str], folder: Path, duration_s: float, say: Say
) -> list[Row]:
    """Measure a row for each of ``live_runs``.

    Where there is no Xvfb, those with a window are left out, and it is said.
    """
    rows = []
    with virtual_screen() as display:
        for run in live_runs(model.style_names[1:]):
            if run.in_window and display is None:
                say(f"{run.part}: left out, Xvfb is not installed (apt install xvfb)")
                continue
            rows.append(_measure(run, model, flags, folder, duration_s, display, say))
    return rows


def _measure(
    run: LiveRun,
    model: ModelFile,
    flags: list[str],
    folder: Path,
    duration_s: float,
    display: str | None,
    say: Say,
) -> Row:
    clip, report_file = folder / f"live-{run.size}.mp4", folder / "live-report.json"
    command = [
        sys.executable,
        "run_cam.py",
        "--source",
        str(clip),
        "--loop",
        "--fresh",
        "--report",
        str(report_file),
    ]
    if "--quality" not in run.flags:
        command += ["--quality", "fixed"]  # one size, so that engines and machines compare
    command += [*([] if run.in_window else ["--headless"]), *run.flags, *flags]
    environment = {
        **os.environ,
        "LIVEBRUSH_STATE": str(folder),
        **({"DISPLAY": display} if run.in_window and display else {}),
    }
    if not clip.exists():
        cut(bikes(), clip, parse_size(run.size), LIVE_FPS, _CLIP_FRAMES)
        say(f"live, {run.size}: first run, which does not count")

        def first_run() -> dict[str, Any]:
            run_process([*command, "--duration", "3"], environment)
            return read_report(report_file)

        settle_auto(model, first_run)
    say(f"{run.part}, {run.size}: {duration_s:g} s")
    process = run_process([*command, "--duration", f"{duration_s:g}"], environment)
    report = read_report(report_file)
    stages = dict(
        zip(
            ("decode", "infer", "encode"),
            (report["stage_ms"][n] for n in ("capture", "infer", "display")),
            strict=True,
        )
    )
    latency_ms = report["latency_ms"]
    facts = {
        "p50_ms": latency_ms["p50"],
        "p95_ms": latency_ms["p95"],
        "max_ms": latency_ms["max"],
        "longest_gap_ms": report["longest_gap_ms"],
        "shown": report["frames_out"],
        "dropped": report["dropped"],
        "startup_s": report["startup_s"],
        "network_size": report["size"],
    }
    frame_ms = 1000 / max(report["fps"], 1e-6)
    cpu_ms = None if process.cpu_s is None else process.cpu_s * 1000 / max(report["frames_out"], 1)
    return Row(
        run.part,
        OURS,
        run.size,
        report["engine"],
        report["precision"],
        frame_ms,
        None,
        stages,
        cpu_ms,
        facts,
    )
