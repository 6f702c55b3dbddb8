"""What tells real pictures from translated ones: of CycleGAN, and of U-GAT-IT.

Each takes (N, 3, H, W) RGB in 0..1 and returns its verdicts, a list of tensors that are to be 1
everywhere for a real picture and 0 for a translated one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.vgg import Vgg16

_SLOPE = 0.2
_LOCAL, _WHOLE = 5, 7  # layers
_LAST_PX = 4  # cells that the last layers need
_SEEN = {"relu2_2": 128, "relu3_3": 256, "relu4_3": 512}  # and their channels
_HEAD = 64  # channels


class PatchDiscriminator(nn.Module):
    """Judges patches of 70 by 70 pixels.

    Source: Isola et al. 2017, section 6.1.2, with the norms of Zhu et al. 2017, section 4. With
    ``sees_palette`` it has spectral norms instead (Miyato et al. 2018) but in its last layer: norms
    of a crop take its colours away, and on few cores that is most of what can be learnt.
    """

    def __init__(self, width: int = 64, sees_palette: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, outputs = 3, width
        for stride in (2, 2, 2, 1):
            conv = nn.Conv2d(inputs, outputs, 4, stride, 1)
            layers.append(spectral_norm(conv) if sees_palette else _begun(conv))
            if layers[1:] and not sees_palette:
                layers.append(nn.InstanceNorm2d(outputs))
            layers.append(nn.LeakyReLU(_SLOPE))
            inputs, outputs = outputs, 2 * outputs
        last = nn.Conv2d(inputs, 1, 4, 1, 1)
        self.layers = nn.Sequential(*layers, last if sees_palette else _begun(last))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return one verdict, on each patch."""
        return [self.layers(image * 2 - 1)]


class FeatureDiscriminator(nn.Module):
    """Judges by what a frozen VGG16 sees in the picture at half its size, and by patches.

    Source: Sauer et al. 2021 (projected GANs): what was learnt from a million photos need not be
    learnt again from some dozens of paintings, so it takes a fraction of the steps. Theirs sees by
    EfficientNet and mixes its layers at random; ours has a head for each of three layers.

    pictures: (N, 3, H, W) RGB in 0..1, some of both sets, by which the features are brought to one
    size.
    """

    def __init__(self, width: int, vgg: Vgg16, pictures: Tensor) -> None:
        super().__init__()
        self._vgg = (vgg,)  # in a tuple: it is neither trained nor kept in checkpoints
        self.patches = PatchDiscriminator(width, sees_palette=True)
        self.heads = nn.ModuleDict({layer: _head(inputs) for layer, inputs in _SEEN.items()})
        for layer, seen in self._see(pictures).items():
            size = seen.square().mean((0, 2, 3), keepdim=True).sqrt()
            self.register_buffer(f"size_{layer}", size + size.mean() / 10)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return four verdicts: on each patch, and on each place of three layers."""
        seen = self._see(image)
        judged = [head(seen[k] / getattr(self, f"size_{k}")) for k, head in self.heads.items()]
        return [*self.patches(image), *judged]

    def _see(self, image: Tensor) -> dict[str, Tensor]:
        return self._vgg[0](F.avg_pool2d(image, 2), tuple(_SEEN))


def _head(inputs: int) -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(inputs, _HEAD, 1)),
        nn.LeakyReLU(_SLOPE),
        spectral_norm(nn.Conv2d(_HEAD, _HEAD, 3, padding=1)),
        nn.LeakyReLU(_SLOPE),
        nn.Conv2d(_HEAD, 1, 1),
    )


def _begun(conv: nn.Conv2d) -> nn.Conv2d:
    """Return ``conv`` as Zhu et al. 2017 begin: a deviation of 0.02."""
    nn.init.normal_(conv.weight, 0, 0.02)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


class AttentiveDiscriminator(nn.Module):
    """Judges patches, and the picture by its class activation.

    Source: Kim et al. 2020, section 2.1.2 and appendix (spectral norms, mirrored borders).
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        down: list[nn.Module] = []
        inputs, outputs = 3, width
        for number in range(layers - 1):
            stride = 1 if number == layers - 2 else 2
            down += [nn.ReflectionPad2d(1), spectral_norm(nn.Conv2d(inputs, outputs, 4, stride))]
            down += [nn.LeakyReLU(_SLOPE)]
            inputs, outputs = outputs, 2 * outputs
        self.down = nn.Sequential(*down)
        self.by_mean = spectral_norm(nn.Linear(inputs, 1, bias=False))
        self.by_most = spectral_norm(nn.Linear(inputs, 1, bias=False))
        self.merge = nn.Conv2d(2 * inputs, inputs, 1)
        self.judge = spectral_norm(nn.Conv2d(inputs, 1, 4, bias=False))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return two verdicts: on each patch, and by mean and maximum of what it sees."""
        x = self.down(image * 2 - 1)
        logits = torch.cat([self.by_mean(x.mean((2, 3))), self.by_most(x.amax((2, 3)))], 1)
        attended = [x * fc.weight[:, :, None, None] for fc in (self.by_mean, self.by_most)]
        x = F.leaky_relu(self.merge(torch.cat(attended, 1)), _SLOPE)
        return [self.judge(F.pad(x, (1, 1, 1, 1), mode="reflect")), logits]


class LocalAndWhole(nn.Module):
    """Both discriminators of U-GAT-IT for one set of pictures.

    The larger one has seven layers at 256 px, and as many fewer as a smaller picture asks for.
    """

    def __init__(self, width: int, size_px: int) -> None:
        super().__init__()
        most = (size_px // _LAST_PX).bit_length() + 1
        self.judges = nn.ModuleList(
            AttentiveDiscriminator(width, min(layers, most)) for layers in (_LOCAL, _WHOLE)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the verdicts of both."""
        return [verdict for judge in self.judges for verdict in judge(image)]
