"""Opens the small networks that lie in the package: one core each, beside the painting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engines.errors import EngineLoadError, EngineUnavailable


def open_carried(path: Path, what: str, otherwise: str = "") -> tuple[Any, bytes]:
    """Return the ONNX Runtime session of the network in ``path``, and what the file holds.

    It runs on one thread of the CPU.

    Raises EngineUnavailable without ONNX Runtime, saying ``what`` needs it and what ``otherwise``
    does; EngineLoadError for a file that is damaged or missing.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineUnavailable(
            f"{what} needs ONNX Runtime, which does not load here ({error}). "
            f"Type: pip install onnxruntime{otherwise}"
        ) from error
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1  # a film or a live picture goes on beside it
    settings.log_severity_level = 3
    try:
        content = path.read_bytes()
        providers = ["CPUExecutionProvider"]
        return onnxruntime.InferenceSession(content, settings, providers=providers), content
    except Exception as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> EngineLoadError:
    """Return what is raised for a carried network that cannot be used."""
    return EngineLoadError(f"{path}: cannot be run ({error}). Install Livebrush again.")
