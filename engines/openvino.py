"""OpenVINO on the CPU: the fastest engine on most laptops, in fp32 and int8."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np

from engines.base import Engine, EngineOptions, cpu_threads
from engines.cache import cache_dir, prune
from engines.errors import EngineLoadError, EngineUnavailable
from engines.model_file import ModelFile

_CACHE_BYTES = 128 * 2**20


class OpenVino(Engine):
    name = "openvino"
    summary = "OpenVINO on the CPU, fp32 and int8"

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        super().__init__(model, options)
        if options.device not in ("auto", "cpu"):
            raise EngineUnavailable(
                f"--engine openvino runs on the CPU, not on {options.device!r}. Use --device cpu, or --engine torch."
            )
        # Importing OpenVINO would report its use to its makers over the network; without this package it does not.
        sys.modules.setdefault("openvino_telemetry", None)
        import openvino

        self.precision = "fp32" if options.precision == "auto" else options.precision
        self._core = openvino.Core()
        # Compiled models are kept: the second start is several times as fast.
        compiled = cache_dir() / "openvino"
        prune(compiled, _CACHE_BYTES)
        self._core.set_property({"CACHE_DIR": str(compiled)})
        self._path = model.int8_path if self.precision == "int8" else model.path

    @classmethod
    def unavailable(cls) -> str | None:
        if importlib.util.find_spec("openvino") is None:
            return "OpenVINO is not installed. Type: pip install openvino"
        return None

    def _specialise(self, key: tuple[int, int, int]) -> Any:
        batch, height, width = key
        try:
            network = self._core.read_model(self._path)
            network.reshape({"frame": [*key, 3], "style": [batch, len(self.model.styles)]})
            request = self._core.compile_model(network, "CPU", self._properties()).create_infer_request()
            style = np.eye(1, len(self.model.styles), dtype=np.float32).repeat(batch, 0)
            self._run(request, np.zeros((*key, 3), np.uint8), style)
        except RuntimeError as error:
            raise EngineLoadError(f"OpenVINO cannot run {self._path} at {width}x{height}: {error}") from error
        return request

    def _properties(self) -> dict[str, object]:
        # Without the hint, CPUs with bf16 units silently compute in bf16 and other pictures come out.
        return {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self.options.threads or cpu_threads(),
        }

    def _infer(self, frames: np.ndarray, style: np.ndarray) -> np.ndarray:
        return self._run(self._specialised(frames.shape[:3]), frames, style)

    @staticmethod
    def _run(request: Any, frames: np.ndarray, style: np.ndarray) -> np.ndarray:
        outputs = request.infer({"frame": frames, "style": style}, share_inputs=True, share_outputs=True)
        return outputs["stylized"].copy()
