"""Plans really built ahead of time for cards that are not here, and what is said on the way."""

from __future__ import annotations

import logging
import re
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from engines import ModelFile, find_model
from engines.conditions import conditions_of
from engines.errors import EngineLoadError, EngineUnavailable, UsageError
from engines.plans import library
from engines.plans.build import _set_timings, build_plan, with_one_size
from engines.plans.library import import_library
from engines.plans.shapes import Shapes
from engines.plans.typed import strongly_typed
from tests.small_frame import small_frame

needs_rtx = pytest.mark.skipif(
    "tensorrt_rtx" not in library.library_names(),
    reason="TensorRT for RTX is not installed: pip install '.[tensorrt-rtx]'",
)
TARGETS = ("sm75", "sm86", "sm89", "sm120")
SIZE = Shapes.only((480, 640))


@needs_rtx
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_bundled_model_builds(target: str, precision: str, caplog: pytest.LogCaptureFixture):
    """And is fused: hardly more layers than convolutions, none that only changes a layout.

    Without a GPU a plan cannot be asked; the builder tells its layers to the log.
    """
    caplog.set_level(logging.DEBUG, "livebrush.tensorrt")
    model = find_model(None, [])
    graph = strongly_typed(
        onnx.load(str(model.int8_path if precision == "int8" else model.path)), precision
    )
    plan, timings = build_plan(graph, SIZE, import_library(target), target, canvas=model.canvas)
    assert len(plan) > 100_000 and not timings
    layers = re.findall(r"^Layer\((\w+)\): ", "\n".join(caplog.messages), re.MULTILINE)
    convolutions = sum(node.op_type == "Conv" for node in graph.graph.node)
    assert 1 <= len(layers) <= 1.5 * convolutions
    assert "Reformat" not in layers


@needs_rtx
@pytest.mark.parametrize("target", ["sm89", "sm120"])
def test_the_bundled_model_builds_in_fp8(target: str):
    model = find_model(None, [])
    graph = strongly_typed(onnx.load(str(model.int8_path)), "fp8")
    plan, _ = build_plan(graph, SIZE, import_library(target), target, canvas=model.canvas)
    assert len(plan) > 100_000


@needs_rtx
@pytest.mark.parametrize("target", TARGETS)
def test_the_classic_network_builds(classic_model: ModelFile, target: str):
    graph = strongly_typed(onnx.load(str(classic_model.path)), "fp16")
    assert len(build_plan(graph, SIZE, import_library(target), target)[0]) > 1_000_000


@needs_rtx
def test_a_range_of_sizes_builds_with_progress(small_model: ModelFile):
    graph = strongly_typed(onnx.load(str(small_model.path)), "fp16")
    told: list[tuple[float, str]] = []
    build_plan(
        graph,
        Shapes.parse("64x48,640x480,1280x720"),
        import_library("sm89"),
        "sm89",
        lambda *now: told.append(now),
        canvas=small_model.canvas,
    )
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[0] < 0.1 and 0.5 < shares[-1] <= 1
    assert all(phase for _, phase in told)


def test_a_plan_of_one_size_finds_no_shapes(small_model: ModelFile):
    """Its pictures stay, and its pairs of scales: folded, int8 would be fp32."""
    for path in (small_model.path, small_model.int8_path):
        graph = onnx.load(str(path))
        folded = with_one_size(graph, SIZE, small_model.canvas)
        kinds, before = (Counter(n.op_type for n in g.graph.node) for g in (folded, graph))
        assert "Shape" not in kinds and sum(kinds.values()) < 0.75 * sum(before.values())
        assert kinds["QuantizeLinear"] == before["QuantizeLinear"]
        assert kinds["DequantizeLinear"] == before["DequantizeLinear"]
        assert kinds["Conv"] == before["Conv"]
        frame, style = small_frame(*SIZE.usual)[None], np.array([[0, 0.5, 0.5]], np.float32)
        given = {"frame": frame, **conditions_of(small_model, style, SIZE.usual)}
        ours, theirs = (
            onnxruntime.InferenceSession(
                g.SerializeToString(), providers=["CPUExecutionProvider"]
            ).run(None, given)[0]
            for g in (folded, graph)
        )
        assert np.abs(ours.astype(int) - theirs).max() <= 1


@needs_rtx
def test_a_build_can_be_stopped(small_model: ModelFile):
    def stop(share: float, phase: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_plan(
            strongly_typed(onnx.load(str(small_model.path)), "fp16"),
            SIZE,
            import_library("sm89"),
            "sm89",
            stop,
            canvas=small_model.canvas,
        )


@needs_rtx
def test_what_it_cannot_build_is_said(small_model: ModelFile):
    rtx = import_library("sm89")
    graph = onnx.load(str(small_model.path))
    with pytest.raises(UsageError, match="sm89"):
        build_plan(graph, SIZE, rtx, "sm90", canvas=small_model.canvas)
    graph.graph.node[0].op_type = "Nonsense"
    with pytest.raises(EngineLoadError, match="cannot read the network"):
        build_plan(graph, SIZE, rtx, "sm89", canvas=small_model.canvas)


def test_timings_of_another_card_are_left():
    """Only the full TensorRT has such a cache; it says no to one of another card or version, or
    that is damaged.
    """

    class Config:
        def __init__(self) -> None:
            self.taken: list[bytes] = []

        def create_timing_cache(self, content: bytes) -> bytes | None:
            return None if content == b"damaged" else content

        def set_timing_cache(self, cache: bytes, ignore_mismatch: bool) -> bool:
            fits = cache != b"another card" and not ignore_mismatch
            self.taken += [cache] if fits else []
            return fits

    for kept, used in ((b"mine", b"mine"), (b"another card", b""), (b"damaged", b"")):
        config = Config()
        assert _set_timings(config, kept) == used and config.taken == [used]


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "library_names", list)
    with pytest.raises(EngineUnavailable, match="pip install"):
        import_library()
    with pytest.raises(EngineUnavailable, match=r"only TensorRT for RTX.*pip install"):
        import_library("sm89")


def test_shapes():
    assert Shapes.parse("640x480") == Shapes.only((480, 640))
    wide = Shapes.parse("320x240,640x480,1920x1080")
    assert (wide.smallest, wide.usual, wide.largest) == ((240, 320), (480, 640), (1080, 1920))
    assert (
        wide.covers(1, (720, 1280))
        and not wide.covers(1, (200, 320))
        and not wide.covers(2, (480, 640))
    )
    assert str(wide) == "320x240,640x480,1920x1080" and str(Shapes.only((4, 6), 2)) == "2 of 6x4"
    assert wide.sizes() == [(480, 640), (240, 320), (1080, 1920)]
    for wrong in (
        "",
        "640",
        "0x480",
        "640x480,1x1",
        "640x480,320x240,640x480",
        "99999x1",
        "640x480x3",
    ):
        with pytest.raises(UsageError, match="--size"):
            Shapes.parse(wrong)
