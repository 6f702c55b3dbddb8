"""The model file's contract around any network: bytes in, bytes out, ``original`` exact.

It is what is exported and what the torch engine runs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.networks.layers import from_cells, pad_edge, to_cells
from engines.networks.style_network import CellNetwork, StyleNetwork


class FrameGraph(nn.Module):
    """The frame and its painting mixed, in fp32 after the network.

    ``out = w0*frame + (1-w0)*network(frame, the other weights renormalised)``. The order Cast,
    Transpose ... Clip, Round, Transpose, Cast is the one that every parser accepts.
    """

    def __init__(self, network: StyleNetwork, dtype: torch.dtype = torch.float32) -> None:
        """dtype: what the network computes in; everything around it is fp32."""
        super().__init__()
        self.network: StyleNetwork | CellNetwork = network.in_cells() or network
        self.dtype = dtype

    def forward(
        self,
        frame: Tensor,
        style: Tensor,
        canvas: Tensor | None = None,
        row: Tensor | None = None,
    ) -> Tensor:
        """Paint ``frame``, (N, H, W, 3) uint8 RGB, and return the same.

        style: (N, S) float32, rows summing to 1, column 0 ``original``. canvas: (N, C, h, w)
        float32, for networks that take one. row: (N, R) float32, for networks that take one: the
        style of the last column.
        """
        given = {"canvas": canvas, "row": row}
        more = {name: array.to(self.dtype) for name, array in given.items() if array is not None}
        original = style[:, :1]
        # The floor only keeps 0/0 away at original = 1, where the network's part is multiplied by
        # nothing.
        mix = (style[:, 1:] / style[:, 1:].sum(dim=1, keepdim=True).clamp(min=1e-6)).to(self.dtype)
        original = original[:, :, None, None]
        pixels = frame.to(torch.float32)
        if isinstance(self.network, CellNetwork):
            # Mixed and rounded in cells, in the order that the network leaves them in.
            scale = self.network.scale
            cells = to_cells(pad_edge(pixels, self.network.cell_px, channels_last=True), scale)
            painted = self.network((cells * (1 / 255)).to(self.dtype), mix, **more)
            rows = from_cells(_mix(cells, painted, original), scale)
            return rows[:, : frame.shape[1], : frame.shape[2]].to(torch.uint8)
        pixels = pixels.permute(0, 3, 1, 2)
        painted = self.network((pixels * (1 / 255)).to(self.dtype), mix, **more)
        return _mix(pixels, painted, original).permute(0, 2, 3, 1).to(torch.uint8)


def _mix(pixels: Tensor, painted: Tensor, original: Tensor) -> Tensor:
    """Return ``pixels`` and ``painted`` mixed, whole numbers 0..255 as float32.

    pixels: 0..255 float32. painted: 0..1. original: the share of ``pixels``.
    """
    painted = painted.to(torch.float32).clamp(0, 1) * 255
    return torch.round((original * pixels + (1 - original) * painted).clamp(0, 255))
