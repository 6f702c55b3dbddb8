"""The engine that returns its input: it needs no runtime, and shows what the rest of the pipeline
costs and keeps.
"""

from __future__ import annotations

import numpy as np

from engines.base import Engine, EngineOptions
from engines.model_file import ModelFile


class Passthrough(Engine):
    name = "passthrough"
    summary = "returns the frame unchanged; for measuring and testing everything around the network"
    precision = "uint8"

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        super().__init__(model, options)

    @classmethod
    def unavailable(cls) -> str | None:
        return None

    @classmethod
    def precisions(cls, model: ModelFile) -> tuple[str, ...]:
        return ("uint8",)

    def _infer(self, frames: np.ndarray, style: np.ndarray) -> np.ndarray:
        return frames.copy()
