"""What is here: the GPU, its driver, the libraries that decode and encode on it, its rates."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

from bench.trial.trial import Facts, Trial

_PACKAGES = (
    "torch",
    "triton",
    "cuda-bindings",
    "pycuda",
    "tensorrt",
    "tensorrt-rtx-cu13",
    "av",
    "onnx",
    "onnxruntime",
    "numpy",
)
_LIBRARIES = ("cuda", "nvcuvid", "nvidia-encode")
_FOLDERS = ("/usr/local/nvidia/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib64")


def run(trial: Trial) -> None:
    """Report versions, libraries and rates."""
    trial.attempt("nvidia-smi", _ask_driver)
    trial.report("packages", **{name: _version(name) for name in _PACKAGES})
    trial.report("libraries", **{name: _library(name) for name in _LIBRARIES})
    trial.attempt("torch", _ask_torch)
    trial.attempt("rates", lambda: _rates(trial))


def _ask_driver() -> Facts:
    if shutil.which("nvidia-smi") is None:
        return {"problem": "nvidia-smi is not installed: no NVIDIA driver here"}
    query = "name,driver_version,memory.total,memory.used,compute_cap,pstate"
    done = subprocess.run(
        ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return {"gpus": done.stdout.strip().splitlines()}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _library(name: str) -> str | None:
    beside = (path for folder in _FOLDERS for path in Path(folder).glob(f"lib{name}.so*"))
    return ctypes.util.find_library(name) or next(map(str, beside), None)


def _ask_torch() -> Facts:
    import torch

    facts: Facts = {"version": torch.__version__, "cuda": torch.version.cuda}
    if torch.cuda.is_available():
        facts |= {
            "name": torch.cuda.get_device_name(),
            "capability": torch.cuda.get_device_capability(),
            "kernels": torch.cuda.get_arch_list(),
        }
    return facts


def _rates(trial: Trial) -> Facts:
    from bench.rows.gpu_limits import measure_rates

    return asdict(measure_rates(trial.device, 128 if trial.is_dry else 8192))
