"""PyTorch on CPU, CUDA or MPS, from the model's .safetensors.

It is the reference for parity, and the way to a GPU without TensorRT.
"""

from __future__ import annotations

import hashlib
import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.base import Conditions, Engine, EngineOptions, Pending
from engines.conditions import first_conditions
from engines.errors import EngineLoadError, EngineUnavailable
from engines.install import install_line
from engines.machine import cpu_threads
from engines.model_file import ModelFile

if TYPE_CHECKING:
    from torch import Tensor

    from engines.cuda_frames import CudaFrames


class Torch(Engine):
    """PyTorch: on CUDA with three frames under way where many are wanted, else one at a time."""

    name = "torch"
    summary = "PyTorch on the CPU (fp32), CUDA or MPS (fp16), from the model's weights"

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        super().__init__(model, options)
        if model.weights_path is None:
            raise EngineUnavailable(
                f"--engine torch: {model.name} has no .safetensors beside it, "
                "which this engine needs. "
                "Use --engine onnxruntime or openvino."
            )
        stored = model.metadata.get("weights_sha256")
        if stored and stored != hashlib.sha256(model.weights_path.read_bytes()).hexdigest():
            raise EngineLoadError(
                f"{model.weights_path}: are not the weights of {model.path.name}. "
                "Write both with `python -m export onnx`."
            )
        import torch

        from engines.networks.frame_graph import FrameGraph
        from engines.networks.weights import load_weights

        self._torch = torch
        self.device = self._choose_device(options.device)
        kind = self.device.split(":")[0]
        fastest = "fp32" if kind == "cpu" else "fp16"
        self.precision = fastest if options.precision == "auto" else options.precision
        if self.precision == "fp16" and kind == "cpu":
            raise EngineUnavailable(
                "--engine torch runs fp16 on GPUs only. Use --precision fp32 on the CPU."
            )
        self._runs_graphs = True
        if kind == "cuda":
            from engines.cuda_frames import SLOTS

            # Live there is one frame at a time, and each size that is kept open has its own memory.
            self.in_flight, self.takes_tensors = SLOTS if options.throughput else 1, True
            torch.backends.cudnn.benchmark = True  # sizes do not change
            if self.precision == "fp32":  # fp32 is asked for to be exact
                torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        if kind == "cpu":
            torch.set_num_threads(options.threads or cpu_threads())
        network, _ = load_weights(model.weights_path)
        dtype = torch.float16 if self.precision == "fp16" else torch.float32
        move: Any = network.to  # its types leave out memory_format
        move(device=self.device, dtype=dtype, memory_format=torch.channels_last)
        self._graph = FrameGraph(network, dtype).to(self.device).eval()

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why PyTorch cannot run here."""
        if importlib.util.find_spec("torch") is None:
            return f"PyTorch is not installed. Type: {install_line('train')}"
        return None

    @classmethod
    def precisions(cls, model: ModelFile) -> tuple[str, ...]:
        """Return fp32, and fp16 for GPUs."""
        return ("fp32", "fp16")

    def _choose_device(self, wanted: str) -> str:
        """Return the device that ``wanted`` means here. Raises EngineUnavailable."""
        cuda, mps = self._torch.cuda.is_available(), self._torch.backends.mps.is_available()
        if wanted == "auto":
            best = "mps" if mps else "cpu"
            return "cuda" if cuda else best
        if wanted.startswith("cuda") and not cuda:
            raise EngineUnavailable(
                f"--engine torch --device {wanted}: this PyTorch sees no CUDA GPU. "
                "Use --device cpu, or install its CUDA build."
            )
        if wanted == "mps" and not mps:
            raise EngineUnavailable(
                "--engine torch --device mps: this PyTorch sees no Apple GPU. Use --device cpu."
            )
        return wanted

    def eager(self) -> None:
        """Run without CUDA graphs from the next size on, to see what they give."""
        self._runs_graphs = False

    def fuse(self) -> None:
        """Let PyTorch fuse what surrounds the convolutions, from the next size on.

        It compiles for as long as minutes; on a GPU it needs Triton, on a CPU a C++ compiler.
        """
        self._graph.compile(mode="max-autotune-no-cudagraphs")

    def _specialise(self, key: tuple[int, int, int]) -> CudaFrames | None:
        """Return buffers on the GPU for frames of that shape; None on other devices."""
        if not self.device.startswith("cuda"):
            return None
        from engines.cuda_frames import CudaFrames

        conditions = first_conditions(self.model, key[1:], key[0])
        frames = CudaFrames(
            self._graph, self.device, key, conditions, self._runs_graphs, self.in_flight
        )
        if frames.problem:
            self.note = frames.problem
        return frames

    def _start(self, frames: np.ndarray, conditions: Conditions) -> Pending:
        made: CudaFrames | None = self._get_specialised(frames.shape[:3])
        if made:
            return made.start(frames, conditions)
        return super()._start(frames, conditions)

    def _start_tensor(self, frames: Tensor, conditions: Conditions) -> Pending:
        made: CudaFrames = self._get_specialised(
            (frames.shape[0], frames.shape[1], frames.shape[2])
        )
        return made.start(frames, conditions)

    def _drop(self, made: CudaFrames | None) -> None:
        if made:
            made.close()

    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        arrays = {"frame": frames, **conditions}.items()
        given = {name: self._torch.from_numpy(array).to(self.device) for name, array in arrays}
        with self._torch.inference_mode():
            painted = self._graph(**given)
        stylized: np.ndarray = painted.cpu().numpy()
        return stylized
