"""ONNX Runtime, on the CPU or, with its GPU package, on CUDA."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from engines.base import Conditions, Engine, EngineOptions
from engines.errors import EngineLoadError, EngineUnavailable
from engines.machine import cpu_threads
from engines.model_file import ModelFile


class OnnxRuntime(Engine):
    """ONNX Runtime: every precision of the model file, one frame at a time."""

    name = "onnxruntime"
    summary = "ONNX Runtime on the CPU (or CUDA with onnxruntime-gpu), fp32 and int8"

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        super().__init__(model, options)
        import onnxruntime

        self._runtime = onnxruntime
        self.device = "cpu" if options.device == "auto" else options.device
        self._providers = self._choose_providers()
        self.precision = "fp32" if options.precision == "auto" else options.precision
        self._path = model.int8_path if self.precision == "int8" else model.path

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why ONNX Runtime cannot run here."""
        if importlib.util.find_spec("onnxruntime") is None:
            return "ONNX Runtime is not installed. Type: pip install onnxruntime"
        return None

    def _specialise(self, key: tuple[int, int, int]) -> Any:
        settings = self._runtime.SessionOptions()
        settings.intra_op_num_threads = self.options.threads or cpu_threads()
        settings.log_severity_level = 3
        for axis, length in zip("NHW", key, strict=True):
            settings.add_free_dimension_override_by_name(axis, length)
        try:
            session = self._runtime.InferenceSession(
                str(self._path), settings, providers=self._providers
            )
        except Exception as error:
            raise EngineLoadError(
                f"ONNX Runtime cannot run {self._path} at {key[2]}x{key[1]}: {error}"
            ) from error
        # It falls back to the CPU without a word when the GPU provider fails to start.
        if session.get_providers()[0] != self._providers[0][0]:
            raise EngineUnavailable(
                f"--engine onnxruntime --device {self.device}: CUDA did not start. "
                "Use --device cpu, or --engine torch."
            )
        return session

    def _choose_providers(self) -> list[tuple[str, dict[str, object]]]:
        if self.device == "cpu":
            return [("CPUExecutionProvider", {})]
        if not self.device.startswith("cuda"):
            raise EngineUnavailable(
                f"--engine onnxruntime runs on cpu and cuda, not on {self.device!r}."
            )
        if "CUDAExecutionProvider" not in self._runtime.get_available_providers():
            raise EngineUnavailable(
                "--engine onnxruntime --device cuda: this ONNX Runtime has no CUDA. "
                "Type: pip install onnxruntime-gpu, or use --device cpu."
            )
        return [
            ("CUDAExecutionProvider", {"device_id": int(self.device.partition(":")[2] or 0)}),
            ("CPUExecutionProvider", {}),
        ]

    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        session = self._get_specialised(frames.shape[:3])
        stylized: np.ndarray
        (stylized,) = session.run(["stylized"], {"frame": frames, **conditions})
        return stylized
