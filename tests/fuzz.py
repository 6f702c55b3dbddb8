"""Inputs with flipped bytes, read in forked processes with limits: python -m tests.fuzz FOLDER
COUNT FIRST_SEED

Prints one JSON object, see ``main``. "crash", "hang" and "surprise" (an exception that is none of
ours) are faults.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import signal
import statistics
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av  # noqa: F401  (loaded once, before the forks)
import numpy as np

from engines import EngineOptions, open_engine
from engines.errors import LivebrushError
from engines.model_file import load_model
from realtime.media.reading.video_file import VideoFile

TIMEOUT_S = 10
MEMORY_BYTES = 4 * 2**30
_MAX_FRAMES = 300
_INPUTS_OF_A_WORKER = 1000
_BLOCK = 50


def main(folder: Path, count: int, first_seed: int) -> dict[str, Any]:
    """``ends``: how many ended how.

    ``faults``: a line for each that should not. ``growth_kb``: the median of how much a worker's
    memory grew in 50 inputs, over the second half of its own: a single large picture does not
    count.
    """
    samples = sorted(path for path in folder.iterdir() if path.is_file())
    broken = folder / "broken"
    broken.mkdir(exist_ok=True)
    ends: Counter[str] = Counter()
    faults, growths = [], []
    seeds = list(range(first_seed, first_seed + count))
    for start in range(0, count, _INPUTS_OF_A_WORKER):
        waiting = seeds[start : start + _INPUTS_OF_A_WORKER]
        memories: list[int] = []
        while waiting:
            outcomes = list(worker(waiting, samples, broken))
            for seed, (end, why, rss_kb) in zip(waiting, outcomes, strict=False):
                ends[end] += 1
                memories.append(rss_kb)
                if end not in ("read", "refused"):
                    faults.append(
                        f"{seed}{samples[seed % len(samples)].suffix}: {end} {why}".strip()
                    )
            waiting = waiting[len(outcomes) :]
        later = memories[len(memories) // 2 :: _BLOCK]  # past what is loaded and allocated once
        growths += [after - before for before, after in itertools.pairwise(later)]
    return {
        "ends": dict(ends),
        "faults": faults,
        "growth_kb": statistics.median(growths) if growths else 0,
    }


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A few bytes flipped, most of them near the front, where sizes and counts stand; sometimes cut
    off or doubled in part.
    """
    broken = bytearray(data)
    for _ in range(dice.choice((1, 2, 5, 20, 100))):
        place = (
            dice.randrange(len(broken))
            if dice.random() < 0.5
            else dice.randrange(min(len(broken), 1000))
        )
        broken[place] = dice.choice((0, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    if dice.random() < 0.1:
        del broken[dice.randrange(len(broken)) :]
    if dice.random() < 0.1:
        start = dice.randrange(len(broken) + 1)
        broken[start:start] = broken[start : start + dice.randrange(2000)]
    return bytes(broken)


def read(path: Path) -> None:
    """As the program would: every frame of a video, one inference of a model."""
    if path.suffix == ".onnx":
        with open_engine(
            "onnxruntime", load_model(path), EngineOptions(threads=1), (16, 16)
        ) as engine:
            style = np.eye(1, len(engine.model.styles), 1, dtype=np.float32)
            engine.infer(np.zeros((1, 16, 16, 3), np.uint8), style)
        return
    with VideoFile(path) as video:
        for frame in video.frames():
            if frame.index >= _MAX_FRAMES:
                return


def worker(seeds: list[int], samples: list[Path], broken: Path) -> Iterator[tuple[str, str, int]]:
    """For one seed after the other: "read", "refused" with one of our errors, or "surprise", and
    then why, or "crash" or "hang", which is the last, since the forked process with limits that
    reads them all has ended; and its memory in KiB.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for seed in seeds:
            signal.alarm(TIMEOUT_S)
            os.write(
                writing, (json.dumps([*outcome(seed, samples, broken), rss_kb()]) + "\n").encode()
            )
        os._exit(0)
    os.close(writing)
    memory = 0
    with os.fdopen(reading) as lines:
        for line in lines:
            end, why, memory = json.loads(line)
            yield end, why, memory
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        yield (
            ("hang", "", memory)
            if os.WTERMSIG(status) == signal.SIGALRM
            else ("crash", f"signal {os.WTERMSIG(status)}", memory)
        )


def outcome(seed: int, samples: list[Path], broken: Path) -> tuple[str, str]:
    sample = samples[seed % len(samples)]
    path = broken / f"{seed}{sample.suffix}"
    path.write_bytes(mutated(sample.read_bytes(), random.Random(seed)))
    try:
        read(path)
        end = "read"
    except LivebrushError:
        end = "refused"
    except BaseException:
        return "surprise", traceback.format_exc()[-1000:]
    path.unlink()  # what did harm stays, to be looked at
    return end, ""


def rss_kb() -> int:
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * resource.getpagesize()
        // 1024
    )


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
