"""What each step of a trial is given: where to run, how long, and where its results go."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Size = tuple[int, int]
Facts = dict[str, Any]

_SIZES: tuple[Size, ...] = ((480, 640), (720, 1280), (1080, 1920), (2160, 3840))
_DRY_SIZES: tuple[Size, ...] = ((48, 64), (60, 80))


@dataclass(frozen=True)
class Trial:
    """One step's share of a trial."""

    step: str
    """The step's name, as ``--steps`` takes it."""
    device: str
    """"cuda", "cuda:N" or "cpu"."""
    is_dry: bool
    """Whether only the ways are tried, at small sizes and for moments, so also without a GPU."""
    page: Path
    """Where results go, a line of JSON each."""
    folder: Path
    """For files of the step's own."""

    @property
    def sizes(self) -> tuple[Size, ...]:
        """(height, width) of the frames, the least first."""
        return _DRY_SIZES if self.is_dry else _SIZES

    @property
    def measure_s(self) -> float:
        """How long one figure is measured."""
        return 0.05 if self.is_dry else 1.0

    @property
    def is_on_gpu(self) -> bool:
        """Whether the device is an NVIDIA GPU."""
        return self.device.startswith("cuda")

    def report(self, what: str, **facts: Any) -> None:
        """Write a result at once: what comes later may end the process."""
        line = json.dumps({"step": self.step, "what": what, **facts}, default=str)
        with self.page.open("a", encoding="utf-8") as page:
            page.write(line + "\n")

    def attempt(self, what: str, measure: Callable[[], Facts]) -> None:
        """Report what ``measure`` finds, or the problem that it meets; go on either way."""
        started_s = time.perf_counter()
        try:
            facts = measure()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
            facts = {"problem": f"{type(error).__name__}: {' '.join(str(error).split())}"[:600]}
        self.report(what, **facts, took_s=round(time.perf_counter() - started_s, 3))

    def wait(self) -> None:
        """Return when the GPU has done all that it was given."""
        if self.is_on_gpu:
            import torch

            torch.cuda.synchronize(self.device)
