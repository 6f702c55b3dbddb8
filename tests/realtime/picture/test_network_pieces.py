"""Pieces of a frame, put together, are the whole.

For the networks that ship, in every precision that a CPU runs.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engines import EngineOptions, find_model, load_model, open_engine
from engines.errors import UsageError
from engines.fixed_statistics import fix_statistics
from engines.reach import Reach, reach_of
from engines.runtimes.passthrough import Passthrough
from realtime.frame import Frame
from realtime.look import Look
from realtime.picture.network_pieces import WHOLE_PIXELS, NetworkPieces, largest_piece, spans
from realtime.stylizer import Stylizer
from tests.realtime.properties import few_examples
from tests.small_frame import small_frame

REACH = Reach(104, 8)


def reaches() -> st.SearchStrategy[Reach]:
    """Networks that see some cells far, as all that ship do."""
    return st.builds(
        lambda cells, cell_px: Reach(cells * cell_px, cell_px),
        st.integers(1, 20),
        st.sampled_from([4, 8, 16]),
    )


@few_examples
@given(st.integers(1, 20_000), st.integers(256, 4096), reaches())
@example(257, 256, REACH)
@example(16_384, 333, REACH)
def test_pieces_are_alike_begin_at_cells_and_keep_their_distance(length, limit, reach):
    try:
        parts = spans(length, limit, reach)
    except UsageError as error:
        least = int(str(error).split("at least ")[1].split()[0])
        assert limit < least + reach.cell_px  # the rest of a cell is lost at the far side
        parts = spans(length, least + reach.cell_px, reach)
        limit = least + reach.cell_px
    assert len({part.length for part in parts}) == 1
    assert parts[0].length <= limit or length <= limit
    assert all(part.start % reach.cell_px == 0 for part in parts)
    assert [part.keep_from for part in parts] == [0, *(part.keep_to for part in parts[:-1])]
    assert parts[-1].keep_to == length
    for part in parts:
        assert part.start == 0 or part.keep_from - part.start >= reach.margin_px
        # Beyond, a cell is padded.
        seen_to = (part.start + part.length) // reach.cell_px * reach.cell_px
        assert part.start + part.length == length or seen_to - part.keep_to >= reach.margin_px
        assert part.keep_to > part.keep_from


@pytest.mark.parametrize(
    ("engine", "precision"), [("openvino", "fp32"), ("openvino", "int8"), ("onnxruntime", "int8")]
)
def test_pieces_of_the_bundled_network_are_the_whole(engine, precision):
    model = find_model(None, [])
    frame = small_frame(483, 645)
    style = np.eye(len(model.styles), dtype=np.float32)
    with open_engine(engine, model, EngineOptions(precision=precision), frame.shape[:2]) as opened:
        tiles = NetworkPieces(opened, 372)
        rows, columns = tiles.pieces(frame.shape[:2])
        assert len(rows) * len(columns) > 12
        for number in (1, 2, len(model.styles) - 1):
            whole = NetworkPieces(opened).start(frame, style[number])()
            pieces = tiles.start(frame, style[number])()
            assert np.abs(whole.astype(int) - pieces).max() <= 1
            assert (whole != pieces).mean() < 0.001


def test_the_reach_is_what_the_network_sees():
    """By the gradient: an output depends on no more pixels of the input, and on hardly fewer."""
    import torch

    from engines.networks import build_network
    from export.to_onnx import reach_metadata

    small, shipped = {"width": 16, "deep": 16, "blocks": 1}, {"width": 48, "deep": 64, "blocks": 4}
    for family, config in (("fast", small), ("fast", shipped), ("transformer_net", {})):
        torch.manual_seed(0)
        network = build_network(family, 1, **config).eval()
        for name, part in list(network.named_modules()):
            if isinstance(part, torch.nn.InstanceNorm2d):  # its statistics are another matter
                network.get_submodule(name.rpartition(".")[0]).register_module(
                    name.rpartition(".")[2], torch.nn.Identity()
                )
        for weight in network.parameters():  # positive everywhere: nothing cancels, no unit is dead
            weight.data = weight.data.abs() + 0.01
        model = replace(
            find_model(None, []), family=family, metadata={"config": json.dumps(config)}
        )
        reach = reach_of(model)
        written = replace(model, family="another", metadata=reach_metadata(network))
        assert reach_of(written) == reach, "a file that tells it itself"
        first = (reach.margin_px // 8 + 1) * 8
        last = first + reach.cell_px - 1
        seen = []
        for y, x in itertools.product((first, last), repeat=2):
            image = torch.full((1, 3, 2 * first + 8, 2 * first + 8), 0.9, requires_grad=True)
            network(image, torch.ones(1, 1))[0, :, y, x].sum().backward()
            hit = image.grad[0].abs().sum(0).nonzero()
            low, high = hit.min().item(), hit.max().item()
            seen.append(max(min(y, x) - low, high - max(y, x)))
            assert low >= first - reach.margin_px
            assert high <= last + reach.margin_px
        assert max(seen) > reach.margin_px - reach.cell_px


def test_the_painting_of_a_file_does_not_depend_on_tiles(tiny_model):
    """Through all of the stylizer: a shift would be seen."""
    model = find_model(None, [])
    frame = Frame(small_frame(300, 900), 0)
    look = Look(((model.default_style, 1.0),), strength=0.8)
    with open_engine("openvino", model, EngineOptions(precision="int8"), (300, 900)) as engine:
        whole = Stylizer(engine, look).stylize(frame, 0.0)
        pieces = Stylizer(engine, look, pieces=lambda engine: NetworkPieces(engine, 400)).stylize(
            frame, 0.0
        )
    assert (
        np.abs(whole.astype(int) - pieces).max() <= 2
    )  # 1 of the network's, through what brings it up


def test_pieces_of_a_tensor_are_those_of_an_array(tiny_model):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    class OnTensors(Passthrough):
        takes_tensors = True

        def _infer(self, frames, conditions):
            return 255 - frames

        def _start_tensor(self, frames, conditions):
            return self._start(frames, conditions)

    engine = OnTensors(replace(tiny_model, family="fast"), EngineOptions())
    frame, style = small_frame(300, 900), np.eye(1, 3, 1, dtype=np.float32)[0]
    painting = NetworkPieces(engine, 400).start(torch.from_numpy(frame), style)()
    np.testing.assert_array_equal(painting.numpy(), 255 - frame)


def test_live_frames_are_not_cut_by_themselves():
    model = find_model(None, [])
    with open_engine("openvino", model, EngineOptions(precision="int8"), (48, 64)) as engine:
        assert (
            Stylizer(engine, Look(((model.default_style, 1.0),))).network.pieces((2160, 3840))
            is None
        )
        assert NetworkPieces(engine).pieces((2160, 3840)) is not None


def test_fixed_statistics_are_those_of_the_frame_that_they_are_taken_of(classic_model, tmp_path):
    frame, style = small_frame(120, 160), np.array([0, 1], np.float32)
    fixed = fix_statistics(classic_model, frame, style, tmp_path / "fixed.onnx", 2)
    assert fixed.styles == classic_model.styles
    results = []
    for model in (classic_model, fixed):
        with open_engine(
            "onnxruntime", model, EngineOptions(precision="fp32"), (120, 160)
        ) as engine:
            results.append(engine.infer(frame[None], style[None]).astype(int))
    assert results[0].std() > 20
    assert np.abs(results[0] - results[1]).max() <= 1


def test_a_network_with_statistics_of_the_frame_has_no_seams(classic_model, tmp_path):
    """Each piece alone would have other statistics: its half of the frame is much darker."""
    frame, style = small_frame(402, 603), np.array([0, 1], np.float32)
    frame[:, :300] //= 4
    with open_engine(
        "onnxruntime", classic_model, EngineOptions(precision="fp32"), (402, 603)
    ) as engine:
        tiles = NetworkPieces(engine, 256)
        pieces = tiles.start(frame, style)().astype(int)
        itself = engine.infer(frame[None], style[None])[0].astype(int)
        alone = engine.infer(frame[None, :256, :256], style[None])[0].astype(int)
    fixed = fix_statistics(classic_model, frame, style, tmp_path / "fixed.onnx", 2)
    with open_engine("onnxruntime", fixed, EngineOptions(precision="fp32"), (402, 603)) as engine:
        whole = engine.infer(frame[None], style[None])[0].astype(int)
    assert np.abs(pieces - whole).max() <= 1 and np.abs(pieces - itself).max() <= 1
    assert np.abs(alone - whole[:256, :256]).mean() > 3


def test_statistics_can_be_given_to_one_engine_only(classic_model):
    with open_engine("openvino", classic_model, EngineOptions(), (48, 64)) as engine:
        assert (
            NetworkPieces(engine).pieces((4000, 4000)) is None
        )  # as before, where nobody asks for pieces
        with pytest.raises(UsageError, match="--engine onnxruntime --precision fp32"):
            NetworkPieces(engine, 256).prepare((300, 300))


def test_what_may_look_at_the_whole_frame_is_not_cut(tiny_model):
    with open_engine("onnxruntime", tiny_model, EngineOptions(), (48, 64)) as engine:
        assert NetworkPieces(engine).pieces((4000, 4000)) is None
        with pytest.raises(UsageError, match="not known how far it sees"):
            NetworkPieces(engine, 256).prepare((300, 300))
        NetworkPieces(engine, 256).prepare((48, 64))  # it is whole anyway


def test_large_frames_are_cut_by_themselves_and_others_are_not():
    assert largest_piece((960, 1706), None) == (960, 1706)
    assert largest_piece((1000, 16_000), None) == (1000, 1536)
    assert 960 * 1706 <= WHOLE_PIXELS < 1000 * 16_000
    assert largest_piece((1000, 1000), 512) == (512, 512)
    with pytest.raises(UsageError, match="at least 216"):
        spans(1000, 208, REACH)


def test_pieces_are_painted_on_one_canvas(tmp_path):
    """Noise begins anew in no piece, so there is no seam to be seen."""
    pytest.importorskip("torch", reason="the small model is exported by torch")
    from tests.small_network import write_small_model

    model = load_model(write_small_model(tmp_path / "small.onnx"))
    frame, style = np.full((150, 400, 3), 128, np.uint8), np.eye(1, 3, 1, dtype=np.float32)[0]
    canvas = model.canvas.draw((150, 400), style[None], seed=5)[0]
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (48, 64)) as engine:
        whole = engine.infer(frame[None], style[None], canvas[None])[0]
        pieces = NetworkPieces(engine, 136).start(frame, style, canvas)()
    assert whole.std() > 1
    assert np.abs(whole.astype(int) - pieces).max() <= 1
