"""The parts of `make bench-gpu` that need no GPU: the counting, the limit, the measuring loops on
a CPU engine, the page.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from bench.rows.gpu_limits import Rates, limit_ms, work_of
from bench.targets import gpu_table
from bench.targets.gpu_table import (
    GpuRow,
    MissingRow,
    encoder_here,
    from_file,
    latencies_ms,
    main,
    markdown,
    measure,
    throughput,
)
from engines import Engine, EngineOptions, ModelFile, load_model, open_engine
from engines.errors import EngineUnavailable
from tests.conftest import write_video
from tests.engines.plans.test_typed import conv_graph
from tests.small_network import write_small_model

RATES = Rates(1e10, 2e10, 1e12, {"fp32": 1e13, "fp16": 1e14, "int8": 2e14})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("small") / "small.onnx")


def test_work_is_that_of_the_convolutions(small: Path, tmp_path: Path):
    height, width = 480, 640
    weights = {"a": np.ones((8, 3, 1, 1), np.float32), "b": np.ones((3, 8, 3, 3), np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["c"]),
        helper.make_node("Conv", ["c", "b"], ["y"], pads=[1, 1, 1, 1]),
    ]
    onnx.save(conv_graph(nodes, weights), str(tmp_path / "two.onnx"))
    work = work_of(tmp_path / "two.onnx", (height, width))
    assert work.flop == pytest.approx(2 * (3 * 8 + 9 * 8 * 3) * height * width)
    assert work.activations == pytest.approx((3 + 8 + 8 + 3) * height * width)
    assert work.picture_bytes == height * width * 3
    quantised = work_of(small.with_name("small.int8.onnx"), (height, width))
    exact = work_of(small, (height, width))
    assert 0 < exact.flop == quantised.flop


def test_the_limit_is_the_largest_of_four(small: Path):
    work = work_of(small, (480, 640))
    assert limit_ms(work, RATES, "fp16") == (work.picture_bytes / 1e10 * 1000, "copy in")
    slow = Rates(1e15, 1e15, 1e9, RATES.matrix)
    assert limit_ms(work, slow, "fp16") == (work.activations * 2 / 1e9 * 1000, "memory")
    weak = Rates(1e15, 1e15, 1e15, {"int8": 1e9})
    assert limit_ms(work, weak, "int8") == (work.flop / 1e9 * 1000, "arithmetic")


def test_measuring_loops_and_page(small: Path, tmp_path: Path):
    clip = write_video(tmp_path / "clip.mp4")
    with open_engine(
        "onnxruntime", load_model(small), EngineOptions(device="cpu"), (48, 64)
    ) as engine:
        p50_ms, p95_ms = latencies_ms(engine, (48, 64), 0.05)
        assert 0 < p50_ms <= p95_ms
        fps = throughput(engine, (48, 64), 0.05)
        assert fps > 0
        for output in (None, tmp_path / "painted.mp4"):
            figures = from_file(engine, clip, output)
            assert figures.fps > 0 and 0 < figures.p50_ms <= figures.p95_ms
        assert not (tmp_path / "painted.mp4").exists()
    row = GpuRow(
        "engine only", "small", "64x48", "tensorrt", "fp16", 500.0, p50_ms, p95_ms, (0.5, "memory")
    )
    assert row.share == 0.25
    page = markdown(
        {"GPU": "none"},
        RATES,
        [row, MissingRow("engine only", "small", "64x48", "tensorrt", "no GPU")],
    )
    assert "| 0.500 | memory | 25 % |" in page and "no GPU" in page


def test_a_row_that_cannot_be_had_leaves_the_others(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model, size = load_model(small), (48, 64)
    monkeypatch.setattr(gpu_table, "_MEASURE_S", 0.05)

    def no_clip() -> Path:
        raise RuntimeError("CUDA out of memory")

    def on_the_cpu(model: ModelFile, way: str, size: tuple[int, int]) -> Engine:
        return open_engine("onnxruntime", model, EngineOptions(device="cpu"), size)

    monkeypatch.setattr(gpu_table, "bikes", no_clip)
    monkeypatch.setattr(gpu_table, "open_way", on_the_cpu)
    work = work_of(small, size)
    first, *others = measure(model, size, "torch eager", work, RATES, tmp_path)
    assert isinstance(first, GpuRow) and first.fps > 0
    assert [row.problem for row in others] == ["CUDA out of memory"] * 2

    monkeypatch.setattr(gpu_table, "open_way", lambda *how: no_clip())
    (row,) = measure(model, size, "torch eager", work, RATES, tmp_path)
    assert row.problem == "CUDA out of memory"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(tmp_path: Path):
    assert encoder_here() == "libx264"
    with pytest.raises(EngineUnavailable, match="make bench"):
        main(["--output", str(tmp_path)])


@pytest.mark.cuda
def test_every_way_runs_on_a_gpu(small: Path):
    from bench.targets.gpu_table import open_way

    for way in ("torch eager", "torch graph"):
        with open_way(load_model(small), way, (48, 64)) as engine:
            assert engine.precision == "fp16" and throughput(engine, (48, 64), 0.1) > 0
