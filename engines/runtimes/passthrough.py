"""The engine that returns its input.

It needs no runtime, and shows what the rest of the pipeline costs and keeps.
"""

from __future__ import annotations

import numpy as np

from engines.base import Conditions, Engine
from engines.model_file import ModelFile


class Passthrough(Engine):
    """Computes nothing."""

    name = "passthrough"
    summary = "returns the frame unchanged; for measuring and testing everything around the network"
    precision = "uint8"

    @classmethod
    def unavailable(cls) -> str | None:
        """Return None: it runs anywhere."""
        return None

    @classmethod
    def precisions(cls, model: ModelFile) -> tuple[str, ...]:
        """Return "uint8" alone."""
        return ("uint8",)

    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        return frames.copy()
