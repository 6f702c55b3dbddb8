"""What surrounds TensorRT, without it: pinned memory, streams, graphs, two slots, three threads.

The network's place is taken by a copy on the GPU, so each frame must come back as it was.
"""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from bench.trial.trial import Facts, Trial
from engines.conditions import first_conditions
from engines.model_file import ModelFile
from engines.plans.cuda import Cuda, open_cuda
from engines.plans.library import Library
from engines.plans.run import PlanRun
from engines.plans.store import PlanStore

_FRAMES, _THREADS = 20, 3


def run(trial: Trial) -> None:
    """Report whether frames come back whole, from one thread and from three."""

    def on_the_gpu(threads: int) -> Facts:
        with closing(open_cuda(trial.device)) as cuda:
            return copy_frames(cuda, trial.sizes[0], threads, trial.folder)

    for threads in (1, _THREADS):
        trial.attempt(f"copies from {threads} threads", lambda n=threads: on_the_gpu(n))


def copy_frames(cuda: Cuda, size: tuple[int, int], threads: int, folder: Path) -> Facts:
    """Send frames of (height, width) through a run in each thread; count those that came back."""
    from engines import find_model

    model, whole = find_model(None, []), [0] * threads

    def send(number: int) -> None:
        random = np.random.default_rng(number)
        made = PlanRun(
            cuda, _copying(cuda), b"", (1, *size), model, PlanStore(folder), folder / "kernels"
        )
        with closing(made):
            for _ in range(_FRAMES // 2):
                whole[number] += _pair_is_whole(made, model, size, random)

    workers = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"gpu": cuda.name, "frames": _FRAMES * threads, "whole": sum(whole)}


def _pair_is_whole(
    made: PlanRun, model: ModelFile, size: tuple[int, int], random: np.random.Generator
) -> int:
    """Have two frames under way at once; return how many came back as they were."""
    frames = [random.integers(0, 256, (1, *size, 3), np.uint8) for _ in range(2)]
    pending = [made.start(frame, first_conditions(model, size, 1)) for frame in frames]
    return sum(np.array_equal(frame, wait()) for frame, wait in zip(frames, pending, strict=True))


class _Copy:
    """An execution context whose network is a copy from ``frame`` to ``stylized``."""

    def __init__(self, cuda: Cuda) -> None:
        self._cuda, self._addresses = cuda, dict[str, int]()
        self._size_bytes = 0

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        if name == "frame":
            self._size_bytes = int(np.prod(shape))
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        addresses = self._addresses
        self._cuda.copy(addresses["stylized"], addresses["frame"], self._size_bytes, stream)
        return True


def _copying(cuda: Cuda) -> Library:
    """Return what stands for the full TensorRT: every plan is a copy."""
    engine = SimpleNamespace(create_execution_context=lambda: _Copy(cuda))
    runtime = SimpleNamespace(deserialize_cuda_engine=lambda _plan: engine)
    library: Any = SimpleNamespace(
        name="copy",
        is_rtx=False,
        module=SimpleNamespace(Runtime=lambda _logger: runtime),
        logger=lambda: (None, []),
        start=lambda make, logger, _errors: make(logger),
    )
    return cast(Library, library)
