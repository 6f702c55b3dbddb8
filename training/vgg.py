"""VGG16 (Simonyan & Zisserman 2015) up to relu4_3, as the losses see pictures.

Reads two published weight files.

Caffe convention (our safetensors file): BGR, 0..255, channel means taken off. torchvision
convention (the published ``vgg16-397923af.pth``): RGB, 0..1, normalised. The filters differ, so
features differ; layout and use are the same.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from engines.errors import TrainingError
from engines.folders import cache_dir

_CHANNELS = {1: (3, 64, 64), 2: (64, 128, 128), 3: (128, 256, 256, 256), 4: (256, 512, 512, 512)}
LAYERS = tuple(
    f"relu{block}_{i}" for block, widths in _CHANNELS.items() for i in range(1, len(widths))
)
# Index of conv{block}_{i} in torchvision's `features`: convolutions, activations and pools are
# counted.
_TORCHVISION = {
    "conv1_1": 0,
    "conv1_2": 2,
    "conv2_1": 5,
    "conv2_2": 7,
    "conv3_1": 10,
    "conv3_2": 12,
    "conv3_3": 14,
    "conv4_1": 17,
    "conv4_2": 19,
    "conv4_3": 21,
}
TORCHVISION_URL = "https://download.pytorch.org/models/vgg16-397923af.pth"


class Vgg16(nn.Module):
    """VGG16's convolutions up to relu4_3, frozen.

    ``mean`` and ``gain`` bring RGB 0..1 to what the filters were trained on; ``flip``: to BGR
    first.
    """

    def __init__(
        self, state: dict[str, Tensor], mean: tuple[float, ...], gain: tuple[float, ...], flip: bool
    ) -> None:
        super().__init__()
        self.flip = flip
        self.convs = nn.ModuleDict()
        for block, widths in _CHANNELS.items():
            for i, (inputs, outputs) in enumerate(pairwise(widths), start=1):
                self.convs[f"conv{block}_{i}"] = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.convs.load_state_dict(state)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("gain", torch.tensor(gain).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, image: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Return the named activations, each (N, C, H/2^k, W/2^k).

        image: (N, 3, H, W) float, RGB 0..1, sides of at least 8.
        """
        x = (image.flip(1) if self.flip else image) * self.gain - self.mean
        x = x.to(dtype=self.convs["conv1_1"].weight.dtype, memory_format=torch.channels_last)
        features: dict[str, Tensor] = {}
        for name, conv in self.convs.items():
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = F.relu(conv(x), inplace=True)
            layer = name.replace("conv", "relu")
            if layer in layers:
                features[layer] = x
            if len(features) == len(layers):
                return features
        raise ValueError(f"layers must be among {LAYERS}, got {layers}")


def load_vgg(path: Path | None, may_download: bool = True) -> Vgg16:
    """Load VGG16 from a Caffe-convention safetensors file or a torchvision state dict.

    The content tells the kind, not the name. Without ``path``, torchvision's is downloaded, if it
    may be. Raises TrainingError if the file is neither, or cannot be had.
    """
    path = path or _download(may_download)
    if not path.is_file():
        raise TrainingError(
            f"--vgg {path}: no such file. Leave --vgg out to download {TORCHVISION_URL} (528 MB)."
        )
    try:
        caffe = _read_caffe(path)
        return (
            _from_caffe(caffe)
            if caffe
            else _from_torchvision(torch.load(path, map_location="cpu", weights_only=True))
        )
    except Exception as error:
        raise TrainingError(
            f"--vgg {path}: neither VGG16 as safetensors (conv1_1.weight ...) "
            f"nor torchvision's vgg16 ({error})."
        ) from error


def _from_caffe(state: dict[str, Tensor]) -> Vgg16:
    return Vgg16(state, mean=(103.939, 116.779, 123.68), gain=(255.0,) * 3, flip=True)


def _from_torchvision(state: dict[str, Tensor]) -> Vgg16:
    std = (0.229, 0.224, 0.225)
    mean = tuple(m / s for m, s in zip((0.485, 0.456, 0.406), std, strict=True))
    named = {
        f"{k}.{part}": state[f"features.{i}.{part}"]
        for k, i in _TORCHVISION.items()
        for part in ("weight", "bias")
    }
    return Vgg16(named, mean=mean, gain=tuple(1 / s for s in std), flip=False)


def _read_caffe(path: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a safetensors file; None if it is not one.

    Such a file starts with the length of its header and a brace.
    """
    with path.open("rb") as file:
        if file.read(9)[8:] != b"{":
            return None
    with safe_open(str(path), framework="pt") as file:
        return {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (not a dict)


def _download(may_download: bool) -> Path:
    """Return torchvision's published file, downloaded into the cache folder if it is not there.

    It is checked against the SHA-256 prefix that its name carries. Raises TrainingError if it
    cannot be had.
    """
    name = TORCHVISION_URL.rsplit("/", 1)[1]
    target = cache_dir() / name
    if target.is_file():
        return target
    if not may_download:
        raise TrainingError(
            "VGG16's weights are not here yet (528 MB). --refine S at the start downloads them, "
            "once; --vgg FILE names those that you have."
        )
    prefix = name.removesuffix(".pth").rsplit("-", 1)[1]
    try:
        torch.hub.download_url_to_file(TORCHVISION_URL, str(target), prefix, progress=False)
    except OSError as error:
        raise TrainingError(
            f"could not download {TORCHVISION_URL} ({error}). "
            "Fetch it elsewhere and pass it as --vgg FILE."
        ) from error
    except RuntimeError as error:  # PyTorch's, for another SHA-256
        raise TrainingError(
            f"{TORCHVISION_URL}: the download is damaged ({error}). Try again."
        ) from error
    return target
