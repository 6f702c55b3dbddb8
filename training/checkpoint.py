"""Saving and continuing a run: everything that the next step depends on, replaced in one rename."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engines.atomic_write import atomic_write
from engines.errors import TrainingError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, strings, lists and dicts of them)."""
    with atomic_write(path) as written:
        torch.save(state, written)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return what ``save_checkpoint`` wrote, through torch's restricted reader.

    Raises TrainingError if it is missing or damaged.
    """
    if not path.is_file():
        raise TrainingError(
            f"{path}: there is no checkpoint to resume from. Start without --resume."
        )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(
            f"{path}: a damaged checkpoint ({error}). Start again without --resume."
        ) from error
