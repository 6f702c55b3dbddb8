"""MicroAST, which takes any picture as a style, to be measured beside ours.

Wang et al. 2023, "MicroAST: Towards Super-Fast Ultra-Resolution Arbitrary Style Transfer" (AAAI):
two small encoders, a modulator that turns what one sees in the style into gains and shifts of
filters, and a decoder. Written from what is published of it and the shapes of its weights; what
those leave open is as the weights paint cleanly (bilinear steps up, for one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.errors import UsageError
from training.data import read_photo, resize_short_side
from training.evaluate.candidates import Paint, PaintedStyle

NAME = "MicroAST"
_PARTS = ("content_encoder", "style_encoder", "modulator", "decoder")
_STYLE_PX = 512  # of a style's short side, as it was trained
_EPSILON = 1e-5
_Weights = dict[str, Tensor]


class _Signals(NamedTuple):
    """What a style says at one of the two depths: features, gain and shift, (1, C, h, w)."""

    features: Tensor
    gain: Tensor
    shift: Tensor


class MicroAstCandidate:
    """MicroAST with ``paintings``, from the ``folder`` that has its four published files.

    Raises UsageError where they are not there.
    """

    runtime, cell_px = "torch fp32 on cpu", None

    def __init__(self, folder: Path, paintings: list[PaintedStyle]) -> None:
        files = [folder / f"{part}.pth.tar" for part in _PARTS]
        missing = [path.name for path in files if not path.is_file()]
        if missing:
            raise UsageError(
                f"--peers {folder}: a folder is that of MicroAST's weights, and {missing[0]} is "
                "missing. They are published with its code; other peers are model files."
            )
        self._parts = [torch.load(p, map_location="cpu", weights_only=True) for p in files]
        self.styles = [replace(style, of=NAME) for style in paintings if style.painting]

    @contextmanager
    def start(self, size: tuple[int, int]) -> Iterator[Callable[[PaintedStyle], Paint]]:
        """Look at each style's painting once, not for each frame."""
        yield self._open_style

    def _open_style(self, style: PaintedStyle) -> Paint:
        content_encoder, style_encoder, modulator, decoder = self._parts
        assert style.painting is not None
        with torch.no_grad():
            painting = resize_short_side(read_photo(style.painting), _STYLE_PX)
            seen = _encode(_tensor(painting), style_encoder)
            signals = [
                _Signals(
                    features,
                    _convolve(features, modulator, f"weight{depth}.0").mean((2, 3), keepdim=True),
                    _convolve(features, modulator, f"bias{depth}.0").mean((2, 3), keepdim=True),
                )
                for depth, features in enumerate(seen, 1)
            ]

        def paint(pixels: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                painted = _decode(_encode(_tensor(pixels), content_encoder), signals, decoder)
            shown = painted[0, :, : pixels.shape[0], : pixels.shape[1]].clamp(0, 1)
            return np.ascontiguousarray((shown * 255).round().byte().permute(1, 2, 0).numpy())

        return paint


def _encode(image: Tensor, weights: _Weights) -> list[Tensor]:
    """Return the features of ``image``, (1, 3, H, W) in 0..1, at both depths, at a quarter."""
    x = image
    for layer, stride in ((0, 1), (2, 2), (4, 1), (6, 2), (8, 1)):
        x = F.relu(_convolve(x, weights, f"enc1.{layer}", stride))
    first = _residual(x, weights, "enc1.10")
    return [first, _residual(first, weights, "enc2.0")]


def _decode(content: list[Tensor], signals: list[_Signals], weights: _Weights) -> Tensor:
    x = _normalised_as(content[1], signals[1].features)
    x = _residual(x, weights, "dec1", signals[1])
    x = _residual(_normalised_as(x, signals[0].features), weights, "dec2", signals[0])
    for layers in ((1, 3), (6, 8)):
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear")
        for layer in layers:
            x = F.relu(_convolve(x, weights, f"dec3.{layer}"))
    return _convolve(x, weights, "dec3.10")


def _residual(x: Tensor, weights: _Weights, name: str, style: _Signals | None = None) -> Tensor:
    """Add two convolutions to ``x``; what each gives is modulated by ``style``."""
    y = x
    for number in (1, 2):
        filtered = _convolve(y, weights, f"{name}.conv{number}")
        y = filtered if style is None else style.gain * filtered + style.shift * y
        y = F.relu(y) if number == 1 else y
    return x + y


def _convolve(x: Tensor, weights: _Weights, name: str, stride: int = 1) -> Tensor:
    weight, bias = weights[f"{name}.conv_layer.weight"], weights[f"{name}.conv_layer.bias"]
    border = weight.shape[2] // 2
    padded = F.pad(x, (border,) * 4, mode="reflect")
    return F.conv2d(padded, weight, bias, stride, groups=x.shape[1] // weight.shape[1])


def _normalised_as(content: Tensor, style: Tensor) -> Tensor:
    """Give the channels of ``content`` mean and deviation of those of ``style`` (AdaIN).

    Huang & Belongie 2017, eq. 8.
    """
    of_content, of_style = (
        (x.mean((2, 3), keepdim=True), (x.var((2, 3), keepdim=True) + _EPSILON).sqrt())
        for x in (content, style)
    )
    return (content - of_content[0]) / of_content[1] * of_style[1] + of_style[0]


def _tensor(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255
