"""The model file's contract around any network: bytes in, bytes out, ``original`` exact.

It is what is exported and what the torch engine runs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.networks.families.fast import CELL_PX, SCALE, Fast
from engines.networks.fast_in_rows import FastInRows
from engines.networks.layers import from_cells, pad_edge, to_cells


class FrameGraph(nn.Module):
    """``out = w0*frame + (1-w0)*network(frame, the other weights renormalised)``, in fp32 after the
    network.

    The order Cast, Transpose ... Clip, Round, Transpose, Cast is the one that every parser accepts.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        """dtype: what the network computes in; everything around it is fp32."""
        super().__init__()
        self.network = FastInRows(network) if isinstance(network, Fast) else network
        self.dtype = dtype

    def forward(self, frame: Tensor, style: Tensor) -> Tensor:
        """frame: (N, H, W, 3) uint8 RGB.

        style: (N, S) float32, rows summing to 1, column 0 ``original``. Returns as frame.
        """
        original = style[:, :1]
        # The floor only keeps 0/0 away at original = 1, where the network's part is multiplied by
        # nothing.
        mix = (style[:, 1:] / style[:, 1:].sum(dim=1, keepdim=True).clamp(min=1e-6)).to(self.dtype)
        original = original[:, :, None, None]
        pixels = frame.to(torch.float32)
        if isinstance(
            self.network, FastInRows
        ):  # mixed and rounded in cells, in the order that the network leaves them in
            cells = to_cells(pad_edge(pixels, CELL_PX, channels_last=True), SCALE)
            painted = self.network((cells * (1 / 255)).to(self.dtype), mix)
            rows = from_cells(_mixed(cells, painted, original), SCALE)
            return rows[:, : frame.shape[1], : frame.shape[2]].to(torch.uint8)
        pixels = pixels.permute(0, 3, 1, 2)
        painted = self.network((pixels * (1 / 255)).to(self.dtype), mix)
        return _mixed(pixels, painted, original).permute(0, 2, 3, 1).to(torch.uint8)


def _mixed(pixels: Tensor, painted: Tensor, original: Tensor) -> Tensor:
    """pixels: 0..255 float32.

    painted: 0..1. original: the share of ``pixels``. Returns whole numbers 0..255 as float32.
    """
    painted = painted.to(torch.float32).clamp(0, 1) * 255
    return torch.round((original * pixels + (1 - original) * painted).clamp(0, 255))
