"""Import any file by somebody else: by its layout where that is known, else as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.errors import ExportError, LivebrushError
from export.foreign.asked import Asked
from export.foreign.kinds import kind_of


def import_file(
    path: Path,
    target: Path,
    asked: Asked,
    pictures: list[np.ndarray],
    say: Callable[[str], None],
) -> None:
    """Write the model file ``target`` from the network in ``path``.

    What it was taken for and why is told to ``say``. pictures: to check on, (H, W, 3) uint8 RGB.
    Raises ExportError or UsageError, with nothing written.
    """
    kind = kind_of(path)
    try:
        if kind in ("checkpoint", "safetensors", "variables"):
            from export.foreign.checkpoint import import_checkpoint

            import_checkpoint(path, kind, target, asked, pictures, say)
        else:
            from export.foreign.teacher import import_graph

            import_graph(path, kind, target, asked, pictures, say)
    except (LivebrushError, ImportError, MemoryError):
        raise
    except Exception as error:
        # A file of others may be odd in ways that nobody foresaw; it is not a mistake of ours.
        raise ExportError(
            f"{path}: could not be imported ({type(error).__name__}: {error}). "
            "Nothing was written. Exported to ONNX where it was made, it may be."
        ) from error
