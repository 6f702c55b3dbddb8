"""Families that import: against each network written once more from its published listing.

The listings are: `models/networks.py` of junyanz/pytorch-CycleGAN-and-pix2pix, `networks.py` of
znxlwm/UGATIT-pytorch (its first and its present variance), `model.py` of
bryandlee/animegan2-pytorch, `network.py` of changgyhub/reconet, `src/transform.py` of
lengstrom/fast-style-transfer. Names come from there, weights are random.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.networks import build_network
from engines.networks.checkpoint import Reading


def read(family: str, state: dict[str, Tensor], variant: str = "") -> Reading:
    readings = importlib.import_module(f"engines.networks.families.{family}").take_checkpoint(state)
    return next(r for r in readings if r.name == (variant or family))


def paint(reading: Reading, image: Tensor) -> Tensor:
    network = build_network(reading.family, 1, **reading.config)
    network.load_state_dict(reading.state)
    with torch.inference_mode():
        return network.eval()(image, torch.ones(1, 1))


def assert_same(painted: Tensor, expected: Tensor) -> None:
    assert expected.std() > 0.01, "a blank picture proves nothing"
    assert (painted - expected).abs().mean() < 1e-4


@pytest.fixture
def image() -> Tensor:
    torch.manual_seed(0)
    return F.interpolate(torch.rand(1, 3, 12, 16), (48, 64), mode="bilinear")


class Residual(nn.Module):
    def __init__(self, block: nn.Sequential, name: str) -> None:
        super().__init__()
        self.add_module(name, block)
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        return x + getattr(self, self.name)(x)


def cyclegan(
    blocks: int, norm: str, block_name: str = "conv_block", dropout: bool = False, up: str = "conv"
) -> nn.Module:
    """`ResnetGenerator` of the listing, 8 channels wide, as the attribute `model` of a module."""

    def normed(channels: int) -> nn.Module:
        if norm == "batch":
            made = nn.BatchNorm2d(channels)
            nn.init.uniform_(made.running_mean, -0.1, 0.1)
            nn.init.uniform_(made.running_var, 0.5, 2)
            return made
        return nn.InstanceNorm2d(channels, affine=norm == "affine")

    bias = norm != "batch"
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, 8, 7, bias=bias), normed(8)]
    layers.append(nn.ReLU(True))
    for c in (8, 16):
        layers += [nn.Conv2d(c, 2 * c, 3, 2, 1, bias=bias), normed(2 * c), nn.ReLU(True)]
    for _ in range(blocks):
        inner = [nn.ReflectionPad2d(1), nn.Conv2d(32, 32, 3, bias=bias), normed(32), nn.ReLU(True)]
        inner += [nn.Dropout(0.5)] if dropout else []
        inner += [nn.ReflectionPad2d(1), nn.Conv2d(32, 32, 3, bias=bias), normed(32)]
        layers.append(Residual(nn.Sequential(*inner), block_name))
    for c in (32, 16):
        if up == "conv":
            layers.append(nn.ConvTranspose2d(c, c // 2, 3, 2, 1, 1, bias=bias))
        else:  # eriklindernoren/PyTorch-GAN
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(c, c // 2, 3, 1, 1)]
        layers += [normed(c // 2), nn.ReLU(True)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(8, 3, 7), nn.Tanh()]
    whole = nn.Module()
    whole.model = nn.Sequential(*layers)
    for name, value in whole.named_parameters():
        if "weight" in name and value.ndim == 1:
            nn.init.uniform_(value, 0.5, 2)
    return whole.eval()


@pytest.mark.parametrize(
    "how",
    [
        {"blocks": 9, "norm": "instance"},
        {"blocks": 6, "norm": "affine", "block_name": "block"},
        {"blocks": 6, "norm": "batch", "dropout": True},
        {"blocks": 2, "norm": "affine", "dropout": True},
        {"blocks": 9, "norm": "instance", "up": "nearest"},
    ],
    ids=str,
)
def test_cyclegan(image: Tensor, how: dict):
    torch.manual_seed(1)
    published = cyclegan(**how)
    state = published.state_dict()
    if how["norm"] == "instance":  # files of old PyTorch versions carry what is never read
        state = {**state, "model.2.running_mean": torch.ones(8)}
    reading = read("resnet_generator", state)
    assert f"{how['blocks']} blocks" in reading.what
    with torch.inference_mode():
        expected = published.model(image * 2 - 1) / 2 + 0.5
    assert_same(paint(reading, image), expected)


def test_cyclegan_of_another_size_is_not_taken():
    published = cyclegan(2, "instance").state_dict()
    published["model.1.weight"] = torch.zeros(8, 4, 7, 7)
    module = importlib.import_module("engines.networks.families.resnet_generator")
    assert module.take_checkpoint(published) == []


def ugatit(state: dict[str, Tensor], x: Tensor, blocks: int, nested: bool, light: bool) -> Tensor:
    """`ResnetGenerator.forward` of the listing, over a state dict."""

    def conv(x: Tensor, name: str, pad: int, stride: int = 1) -> Tensor:
        return F.conv2d(F.pad(x, (pad,) * 4, mode="reflect"), state[f"{name}.weight"], None, stride)

    def norm(x: Tensor, rho: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        def variance(axes: list[int]) -> Tensor:
            if not nested:
                return torch.var(x, dim=axes, keepdim=True)
            y = x
            for axis in axes:
                y = torch.var(y, dim=axis, keepdim=True)
            return y

        inside, over = [2, 3], [1, 2, 3]
        a = (x - x.mean(inside, keepdim=True)) / torch.sqrt(variance(inside) + 1e-5)
        b = (x - x.mean(over, keepdim=True)) / torch.sqrt(variance(over) + 1e-5)
        return (rho * a + (1 - rho) * b) * gamma + beta

    x = F.relu(F.instance_norm(conv(x, "DownBlock.1", 3)))
    x = F.relu(F.instance_norm(conv(x, "DownBlock.5", 1, 2)))
    x = F.relu(F.instance_norm(conv(x, "DownBlock.9", 1, 2)))
    for i in range(blocks):
        y = F.relu(F.instance_norm(conv(x, f"DownBlock.{12 + i}.conv_block.1", 1)))
        x = x + F.instance_norm(conv(y, f"DownBlock.{12 + i}.conv_block.5", 1))
    gap, gmp = (x * state[f"{n}_fc.weight"].unsqueeze(2).unsqueeze(3) for n in ("gap", "gmp"))
    x = torch.cat([gap, gmp], 1)
    x = F.relu(F.conv2d(x, state["conv1x1.weight"], state["conv1x1.bias"]))
    code = F.adaptive_avg_pool2d(x, 1).flatten(1) if light else x.flatten(1)
    code = F.relu(F.linear(F.relu(F.linear(code, state["FC.0.weight"])), state["FC.2.weight"]))
    told = [F.linear(code, state[f"{n}.weight"])[:, :, None, None] for n in ("gamma", "beta")]
    for i in range(1, blocks + 1):
        name = f"UpBlock1_{i}"
        y = F.relu(norm(conv(x, f"{name}.conv1", 1), state[f"{name}.norm1.rho"], *told))
        x = x + norm(conv(y, f"{name}.conv2", 1), state[f"{name}.norm2.rho"], *told)
    for place in (2, 7):
        x = conv(F.interpolate(x, scale_factor=2), f"UpBlock2.{place}", 1)
        own = (state[f"UpBlock2.{place + 1}.{n}"] for n in ("rho", "gamma", "beta"))
        x = F.relu(norm(x, *own))
    return torch.tanh(conv(x, "UpBlock2.11", 3))


def ugatit_state(blocks: int, light: bool, size_px: int = 32) -> dict[str, Tensor]:
    """Names of the listing, 4 channels wide."""
    torch.manual_seed(2)
    first = 16 if light else 16 * (size_px // 4) ** 2
    shapes: dict[str, tuple[int, ...]] = {
        "DownBlock.1.weight": (4, 3, 7, 7),
        "DownBlock.5.weight": (8, 4, 3, 3),
        "DownBlock.9.weight": (16, 8, 3, 3),
        **{
            f"DownBlock.{12 + i}.conv_block.{n}.weight": (16, 16, 3, 3)
            for i in range(blocks)
            for n in (1, 5)
        },
        "gap_fc.weight": (1, 16),
        "gmp_fc.weight": (1, 16),
        "conv1x1.weight": (16, 32, 1, 1),
        "conv1x1.bias": (16,),
        "FC.0.weight": (16, first),
        "FC.2.weight": (16, 16),
        "gamma.weight": (16, 16),
        "beta.weight": (16, 16),
        **{
            f"UpBlock1_{i}.{part}{n}.{what}": (16, 16, 3, 3) if part == "conv" else (1, 16, 1, 1)
            for i in range(1, blocks + 1)
            for part, what in (("conv", "weight"), ("norm", "rho"))
            for n in (1, 2)
        },
        "UpBlock2.2.weight": (8, 16, 3, 3),
        "UpBlock2.7.weight": (4, 8, 3, 3),
        **{f"UpBlock2.3.{n}": (1, 8, 1, 1) for n in ("rho", "gamma", "beta")},
        **{f"UpBlock2.8.{n}": (1, 4, 1, 1) for n in ("rho", "gamma", "beta")},
        "UpBlock2.11.weight": (3, 4, 7, 7),
    }
    return {
        name: torch.rand(shape) * (0.9 if name.endswith("rho") else 1)
        if len(shape) == 4 and shape[0] == 1
        else torch.randn(shape) * 0.3
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("variant", ["ugatit", "ugatit_nested"])
def test_ugatit_light_in_both_conventions(image: Tensor, variant: str):
    state = ugatit_state(2, light=True)
    # Nested variances are small, so what they are divided by blows values up.
    state["UpBlock2.11.weight"] *= 0.02 if variant == "ugatit_nested" else 1
    reading = read("ugatit", state, variant)
    assert "light" in reading.what
    expected = ugatit(state, image * 2 - 1, 2, variant == "ugatit_nested", light=True)
    assert_same(paint(reading, image), expected / 2 + 0.5)


def test_ugatit_whole_has_one_size(image: Tensor):
    state = ugatit_state(4, light=False)
    reading = read("ugatit", state)
    assert reading.config["size_px"] == 32
    small = F.interpolate(image, (32, 32), mode="bilinear")
    expected = ugatit(state, small * 2 - 1, 4, nested=False, light=False) / 2 + 0.5
    expected = F.interpolate(expected, (48, 64), mode="bilinear")
    assert_same(paint(reading, image), expected)


def anime() -> nn.Module:
    """`Generator` of the listing."""

    def conv(i: int, o: int, kernel=3, stride=1, padding=1, groups=1, bias=False) -> nn.Sequential:
        return nn.Sequential(
            nn.ReflectionPad2d(padding),
            nn.Conv2d(i, o, kernel, stride, 0, groups=groups, bias=bias),
            nn.GroupNorm(num_groups=1, num_channels=o, affine=True),
            nn.LeakyReLU(0.2, inplace=True),
        )

    class Inverted(nn.Module):
        def __init__(self, i: int, o: int) -> None:
            super().__init__()
            self.same, wide = i == o, 2 * i
            self.layers = nn.Sequential(
                conv(i, wide, 1, padding=0),
                conv(wide, wide, groups=wide, bias=True),
                nn.Conv2d(wide, o, 1, bias=False),
                nn.GroupNorm(1, o),
            )

        def forward(self, x: Tensor) -> Tensor:
            return x + self.layers(x) if self.same else self.layers(x)

    net, far = nn.Module(), (0, 1, 0, 1)
    net.block_a = nn.Sequential(conv(3, 32, 7, padding=3), conv(32, 64, 3, 2, far), conv(64, 64))
    net.block_b = nn.Sequential(conv(64, 128, 3, 2, far), conv(128, 128))
    inner = [Inverted(128, 256), *(Inverted(256, 256) for _ in range(3))]
    net.block_c = nn.Sequential(conv(128, 128), *inner, conv(256, 128))
    net.block_d = nn.Sequential(conv(128, 128), conv(128, 128))
    net.block_e = nn.Sequential(conv(128, 64), conv(64, 64), conv(64, 32, 7, padding=3))
    net.out_layer = nn.Sequential(nn.Conv2d(32, 3, 1, bias=False), nn.Tanh())
    return net


def test_anime_generator(image: Tensor):
    torch.manual_seed(3)
    net = anime()
    with torch.inference_mode():
        half = net.block_a(image * 2 - 1)
        x = net.block_c(net.block_b(half))
        x = F.interpolate(x, half.shape[-2:], mode="bilinear", align_corners=True)
        x = F.interpolate(net.block_d(x), (48, 64), mode="bilinear", align_corners=True)
        expected = net.out_layer(net.block_e(x)) / 2 + 0.5
    reading = read("anime_generator", net.state_dict())
    assert "non-commercial" in reading.terms
    assert_same(paint(reading, image), expected)


@pytest.mark.parametrize(("width", "blocks"), [(32, 5), (48, 4), (24, 3)])
def test_reconet(image: Tensor, width: int, blocks: int):
    torch.manual_seed(4)
    layout = {"style_conv1": (width, 3, 9), "style_conv2": (2 * width, width, 3)}
    layout |= {"style_conv3": (4 * width, 2 * width, 3), "style_deconv3": (3, width, 9)}
    layout |= {"style_deconv1": (2 * width, 4 * width, 3), "style_deconv2": (width, 2 * width, 3)}
    state: dict[str, Tensor] = {}
    for name, (o, i, k) in layout.items():
        state[f"{name}.conv2d.weight"] = torch.randn(o, i, k, k)
        state[f"{name}.conv2d.bias"] = torch.randn(o)
        if name != "style_deconv3":
            state[f"{name}.instance.weight"] = torch.rand(o) + 0.5
            state[f"{name}.instance.bias"] = torch.randn(o)
    for b in range(1, blocks + 1):
        for n in (1, 2):
            state[f"style_res{b}.conv{n}.conv2d.weight"] = torch.randn(4 * width, 4 * width, 3, 3)
            state[f"style_res{b}.conv{n}.conv2d.bias"] = torch.randn(4 * width)
            state[f"style_res{b}.in{n}.weight"] = torch.rand(4 * width)
            state[f"style_res{b}.in{n}.bias"] = torch.randn(4 * width)

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight, bias = state[f"{name}.conv2d.weight"], state[f"{name}.conv2d.bias"]
        return F.conv2d(
            F.pad(x, (weight.shape[-1] // 2,) * 4, mode="reflect"), weight, bias, stride
        )

    def normed(x: Tensor, name: str) -> Tensor:
        return F.instance_norm(x, weight=state[f"{name}.weight"], bias=state[f"{name}.bias"])

    x = image * 255
    for n, stride in ((1, 1), (2, 2), (3, 2)):
        x = F.relu(normed(conv(x, f"style_conv{n}", stride), f"style_conv{n}.instance"))
    for b in range(1, blocks + 1):
        y = F.relu(normed(conv(x, f"style_res{b}.conv1"), f"style_res{b}.in1"))
        x = x + normed(conv(y, f"style_res{b}.conv2"), f"style_res{b}.in2")
    for n in (1, 2):
        x = conv(F.interpolate(x, scale_factor=2), f"style_deconv{n}")
        x = F.relu(normed(x, f"style_deconv{n}.instance"))
    expected = (torch.tanh(conv(x, "style_deconv3") / 255) * 150 + 127.5) / 255
    assert_same(paint(read("reconet", state), image), expected)


def test_variables_of_tensorflow(image: Tensor):
    """As TensorFlow computes: SAME pads behind, and a transposed convolution is its gradient."""
    generator = np.random.default_rng(5)
    shapes = [(9, 9, 3, 32), (3, 3, 32, 64), (3, 3, 64, 128), *[(3, 3, 128, 128)] * 10]
    shapes += [(3, 3, 64, 128), (3, 3, 32, 64), (9, 9, 32, 3)]
    state: dict[str, Tensor] = {}
    for n, shape in enumerate(shapes):
        outputs = shape[2] if n in (13, 14) else shape[3]
        for k, value in enumerate(
            (generator.normal(0, 0.1, shape), generator.normal(size=outputs), np.ones(outputs))
        ):
            name = f"Variable_{3 * n + k}" if n or k else "Variable"
            state[name] = torch.from_numpy(value.astype(np.float32))

    def layer(x: Tensor, n: int, stride: int = 1) -> Tensor:
        weight = state[f"Variable_{3 * n}" if n else "Variable"].permute(3, 2, 0, 1)
        if n in (13, 14):
            # The gradient of a SAME convolution with stride 2 to what it was given.
            given = torch.zeros(1, weight.shape[1], 2 * x.shape[2], 2 * x.shape[3])
            given.requires_grad_()
            made = F.conv2d(F.pad(given, (0, 1, 0, 1)), weight, stride=2)
            (x,) = torch.autograd.grad(made, given, x)
        else:
            over = weight.shape[-1] - stride
            ends = (over // 2, over - over // 2)
            x = F.conv2d(F.pad(x, (*ends, *ends)), weight, stride=stride)
        mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, unbiased=False)
        shift, scale = (state[f"Variable_{3 * n + k}"][None, :, None, None] for k in (1, 2))
        return (x - mean) / (var + 1e-3) ** 0.5 * scale + shift

    x = F.relu(layer(F.relu(layer(F.relu(layer(image * 255, 0)), 1, 2)), 2, 2))
    for n in range(3, 13, 2):
        x = x + layer(F.relu(layer(x, n)), n + 1)
    x = layer(F.relu(layer(F.relu(layer(x, 13)), 14)), 15)
    expected = (torch.tanh(x) * 150 + 127.5) / 255
    assert_same(paint(read("tf_style_net", state), image), expected)


def _normed_layer(state: dict[str, Tensor], x: Tensor, name: str, stride: int) -> Tensor:
    if f"{name}.conv_transpose.weight" in state:
        w, b = (state[f"{name}.conv_transpose.{n}"] for n in ("weight", "bias"))
        x = F.conv_transpose2d(x, w, b, 2, 1, 1)
    else:
        w, b = (state[f"{name}.conv_layer.{n}"] for n in ("weight", "bias"))
        x = F.conv2d(F.pad(x, (w.shape[-1] // 2,) * 4, mode="reflect"), w, b, stride)
    if f"{name}.norm_layer.weight" not in state:
        return x
    scale, shift = (state[f"{name}.norm_layer.{n}"] for n in ("weight", "bias"))
    return F.instance_norm(x, weight=scale, bias=shift)


@pytest.mark.parametrize("kernels", [(3, 3), (1, 3, 1)], ids=["plain", "ResNeXt"])
def test_transformer_network(image: Tensor, kernels: tuple[int, ...]):
    """`transformer.py` and `experimental.py` of rrmina/fast-neural-style-pytorch; BGR by OpenCV."""
    torch.manual_seed(6)
    inner = (16, 16) if len(kernels) == 2 else (8, 8, 16)
    state: dict[str, Tensor] = {}

    def add(name: str, shape: tuple[int, ...], outputs: int, norm: bool = True) -> None:
        kind = "conv_transpose" if name in ("DeconvBlock.0", "DeconvBlock.2") else "conv_layer"
        state[f"{name}.{kind}.weight"] = torch.randn(shape)
        state[f"{name}.{kind}.bias"] = torch.randn(outputs)
        if norm:
            state[f"{name}.norm_layer.weight"] = torch.rand(outputs) * 20
            state[f"{name}.norm_layer.bias"] = torch.randn(outputs)

    for n, (i, o, k) in enumerate(((3, 4, 9), (4, 8, 3), (8, 16, 3))):
        add(f"ConvBlock.{2 * n}", (o, i, k, k), o)
    for b in range(5):
        for n, (o, k) in enumerate(zip(inner, kernels, strict=True), start=1):
            i = 16 if n == 1 else inner[n - 2]
            add(f"ResidualBlock.{b}.conv{n}", (o, i, k, k), o)
    add("DeconvBlock.0", (16, 8, 3, 3), 8)
    add("DeconvBlock.2", (8, 4, 3, 3), 4)
    add("DeconvBlock.4", (3, 4, 9, 9), 3, norm=False)

    def layer(x: Tensor, name: str, stride: int = 1) -> Tensor:
        return _normed_layer(state, x, name, stride)

    x = image[:, [2, 1, 0]] * 255
    for n, stride in ((0, 1), (2, 2), (4, 2)):
        x = F.relu(layer(x, f"ConvBlock.{n}", stride))
    for b in range(5):
        y = layer(x, f"ResidualBlock.{b}.conv1")
        for n in range(2, len(kernels) + 1):
            y = layer(F.relu(y), f"ResidualBlock.{b}.conv{n}")
        x = x + y
    x = F.relu(layer(F.relu(layer(x, "DeconvBlock.0")), "DeconvBlock.2"))
    expected = layer(x, "DeconvBlock.4")[:, [2, 1, 0]] / 255
    assert_same(paint(read("transformer_network", state), image), expected)
