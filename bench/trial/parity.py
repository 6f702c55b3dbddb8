"""Whether the GPU paints the same pictures: the engine, the scaler, the colours, the noise."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.trial.trial import Facts, Size, Trial
from engines import Engine, EngineOptions, find_model, open_engine

_STYLES = (1, 2, 5)
# Odd sides, and more pixels than a film gives to a network at once.
_WIDE: Size = (923, 2171)


def run(trial: Trial) -> None:
    """Report how far the GPU's pictures are from the CPU's, in levels of 255."""
    sizes = trial.sizes[:1] if trial.is_dry else (*trial.sizes[:3:2], _WIDE)
    for precision in ("fp32", "fp16") if trial.is_on_gpu else ("fp32",):
        for size in sizes:
            what = f"gallery, {precision}, {size[1]}x{size[0]}"
            trial.attempt(what, partial(_engines, trial.device, precision, size))
    for name, compare in {"scaler": _scaler, "colours": _colours, "noise": _noise}.items():
        trial.attempt(name, partial(compare, trial.device, trial.sizes[-2]))


def _engines(device: str, precision: str, size: Size) -> Facts:
    model = find_model(None, [])
    reference, options = _reference(size), EngineOptions(device=device, precision=precision)
    worst, total = 0, 0.0
    with reference, open_engine("torch", model, options, size) as engine:
        for number in _STYLES:
            frame, style = (
                _frame(size, number)[None],
                np.eye(1, model.own_styles, number, np.float32),
            )
            gap = _gap(engine.infer(frame, style), reference.infer(frame, style))
            worst, total = max(worst, int(gap.max())), total + float(gap.mean())
        return {
            "against": reference.name,
            "mean": round(total / len(_STYLES), 4),
            "largest": worst,
            "note": engine.note,
        }


def _reference(size: Size) -> Engine:
    """Open the engine on the CPU that is here: ONNX Runtime, else PyTorch."""
    from engines import engine_class

    name = "torch" if engine_class("onnxruntime").unavailable() else "onnxruntime"
    return open_engine(name, find_model(None, []), EngineOptions("cpu", "fp32"), size)


def _scaler(device: str, size: Size) -> Facts:
    import torch

    from realtime.picture.gpu.scaler import GpuScaler

    half = (size[0] // 2, size[1] // 2)
    frame, small, painted = _frame(size, 0), _frame(half, 0), _frame(half, 1)
    found = []
    for where in (device, "cpu"):
        low, whole, frame_low = (
            torch.from_numpy(array).to(where) for array in (painted, frame, small)
        )
        found.append(GpuScaler().guided_upsample(low, whole, frame_low).cpu().numpy())
    return _levels(*found)


def _colours(device: str, size: Size) -> Facts:
    import torch

    from realtime.picture.color import ColorCoding
    from realtime.picture.gpu.nv12 import from_rgb, to_rgb

    coding, found = ColorCoding(1, full_range=False), []
    for where in (device, "cpu"):
        nv12 = from_rgb(torch.from_numpy(_frame(size, 0)).to(where), coding)
        chroma = nv12[size[0] :].reshape(size[0] // 2, size[1] // 2, 2)
        found.append(to_rgb(nv12[: size[0]], chroma, coding).cpu().numpy())
    return _levels(*found)


def _noise(device: str, size: Size) -> Facts:
    import torch

    from realtime.picture.gpu.noise import GpuNoiseReduction

    found = []
    for where in (device, "cpu"):
        noise = GpuNoiseReduction()
        for number in range(3):
            frame = torch.from_numpy(_frame(size, number)).to(where)
            shown = noise.reduce(frame)
        found.append(shown.cpu().numpy())
    return _levels(*found)


def _frame(size: Size, seed: int) -> np.ndarray:
    """Draw what is smooth and noisy both, (H, W, 3) uint8."""
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin((x * (c + 1) + y * (3 - c)) * (9 + seed) / width) for c in range(3)]
    noise = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    return np.clip(128 + 90 * np.stack(waves, 2) + noise, 0, 255).astype(np.uint8)


def _levels(one: np.ndarray, other: np.ndarray) -> Facts:
    gap = _gap(one, other)
    return {"mean": round(float(gap.mean()), 4), "largest": int(gap.max())}


def _gap(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(np.int16) - other)
