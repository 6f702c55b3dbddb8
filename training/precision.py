"""In which float type a training step is fastest here."""

from __future__ import annotations

import functools
import time

import torch
from torch import Tensor, nn

_TRIALS = 3  # the first pays for preparing


def fastest_float(device: str) -> torch.dtype:
    """Return bf16 or fp32, whichever takes a convolution and its gradient less time on ``device``.

    bf16 keeps fp32's range, and the losses are relative. Processors with AMX compute it
    five times as fast; those without any instruction for it take fifty times as long, and are most
    of the laptops there are.
    """
    return min((torch.float32, torch.bfloat16), key=lambda dtype: _seconds(dtype, device))


@functools.cache  # once a process: imitating bf16 takes a second
def _seconds(dtype: torch.dtype, device: str) -> float:
    conv = nn.Conv2d(64, 64, 3, padding=1).to(
        device=device, dtype=dtype, memory_format=torch.channels_last
    )
    image = torch.ones(1, 64, 96, 96, device=device, dtype=dtype, requires_grad=True)
    return min(_step(conv, image) for _ in range(_TRIALS))


def _step(conv: nn.Conv2d, image: Tensor) -> float:
    begun_s = time.perf_counter()
    conv(image.contiguous(memory_format=torch.channels_last)).sum().backward()
    float(image.grad[0, 0, 0, 0])  # a GPU has computed only when its result is read
    return time.perf_counter() - begun_s
