"""`tf_style_net`: the per-style network of the classic TensorFlow codes.

Source: Johnson et al. 2016 with instance norm after every convolution and a bounded end,
tanh(x) * 150 + 127.5; order of the variables as in lengstrom's `transform.py`, which ml5 and
deeplearn.js took over: for each of sixteen convolutions its weights, its shift and its scale. It
works on 0..255 and pads with zeros as TensorFlow's SAME does: with a stride on the far sides only.
"""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks.checkpoint import Reading
from engines.networks.layers import grow_edge, pad_edge
from engines.networks.style_network import StyleNetwork

_CELL_PX = 4
_SMALLEST_PX = 32
_EPSILON = 1e-3
_CHANNELS = (3, 32, 64, 128)
_BLOCKS = 5
_NAME = re.compile(r"Variable(?:_(\d+))?")


class Conv(nn.Module):
    """A convolution without bias, and instance norm. stride: 0.5 enlarges to twice the size."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: float = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        shape = (inputs, outputs) if stride < 1 else (outputs, inputs)
        self.weight = nn.Parameter(torch.zeros(*shape, kernel, kernel))
        self.shift, self.scale = (nn.Parameter(torch.zeros(outputs)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x``, (N, C, h, w) with even sides."""
        if self.stride < 1:
            x = F.conv_transpose2d(x, self.weight, stride=2)[:, :, :-1, :-1]
        else:
            over = self.kernel - int(self.stride)
            near, far = over // 2, over - over // 2
            x = F.conv2d(F.pad(x, (near, far, near, far)), self.weight, stride=int(self.stride))
        return F.instance_norm(x, weight=self.scale, bias=self.shift, eps=_EPSILON)


class TfStyleNet(StyleNetwork):
    """The network: one painting, so ``mix`` changes nothing."""

    cell_px = _CELL_PX
    takes_statistics = True

    def __init__(self) -> None:
        super().__init__()
        _, fine, half, deep = _CHANNELS
        down = [Conv(3, fine, 9), Conv(fine, half, 3, 2), Conv(half, deep, 3, 2)]
        body = [Conv(deep, deep, 3) for _ in range(2 * _BLOCKS)]
        up = [Conv(deep, half, 3, 0.5), Conv(half, fine, 3, 0.5), Conv(fine, 3, 9)]
        self.convs = nn.ModuleList([*down, *body, *up])

    def forward(self, image: Tensor, mix: Tensor) -> Tensor:
        """Paint ``image``."""
        height, width = image.shape[-2], image.shape[-1]
        x = grow_edge(pad_edge(image, _CELL_PX), _SMALLEST_PX) * 255
        convs = list(self.convs)
        for conv in convs[:3]:
            x = F.relu(conv(x))
        for first, second in zip(convs[3:-3:2], convs[4:-3:2], strict=True):
            x = x + second(F.relu(first(x)))
        for conv in convs[-3:-1]:
            x = F.relu(conv(x))
        painted = (torch.tanh(convs[-1](x)) * 150 + 127.5)[:, :, :height, :width]
        return painted / 255


def build(paintings: int) -> TfStyleNet:
    """Build the network. Raises TypeError for more than one painting."""
    if paintings != 1:
        raise TypeError(f"tf_style_net holds one painting, not {paintings}")
    return TfStyleNet()


def take_checkpoint(state: dict[str, Tensor]) -> list[Reading]:
    """Read the variables of a folder; none where their names or shapes are others."""
    numbered = {int(m[1] or 0): state[name] for name in state if (m := _NAME.fullmatch(name))}
    count = 3 * (6 + 2 * _BLOCKS)
    if not set(range(count)) <= set(numbered) or numbered[0].shape != (9, 9, 3, 32):
        return []
    kept: dict[str, Tensor] = {}
    for n in range(count // 3):
        # (h, w, in, out), and (h, w, out, in) where it is transposed: both turn alike.
        kept[f"convs.{n}.weight"] = numbered[3 * n].permute(3, 2, 0, 1).contiguous()
        for i, what in enumerate(("shift", "scale"), start=1):
            kept[f"convs.{n}.{what}"] = numbered[3 * n + i]
    return [
        Reading(
            "tf_style_net",
            "tf_style_net",
            "a fast-style-transfer network of TensorFlow, as lengstrom's",
            f"it has {count} variables, of sixteen convolutions with shift and scale each",
            {},
            kept,
            "trained with lengstrom's code, which is for research only",
        )
    ]
