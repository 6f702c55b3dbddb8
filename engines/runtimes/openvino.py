"""OpenVINO on the CPU: the fastest engine on most laptops, in fp32 and int8."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np

from engines.base import Conditions, Engine, EngineOptions, Pending
from engines.conditions import condition_shapes, first_conditions
from engines.errors import EngineLoadError, EngineUnavailable
from engines.folders import cache_dir, prune
from engines.machine import cpu_threads
from engines.model_file import ModelFile

_CACHE_BYTES = 128 * 2**20
_MAX_STREAMS = 8  # each has activations of its own


class OpenVino(Engine):
    """OpenVINO: one frame on all cores, or several frames on a core each."""

    name = "openvino"
    summary = "OpenVINO on the CPU, fp32 and int8"

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        super().__init__(model, options)
        if options.device not in ("auto", "cpu"):
            raise EngineUnavailable(
                f"--engine openvino runs on the CPU, not on {options.device!r}. "
                "Use --device cpu, or --engine torch."
            )
        # Importing OpenVINO would report its use to its makers over the network; without this
        # package it does not.
        modules: dict[str, Any] = sys.modules
        modules.setdefault("openvino_telemetry", None)
        import openvino

        self.precision = "fp32" if options.precision == "auto" else options.precision
        self._core = openvino.Core()
        # Compiled models are kept: the second start is several times as fast.
        compiled = cache_dir() / "openvino"
        prune(compiled, _CACHE_BYTES)
        self._core.set_property({"CACHE_DIR": str(compiled)})
        self._threads = options.threads or cpu_threads()
        self._streams = min(self._threads, _MAX_STREAMS)
        if options.throughput:
            # One more than are computed at a time, so that no core waits for the caller.
            self.in_flight = self._streams + 1
        self._path = model.int8_path if self.precision == "int8" else model.path

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why OpenVINO cannot run here."""
        if importlib.util.find_spec("openvino") is None:
            return "OpenVINO is not installed. Type: pip install openvino"
        return None

    def _specialise(self, key: tuple[int, int, int]) -> Iterator[Any]:
        """Compile the network and return its requests, which take turns."""
        batch, height, width = key
        try:
            network = self._core.read_model(self._path)
            shapes = condition_shapes(self.model, (height, width), batch)
            network.reshape({"frame": [*key, 3], **{name: [*s] for name, s in shapes.items()}})
            compiled = self._core.compile_model(network, "CPU", self._make_properties())
            requests = [compiled.create_infer_request() for _ in range(self.in_flight)]
            conditions = first_conditions(self.model, (height, width), batch)
            for request in requests:
                _start_request(request, np.zeros((*key, 3), np.uint8), conditions)()
        except RuntimeError as error:
            raise EngineLoadError(
                f"OpenVINO cannot run {self._path} at {width}x{height}: {error}"
            ) from error
        return cycle(requests)

    def _make_properties(self) -> dict[str, object]:
        # Without the hint, CPUs with bf16 units silently compute in bf16 and other pictures come
        # out.
        return {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self._threads,
            **(
                {"NUM_STREAMS": self._streams}
                if self.options.throughput
                else {"PERFORMANCE_HINT": "LATENCY"}
            ),
        }

    def _start(self, frames: np.ndarray, conditions: Conditions) -> Pending:
        return self._start_next(frames, conditions)

    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        return self._start_next(frames, conditions)()

    def _start_next(self, frames: np.ndarray, conditions: Conditions) -> Callable[[], np.ndarray]:
        request = next(self._get_specialised(frames.shape[:3]))
        return _start_request(request, frames, conditions)


def _start_request(
    request: Any, frames: np.ndarray, conditions: Conditions
) -> Callable[[], np.ndarray]:
    """Begin and return what waits for the result, a copy: the memory is the request's own."""
    request.wait()  # for what somebody has begun and given up
    for name, array in {"frame": frames, **conditions}.items():
        request.get_tensor(name).data[:] = array
    request.start_async()

    def result() -> np.ndarray:
        request.wait()
        stylized: np.ndarray = request.get_tensor("stylized").data
        return stylized.copy()

    return result
