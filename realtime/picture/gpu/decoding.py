"""From the GPU's decoder (NVDEC, through PyAV) to pictures that lie there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from realtime.picture.color import ColorCoding, coding_of
from realtime.picture.gpu.nv12 import planes_of, to_rgb
from realtime.picture.gpu.scaler import GpuScaler, resized
from realtime.picture.gpu.tensors import on_host, to_bytes
from realtime.picture.orientation import Orientation

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.video.frame import CudaContext, VideoFrame
    from torch import Tensor


def tensors_problem(_device: str) -> str | None:
    """Return why pictures cannot lie on a device ("cuda:0") here, or None; any GPU will do."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return "PyTorch is not installed"
    import torch

    return None if torch.cuda.is_available() else "this PyTorch sees no CUDA GPU"


@contextmanager
def decoder_on(device: str) -> Iterator[HWAccel]:
    """Give what opens a container whose pictures are decoded on ``device`` and stay there.

    That is as far as its decoder can. It works in the context that PyTorch and the engine are in:
    FFmpeg would start the primary one itself with a setting of its own, and refuses one that runs
    with another.
    """
    import torch
    from av.codec.hwaccel import HWAccel

    index = torch.device(device).index or 0
    with torch.cuda.device(index):
        torch.zeros(1, device=device)  # from here on the context is this thread's
        yield HWAccel(
            "cuda", str(index), True, {"primary_ctx": "0", "current_ctx": "1"}, is_hw_owned=True
        )


def encoder_context(device: str) -> CudaContext:
    """Return the same context, for pictures that NVENC is given."""
    import torch
    from av.video.frame import CudaContext

    return CudaContext(torch.device(device).index or 0, primary_ctx=False, current_ctx=True)


def is_on_gpu(picture: VideoFrame) -> bool:
    """Return whether a decoded picture lies on a GPU."""
    return picture.format.name == "cuda"


def pixels_of(
    picture: VideoFrame, coding: ColorCoding, turn: Orientation, size: tuple[int, int]
) -> Tensor:
    """Return an NV12 picture as upright RGB, (H, W, 3) uint8, where the picture is.

    size: (height, width) of the result.
    """
    pixels = to_rgb(*planes_of(picture), coding)
    pixels = pixels.transpose(0, 1) if turn.transposes else pixels
    axes = [axis for axis, mirrors in ((1, turn.mirrors_x), (0, turn.mirrors_y)) if mirrors]
    pixels = pixels.flip(axes) if axes else pixels
    return GpuScaler().resize(pixels.contiguous(), size)


def thumbnail(picture: VideoFrame, size: tuple[int, int]) -> np.ndarray:
    """Return the luma of an NV12 picture at (height, width) ``size``: uint8, on the host.

    Full range, whatever the picture's is.
    """
    values = resized(planes_of(picture)[0][..., None].float(), size)[..., 0]
    full = values if coding_of(picture).full_range else (values - 16) * (255 / 219)
    return on_host(to_bytes(full))
