"""NV12, which an NVIDIA GPU decodes to and encodes from, to RGB and back, where it lies.

Formulas: ITU-T H.273 of 2021, 8.3: equations 41-43 for the matrix, 20-25 for the ranges. A pixel
takes the chroma of its 2 x 2 block, as swscale does it for the plain path; back, a block's chroma
is that of its mean.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from realtime.picture.color import ColorCoding
from realtime.picture.gpu.tensors import Numbers, constant, to_bytes

if TYPE_CHECKING:
    from av.video.frame import CudaContext, VideoFrame
    from torch import Tensor

# H.273 matrix number -> the shares of red and blue in luma.
_LUMA_SHARES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
}
_LUMA_SHARES |= dict.fromkeys((9, 10), (0.2627, 0.0593))
_PITCH = 256  # bytes


def planes_of(picture: VideoFrame) -> tuple[Tensor, Tensor]:
    """Return luma (H, W) and chroma (H/2, W/2, 2) of an NV12 picture, both uint8.

    They lie in its memory, which they keep. On a GPU they may be read by what is queued to the
    default stream, to which the decoder has queued the writing.
    """
    from torch.utils.dlpack import from_dlpack

    # By capsule: asked by the tensor library, PyAV is told a stream to wait for and refuses. On one
    # stream nothing has to wait.
    luma, chroma = (from_dlpack(plane.__dlpack__()) for plane in picture.planes)
    return luma, chroma


def to_rgb(luma: Tensor, chroma: Tensor, coding: ColorCoding) -> Tensor:
    """Return the picture as RGB: (H, W, 3) uint8, full range.

    luma: (H, W) uint8, both even. chroma: (H/2, W/2, 2) uint8, Cb and Cr.
    """
    colours, _, _ = _matrices(coding)
    black, luma_span, _ = _range(coding)
    height, width = luma.shape
    colour = (chroma.float() - 128) @ constant(colours, luma.device) - black * 255 / luma_span
    # (H/2, 2, W/2, 2, 1) and (H/2, 1, W/2, 1, 3): the four pixels of a block share its colour
    blocks = (
        luma.view(height // 2, 2, width // 2, 2, 1) * (255 / luma_span)
        + colour[:, None, :, None, :]
    )
    return to_bytes(blocks).view(height, width, 3)


def from_rgb(rgb: Tensor, coding: ColorCoding) -> Tensor:
    """Return the picture as NV12: (H * 3/2, W) uint8, luma and below it Cb and Cr in turn.

    rgb: (H, W, 3) uint8, full range, H and W even. The result is one piece of memory, rows 256
    bytes apart or a multiple: NVENC is told where luma begins and how far apart its rows are, and
    looks for chroma right behind it.
    """
    import torch

    _, lumas, chromas = _matrices(coding)
    height, width, _ = rgb.shape
    pixels = rgb.float()
    means = pixels.view(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    luma = pixels @ constant(lumas, rgb.device) + _range(coding)[0]
    chroma = means @ constant(chromas, rgb.device) + 128
    out = torch.empty(
        height * 3 // 2, -(-width // _PITCH) * _PITCH, dtype=torch.uint8, device=rgb.device
    )[:, :width]
    out[:height] = to_bytes(luma)
    out[height:] = to_bytes(chroma).view(height // 2, width)
    return out


def picture_of(nv12: Tensor, context: CudaContext | None) -> VideoFrame:
    """Return ``from_rgb``'s result as a picture without a time, in the same memory.

    context: that of the GPU that it is on.
    """
    from av.video.frame import VideoFrame

    height, width = nv12.shape[0] * 2 // 3, nv12.shape[1]
    planes = nv12[:height], nv12[height:].view(height // 2, width // 2, 2)
    return VideoFrame.from_dlpack(planes, format="nv12", cuda_context=context)


def _range(coding: ColorCoding) -> tuple[float, float, float]:
    """Return black's luma, and by how much luma and chroma vary."""
    return (0.0, 255.0, 255.0) if coding.full_range else (16.0, 219.0, 224.0)


@functools.cache
def _matrices(coding: ColorCoding) -> tuple[Numbers, Numbers, Numbers]:
    """Return what takes (Cb, Cr) to RGB (2, 3), RGB to luma (3,) and to (Cb, Cr) (3, 2).

    Offsets are the caller's.
    """
    red, blue = _LUMA_SHARES[coding.matrix]
    green = 1 - red - blue
    _, luma_span, chroma_span = _range(coding)
    cb, cr = 2 * (1 - blue), 2 * (1 - red)  # blue and red minus luma when Cb and Cr are 1
    up, down = 255 / chroma_span, chroma_span / 255
    colours = (0.0, -blue * cb / green * up, cb * up), (cr * up, -red * cr / green * up, 0.0)
    lumas = tuple(share * luma_span / 255 for share in (red, green, blue))
    chromas = (
        (-red / cb * down, down / 2),
        (-green / cb * down, -green / cr * down),
        (down / 2, -blue / cr * down),
    )
    return colours, lumas, chromas
