"""Engines run a style on arrays: (N, H, W, 3) uint8 RGB in, the same out.

Importing this loads no runtime.
"""

import os

from engines.base import Engine, EngineOptions
from engines.errors import LivebrushError
from engines.model_file import ModelFile, load_model
from engines.models import Models, find_model, find_models, installed_models
from engines.opening import open_engine
from engines.registry import engine_class, engine_names
from engines.style import Style

# ONNX Runtime reports its use to its maker unless it is told not to before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "Engine",
    "EngineOptions",
    "LivebrushError",
    "ModelFile",
    "Models",
    "Style",
    "engine_class",
    "engine_names",
    "find_model",
    "find_models",
    "installed_models",
    "load_model",
    "open_engine",
]
