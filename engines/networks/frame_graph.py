"""The model file's contract around any network: bytes in, bytes out, ``original`` exact.

It is what is exported and what the torch engine runs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FrameGraph(nn.Module):
    """``out = w0*frame + (1-w0)*network(frame, the other weights renormalised)``, in fp32 after the network.

    The order Cast, Transpose ... Clip, Round, Transpose, Cast is the one that every parser accepts.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype = torch.float32) -> None:
        """dtype: what the network computes in; everything around it is fp32."""
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, frame: Tensor, style: Tensor) -> Tensor:
        """frame: (N, H, W, 3) uint8 RGB. style: (N, S) float32, rows summing to 1, column 0 ``original``. Returns as frame."""
        pixels = frame.to(torch.float32).permute(0, 3, 1, 2)
        original = style[:, :1]
        # The floor only keeps 0/0 away at original = 1, where the network's part is multiplied by nothing.
        mix = style[:, 1:] / style[:, 1:].sum(dim=1, keepdim=True).clamp(min=1e-6)
        painted = self.network((pixels * (1 / 255)).to(self.dtype), mix.to(self.dtype)).to(torch.float32).clamp(0, 1) * 255
        original = original[:, :, None, None]
        blended = original * pixels + (1 - original) * painted
        return torch.round(blended.clamp(0, 255)).permute(0, 2, 3, 1).to(torch.uint8)
