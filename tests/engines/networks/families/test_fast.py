from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

import engines.styles
from engines.networks import build_network, network_families
from engines.networks.families.fast import Fast
from engines.networks.frame_graph import FrameGraph
from engines.networks.layers import parameter_count, round_to_bytes, settle_bytes
from engines.networks.weights import load_weights
from export.pictures import read_pictures


def network() -> Fast:
    torch.manual_seed(1)
    built = build_network("fast", 3, width=16, deep=24, blocks=2)
    with torch.no_grad():
        built.rows.normal_(0, 0.2)
    return built


def test_families_are_found():
    assert {"fast", "transformer_net", "resnet_generator"} <= set(network_families())


def test_bundled_size_is_within_its_budget():
    """Two bytes a parameter in the model file and one in its int8 sibling: 3 MB for all of it."""
    assert parameter_count(build_network("fast", 14)) == 621_348
    styles = Path(engines.styles.__path__[0])
    assert (
        sum((styles / name).stat().st_size for name in ("gallery.onnx", "gallery.int8.onnx"))
        <= 3_000_000
    )


@pytest.mark.parametrize("size", [(64, 48), (33, 47), (1, 1), (2, 9)])
def test_keeps_the_size(size: tuple[int, int]):
    out = network().eval()(torch.rand(2, 3, *size), torch.eye(3)[:2])
    assert out.shape == (2, 3, *size)


@pytest.mark.parametrize("size", [(64, 48), (33, 47), (1, 1), (2, 9)])
def test_frames_are_painted_as_pictures_are(size: tuple[int, int]):
    """What is exported works on cells in another order than what is trained; the network that it is
    given stays as it is.
    """
    built = network().eval()
    weights = copy.deepcopy(built.state_dict())
    frame, mix = (
        torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8),
        torch.tensor([[0.2, 0.5, 0.3], [1.0, 0, 0]]),
    )
    style = torch.cat([torch.tensor([[0.25], [0.0]]), mix * torch.tensor([[0.75], [1.0]])], dim=1)
    out = FrameGraph(built).eval()(frame, style).float()
    pixels = frame.permute(0, 3, 1, 2).float()
    share = style[:, 0, None, None, None]
    expected = share * pixels + (1 - share) * built(pixels / 255, mix).clamp(0, 1) * 255
    assert (out - expected.permute(0, 2, 3, 1)).abs().max() < 0.51
    assert all(torch.equal(value, weights[name]) for name, value in built.state_dict().items())


def test_paintings_differ_and_blend():
    built = network().eval()
    image = torch.rand(1, 3, 32, 32)
    first, second, between = (
        built(image, torch.tensor([m])) for m in ([1.0, 0, 0], [0, 1.0, 0], [0.5, 0.5, 0])
    )
    assert (first - second).abs().mean() > 1e-3
    assert not torch.equal(between, first)


def test_starts_by_giving_the_picture_back():
    torch.manual_seed(0)
    built = build_network("fast", 1, width=48, blocks=2).eval()
    image = torch.rand(1, 3, 64, 64)
    assert (built(image, torch.ones(1, 1)) - image).abs().mean() < 0.05


def canvas_network() -> Fast:
    torch.manual_seed(1)
    built = build_network("fast", 3, width=16, deep=24, blocks=2, canvas=2)
    with torch.no_grad():
        built.rows.normal_(0, 0.2)
    return built.eval()


@pytest.mark.parametrize("size", [(64, 48), (33, 47), (2, 9)])
def test_a_canvas_of_zeros_equals_none(size: tuple[int, int]):
    built = canvas_network()
    image, mix = torch.rand(2, 3, *size), torch.eye(3)[:2]
    cells = (-(-size[0] // 8) + 1, -(-size[1] // 8) + 1)
    plain = built(image, mix)
    assert plain.shape == image.shape
    torch.testing.assert_close(built(image, mix, torch.zeros(2, 2, *cells)), plain)
    assert (built(image, mix, torch.randn(2, 2, *cells)) - plain).abs().mean() > 1e-3


def test_a_canvas_without_strength_equals_none_and_begins_so():
    built, plain = canvas_network(), network().eval()
    strengths = 3 * 24 * 2  # after the way down and each of two blocks
    assert built.rows.shape[1] == plain.rows.shape[1] + strengths
    assert not build_network("fast", 1, canvas=2).rows.any()
    plain.rows.data = built.rows.data[:, :-strengths].clone()
    built.rows.data[:, -strengths:] = 0
    image, mix, canvas = torch.rand(1, 3, 64, 48), torch.eye(3)[:1], torch.randn(1, 2, 9, 7)
    assert torch.equal(built(image, mix, canvas), built(image, mix))
    plain.load_state_dict({**built.state_dict(), "rows": plain.rows.data})
    torch.testing.assert_close(built(image, mix), plain(image, mix))
    with pytest.raises(RuntimeError):
        plain(image, mix, canvas)  # has no strengths for it


@pytest.mark.parametrize("make", [network, canvas_network])
def test_a_row_from_outside_paints_as_one_of_its_own(make):
    built = make().eval()
    image, canvas = torch.rand(1, 3, 33, 47), torch.randn(1, 2, 6, 7)
    noise = {"canvas": canvas} if built.canvas_channels else {}
    own = built(image, torch.tensor([[0.3, 0.0, 0.7]]), **noise)
    mix, row = torch.tensor([[0.3, 0.0, 0.0, 0.7]]), built.rows[None, 2]
    torch.testing.assert_close(built(image, mix, row=row, **noise), own)
    nothing = torch.tensor([[0.3, 0.0, 0.7, 0.0]])
    torch.testing.assert_close(built(image, nothing, row=torch.ones_like(row), **noise), own)
    assert row.shape[1] == built.row_length


def test_training_traces_what_is_painted_from_the_canvas():
    built, canvas = canvas_network(), torch.randn(1, 2, 9, 7)
    image, mix = torch.rand(1, 3, 64, 48), torch.eye(3)[:1]
    painted, features = built.paint_traced(image, mix, canvas)
    torch.testing.assert_close(painted, built(image, mix, canvas))
    assert features.shape == (1, 16, 16, 12)


def test_an_even_area_repeats_itself_only_without_a_canvas():
    built = canvas_network()
    image, mix = torch.full((1, 3, 64, 64), 0.5), torch.eye(3)[:1]

    def difference_of_cells(out: torch.Tensor) -> float:
        cells = out.reshape(1, 3, 8, 8, 8, 8)[:, :, 2:6, :, 2:6]  # the border is another matter
        return (cells - cells[:, :, :1, :, :1]).abs().max().item()

    assert difference_of_cells(built(image, mix)) < 1e-5
    assert difference_of_cells(built(image, mix, torch.randn(1, 2, 9, 9))) > 1e-2


def test_the_border_is_not_a_frame():
    """A flat picture comes out flat up to its border, which no convolution can tell."""
    built = build_network("fast", 1, width=16, deep=16, blocks=1).eval()
    out = built(torch.full((1, 3, 64, 64), 0.5), torch.ones(1, 1))
    cells = out.reshape(1, 3, 8, 8, 8, 8)
    assert (cells - cells[:, :, 4:5, :, 4:5]).abs().max() < 1e-5


def test_the_bundled_styles_draw_no_bar_along_the_border():
    """Where the last convolution saw a repeated edge, The Scream had a bar of four rows, 34 of 255
    from those below it.
    """
    network, _ = load_weights(Path(engines.styles.__path__[0]) / "gallery.safetensors")
    photo = (
        torch.from_numpy(read_pictures(None, 3)[2][:240, :320].copy()).permute(2, 0, 1)[None] / 255
    )
    for mix in torch.eye(network.rows.shape[0]).split(1):
        with torch.no_grad():
            out = network.eval()(photo, mix).clamp(0, 1) * 255
        cell = network.fine_px
        for rows in (out, out.flip(2)):
            border, inner = rows[:, :, :cell], rows[:, :, cell : 3 * cell]
            assert (border.mean((2, 3)) - inner.mean((2, 3))).abs().max() < 15


def test_rounded_weights_are_exact_in_float16_and_stay():
    weight = torch.randn(8, 4, 3, 3)
    rounded = round_to_bytes(weight)
    assert torch.equal(round_to_bytes(rounded), rounded)
    assert torch.equal(rounded.half().float(), rounded)
    largest = weight.abs().amax((1, 2, 3), keepdim=True)
    # The step is up to 1/16 smaller than 1/63 of the largest, which is clipped by as much.
    assert (
        (rounded - weight).abs() <= largest / 63 / 2 + largest / 16 * (weight.abs() > 0.9 * largest)
    ).all()


def test_training_sees_the_weights_that_ship():
    torch.manual_seed(0)
    built = network()
    image = torch.rand(1, 3, 32, 32)
    seen = built.train()(image, torch.eye(3)[:1])
    seen.sum().backward()
    assert built.down.conv.weight.grad.abs().sum() > 0
    shipped = settle_bytes(copy.deepcopy(built)).eval()
    shipped.rows.data = built.rows.data
    torch.testing.assert_close(shipped(image, torch.eye(3)[:1]), seen)
