"""The TensorRT engine around a stand-in card: order, ownership, cache, gate and freeing.

CUDA and TensorRT are not in it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

import engines.runtimes.tensorrt
from engines import Engine, EngineOptions, ModelFile, open_engine
from engines.errors import EngineLoadError, EngineUnavailable, ParityError
from engines.plans import make
from engines.plans.store import PlanStore
from tests.engines.plans.stand_in import HostCard, stand_in_library
from tests.small_frame import small_frame

SIZE = (48, 64)
FIRST, SECOND = np.array([[0, 1, 0]], np.float32), np.array([[0, 0, 1]], np.float32)


class Bench:
    """A card and a library that stand in, and how many plans were built."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.card, self.refused, self.builds = HostCard(), set(), 0
        monkeypatch.setattr(engines.runtimes.tensorrt, "open_cuda", lambda device: self.card)
        monkeypatch.setattr(
            engines.runtimes.tensorrt,
            "import_library",
            lambda: stand_in_library(self.card, self.refused),
        )
        monkeypatch.setattr(engines.runtimes.tensorrt, "cuda_problem", lambda: None)
        monkeypatch.setattr(engines.runtimes.tensorrt, "library_names", lambda: ["tensorrt"])
        monkeypatch.setattr(make, "build_plan", self._build)

    def _build(
        self, graph: onnx.ModelProto, shapes, library, target, on_progress, timings, canvas
    ) -> tuple[bytes, bytes]:
        self.builds += 1
        assert target == "current"
        graph.producer_version = str(self.builds)  # no two builds are alike
        return graph.SerializeToString(), b"timings"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def open_it(model: ModelFile, precision: str = "auto", size: tuple[int, int] = SIZE) -> Engine:
    options = EngineOptions(device="cuda", precision=precision, throughput=True)
    return open_engine("tensorrt", model, options, size)


def test_gives_the_models_pictures(bench: Bench, small_model: ModelFile):
    with open_engine(
        "onnxruntime", small_model, EngineOptions(device="cpu", precision="fp32"), SIZE
    ) as reference:
        for precision, bound in (("auto", 1), ("fp32", 0.01), ("int8", 2)):
            with open_it(small_model, precision) as engine:
                assert (
                    engine.precision == ("fp16" if precision == "auto" else precision)
                    and engine.device == "cuda:0"
                )
                for size in (SIZE, (33, 47)) if precision == "auto" else (SIZE,):
                    frame = small_frame(*size)[None]
                    difference = np.abs(
                        engine.infer(frame, FIRST).astype(int) - reference.infer(frame, FIRST)
                    )
                    assert difference.mean() < bound
                    np.testing.assert_array_equal(
                        engine.infer(frame, np.eye(1, 3, dtype=np.float32)), frame
                    )
    assert not bench.card.held and bench.card.depth == 0


def test_three_frames_are_under_way_and_nothing_is_mixed_up(bench: Bench, small_model: ModelFile):
    frames = [small_frame(*SIZE, seed)[None] for seed in range(5)]
    with open_it(small_model) as engine:
        assert engine.in_flight == 3
        expected = [
            engine.infer(frame, style)
            for frame, style in zip(frames, [FIRST, SECOND] * 3, strict=False)
        ]
        begun = []
        for frame, style in zip(frames, [FIRST, SECOND] * 3, strict=False):
            mine = frame.copy()
            begun.append(engine.start(mine, style))
            mine[:] = 0  # the caller's again
        for finish, picture in zip(begun, expected, strict=True):
            np.testing.assert_array_equal(finish(), picture)
        held = dict(bench.card.held)
        for frame in frames:
            engine.infer(frame, FIRST)
        assert held.keys() == bench.card.held.keys(), "nothing is allocated per frame"


def test_a_batch(bench: Bench, small_model: ModelFile):
    frames = np.stack([small_frame(*SIZE, seed) for seed in range(3)])
    with open_it(small_model) as engine:
        together = engine.infer(frames, np.concatenate([FIRST, SECOND, FIRST]))
        alone = engine.infer(frames[1:2], SECOND)
        assert np.abs(together[1].astype(int) - alone[0]).max() <= 1


def test_built_once_then_taken_from_the_cache(bench: Bench, small_model: ModelFile):
    with open_it(small_model) as engine:
        assert engine.ready(SIZE) and not engine.ready((96, 128))
    with open_it(small_model) as engine:
        engine.infer(small_frame(*SIZE)[None], FIRST)
    assert bench.builds == 1
    (entry,) = PlanStore().entries()
    assert entry.key.card == "Stand-in" and entry.facts["engine_mean"] < 1
    assert PlanStore().sibling("timings-sm89.bin").read_bytes() == b"timings"


def test_a_plan_that_the_runtime_refuses_is_built_again(bench: Bench, small_model: ModelFile):
    with open_it(small_model) as engine:
        bench.refused.add(PlanStore().get(engine._make_recipe((1, *SIZE)).key))
    with open_it(small_model) as engine:
        engine.infer(small_frame(*SIZE)[None], FIRST)
    assert bench.builds == 2
    bench.refused.add(PlanStore().get(engine._make_recipe((1, *SIZE)).key))

    class Everything(set):
        def __contains__(self, plan: object) -> bool:
            return True

    bench.refused = Everything()
    with pytest.raises(EngineLoadError, match="built for another driver"):
        open_it(small_model)
    assert not PlanStore().entries() and not bench.card.held


def test_an_engine_that_fails_the_gate_is_not_cached(
    bench: Bench, small_model: ModelFile, monkeypatch: pytest.MonkeyPatch
):
    build = make.build_plan

    def wrong(graph: onnx.ModelProto, *how: object) -> tuple[bytes, bytes]:
        """A builder's bug: one weight of what runs is off, though the graph was right."""
        rows = next(t for t in graph.graph.initializer if "rows" in t.name)
        rows.CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(rows) + 0.2, rows.name)
        )
        return build(graph, *how)

    monkeypatch.setattr(make, "build_plan", wrong)
    with pytest.raises(ParityError, match="TensorRT engine in fp16"):
        open_it(small_model)
    assert not PlanStore().entries() and not bench.card.held


def test_older_sizes_are_freed(bench: Bench, small_model: ModelFile):
    with open_it(small_model) as engine:
        late = engine.start(small_frame(*SIZE)[None], FIRST)
        for width in range(16, 24, 2):
            engine.infer(small_frame(16, width)[None], FIRST)
        assert len(bench.card.held) == 4 * 3 * 10, (
            "four sizes, three slots, five arrays on either side"
        )
        with open_engine(
            "onnxruntime", small_model, EngineOptions(device="cpu"), SIZE
        ) as reference:
            exact = reference.infer(small_frame(*SIZE)[None], FIRST)
        assert np.abs(late().astype(int) - exact).max() <= 8, (
            "what was under way is still to be had"
        )


def test_auto_waits_for_a_build_only_where_it_may(
    bench: Bench, small_model: ModelFile, tmp_path: Path, monkeypatch
):
    from engines import auto, load_model

    lonely = tmp_path / "lonely.onnx"  # without weights, so that PyTorch cannot have it
    lonely.write_bytes(small_model.path.read_bytes())
    monkeypatch.setattr(auto, "_gpu_may_be_here", lambda: True)
    with open_engine("auto", load_model(lonely), EngineOptions(waits=False), SIZE) as engine:
        assert engine.name in auto.CPU_ENGINES and bench.builds == 0
        with engine.better(SIZE) as better:
            assert better.name == "tensorrt" and bench.builds == 1
    with open_engine("auto", load_model(lonely), EngineOptions(waits=False), SIZE) as engine:
        assert engine.name == "tensorrt" and engine.better is None, "it is built now"
    with open_engine("auto", load_model(lonely), EngineOptions(), (40, 56)) as engine:
        assert engine.name == "tensorrt" and bench.builds == 2


def test_auto_leaves_a_pytorch_that_cannot_use_the_gpu(
    small_model: ModelFile, monkeypatch: pytest.MonkeyPatch
):
    """It sees a card for which it has no kernels, or one that is full: that raises at first use."""
    from engines import auto
    from engines.runtimes.torch import Torch

    def no_kernel(*_: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    monkeypatch.setattr(auto, "_gpu_may_be_here", lambda: True)
    monkeypatch.setattr(Torch, "_specialise", no_kernel)
    with open_engine("auto", small_model, EngineOptions(), SIZE) as engine:
        assert engine.name in auto.CPU_ENGINES and "no kernel image" in engine.note
    with pytest.raises(EngineLoadError, match="no kernel image"):
        open_engine("torch", small_model, EngineOptions(), SIZE)


def test_a_build_is_stopped_where_nobody_waits_for_it(bench: Bench, small_model: ModelFile):
    """As when the live view is left: what calls Python while the program ends aborts it."""
    options = EngineOptions(device="cuda")
    options.cancel.ask()
    with pytest.raises(EngineUnavailable, match="stopped"):
        open_engine("tensorrt", small_model, replace(options, precision="fp32"), SIZE)
    assert not bench.builds and not bench.card.held


def test_auto_says_why_it_is_not_on_the_gpu(
    bench: Bench, small_model: ModelFile, tmp_path: Path, monkeypatch
):
    from engines import auto, load_model

    def refuse(*_: object) -> tuple[bytes, bytes]:
        raise EngineLoadError("this card is not among those that it builds for")

    lonely = tmp_path / "lonely.onnx"
    lonely.write_bytes(small_model.path.read_bytes())
    monkeypatch.setattr(auto, "_gpu_may_be_here", lambda: True)
    monkeypatch.setattr(make, "build_plan", refuse)
    with open_engine("auto", load_model(lonely), EngineOptions(), SIZE) as engine:
        assert engine.device == "cpu" and "not on the GPU: this card is not among" in engine.note
