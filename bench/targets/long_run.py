"""Thousands of frames and style switches through one stylizer, watched for what grows.

Memory, open files, threads.

python -m bench.targets.long_run --frames 4000
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from bench.tools.growth import slope_of_lows
from engines import EngineOptions, find_model, open_engine
from engines.errors import UsageError
from realtime import cli
from realtime.frame import LiveFrame
from realtime.live.sources.synthetic import Synthetic
from realtime.look import Look
from realtime.stylizer import Stylizer

SIZE = (120, 160)
FPS = 30.0
_SWITCH_FRAMES = 15
_FADE_S = 0.4
_SAMPLE_FRAMES = 20
_BRUSHES = (1.0, 1.25, 1.5)  # each is a size of its own that the engine keeps ready


@dataclass(frozen=True)
class Growth:
    """What the run showed after its warm-up.

    Slope in KiB per 1000 frames, through the least of each window; counts as (least, most).
    """

    frames: int
    switches: int
    fps: float
    rss_mb: float
    rss_slope_kb: float
    open_files: tuple[int, int]
    threads: tuple[int, int]


def run_long(frames: int, warm_up: int) -> Growth:
    """Stylise ``frames`` frames and return what has grown.

    ``warm_up`` frames go before and do not count; they are enough to have seen every size and
    style.
    """
    with open_engine("auto", find_model(None, []), EngineOptions(device="cpu"), SIZE) as engine:
        stylizer = Stylizer(engine, Look(((engine.model.default_style, 1.0),)))
        source = Synthetic(SIZE)
        looks = _looks(engine.model.style_names)
        samples: list[tuple[float, int, int]] = []
        started_s = 0.0
        for index in range(warm_up + frames):
            if index == warm_up:
                started_s = time.perf_counter()
            now_s = index / FPS
            if index % _SWITCH_FRAMES == 0:
                stylizer.set_look(next(looks), _FADE_S, now_s)
            stylizer.stylize(LiveFrame(source.picture(index), index, captured_s=now_s), now_s)
            if index >= warm_up and index % _SAMPLE_FRAMES == 0:
                samples.append(
                    (
                        _rss_kb(),
                        len(os.listdir("/proc/self/fd")),
                        len(os.listdir("/proc/self/task")),
                    )
                )
        wall_s = time.perf_counter() - started_s
    rss, files, threads = zip(*samples, strict=True)
    slope = slope_of_lows([n * _SAMPLE_FRAMES / 1000 for n in range(len(rss))], rss)
    counts = (min(files), max(files)), (min(threads), max(threads))
    return Growth(frames, frames // _SWITCH_FRAMES, frames / wall_s, rss[-1] / 1024, slope, *counts)


def _looks(names: tuple[str, ...]) -> Iterator[Look]:
    """Go round every style, every pair of neighbours, strengths, colours, brushes and stability."""
    for n in count():
        style, other = names[n % len(names)], names[(n + 1) % len(names)]
        mix = ((style, 1.0),) if n % 3 else ((style, 0.6), (other, 0.4))
        yield Look(
            mix,
            (1.0, 0.7, 0.3)[n % 3],
            _BRUSHES[n % len(_BRUSHES)],
            n % 4 == 1,
            0.5 if n % 5 == 2 else 0.0,
        )


def _rss_kb() -> float:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def main(argv: list[str]) -> int:
    """Run as long as asked and print what has grown, as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.long_run",
        description="Watch one stylizer over thousands of frames.",
    )
    parser.add_argument(
        "--frames", type=int, default=4000, help="frames that count (default: 4000)"
    )
    parser.add_argument(
        "--warm-up",
        type=int,
        default=900,
        help="frames before them, enough for every combination (default: 900)",
    )
    args = parser.parse_args(argv)
    if not Path("/proc/self/statm").exists():
        raise UsageError(
            "the long run reads memory, files and threads from /proc, which only Linux has."
        )
    os.environ["LIVEBRUSH_MEASURE"] = (
        "off"  # a measurement in the background is another process's time
    )
    print(json.dumps(asdict(run_long(args.frames, args.warm_up))))
    return 0


if __name__ == "__main__":
    cli.run(main)
