"""Inputs with flipped bytes, each read in a forked process with limits: python -m tests.fuzz FOLDER COUNT FIRST_SEED

Prints one JSON object: how many ended how. "crash", "hang" and "surprise" (an exception that is none of ours) are faults.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av  # noqa: F401  (loaded once, before the forks)
import numpy as np

from engines import EngineOptions, open_engine
from engines.errors import LivebrushError
from engines.model_file import load_model
from realtime.sources.video_file import VideoFile

TIMEOUT_S = 10
MEMORY_BYTES = 4 * 2**30
_MAX_FRAMES = 300
_SURPRISE = 99


def main(folder: Path, count: int, first_seed: int) -> dict[str, int]:
    samples = sorted(path for path in folder.iterdir() if path.is_file())
    ends: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + count):
        sample = samples[seed % len(samples)]
        broken = folder / "broken" / f"{seed}{sample.suffix}"
        broken.parent.mkdir(exist_ok=True)
        broken.write_bytes(mutated(sample.read_bytes(), random.Random(seed)))
        end = outcome(lambda path=broken: read(path))
        ends[end] += 1
        if end in ("read", "refused"):
            broken.unlink()  # what did harm stays, to be looked at
    return dict(ends)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A few bytes flipped, most of them near the front, where sizes and counts stand; sometimes cut off or doubled in part."""
    broken = bytearray(data)
    for _ in range(dice.choice((1, 2, 5, 20, 100))):
        place = dice.randrange(len(broken)) if dice.random() < 0.5 else dice.randrange(min(len(broken), 1000))
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
        with open_engine("onnxruntime", load_model(path), EngineOptions(threads=1), (16, 16)) as engine:
            style = np.eye(1, len(engine.model.styles), 1, dtype=np.float32)
            engine.infer(np.zeros((1, 16, 16, 3), np.uint8), style)
        return
    with VideoFile(path) as video:
        for frame in video.frames():
            if frame.index >= _MAX_FRAMES:
                return


def outcome(work: Callable[[], None]) -> str:
    """ "read", "refused" with one of our errors, "surprise", "hang" or "crash"; in a process that can harm nobody."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(TIMEOUT_S)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            work()
        except LivebrushError:
            os._exit(3)
        except BaseException:
            os._exit(_SURPRISE)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "hang" if os.WTERMSIG(status) == signal.SIGALRM else "crash"
    return {0: "read", 3: "refused"}.get(os.WEXITSTATUS(status), "surprise")


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
