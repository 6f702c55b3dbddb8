"""``--engine auto`` measures by processor time, keeps when and under what load, and doubts it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engines import EngineOptions, ModelFile, measured, measuring, open_engine
from engines.measured import MeasuredEngine, all_measured, keep_measured, make_key

SIZE = (48, 64)
OPTIONS = EngineOptions(device="cpu")
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ENTRY = MeasuredEngine("openvino", "fp32", 80.0, 40.0, "small", "64x48", NOW.isoformat(), load=0.1)
INT8, FP32 = ("openvino", "int8"), ("openvino", "fp32")


def turns(*ms: float) -> list[measuring._Time]:
    return [measuring._Time(value, value / 2) for value in ms]


@pytest.mark.parametrize(
    ("int8", "fp32", "first"),
    [
        ((50, 50), (90, 90), INT8),
        ((50, 52), (45, 46), INT8),  # faster, but by less than the margin
        ((50, 50), (40, 49), INT8),  # by the margin once only
        ((50, 80), (44, 44), INT8),
        ((50, 52), (40, 41), FP32),
    ],
)
def test_the_likeliest_is_left_only_for_a_margin_seen_twice(int8, fp32, first):
    assert measuring._order({INT8: turns(*int8), FP32: turns(*fp32)})[0] == first


def test_what_others_take_of_the_machine_does_not_count(
    small_model: ModelFile, monkeypatch: pytest.MonkeyPatch
):
    """An engine that waits for a core, long, is not slower."""
    import time

    from engines.runtimes.openvino import OpenVino

    compute = OpenVino.infer

    def wait_and_compute(engine, *given):
        time.sleep(0.05 if engine.precision == "int8" else 0)
        return compute(engine, *given)

    monkeypatch.setattr(OpenVino, "infer", wait_and_compute)
    took = measuring._time("openvino", small_model, replace(OPTIONS, precision="int8"), SIZE)
    assert took.wall_ms > 50 and took.ms < 25


def test_one_engine_is_open_at_a_time(small_model: ModelFile, monkeypatch: pytest.MonkeyPatch):
    opened: list[int] = [0]

    def count(*given):
        engine = open_named(*given)
        opened[0] += 1
        assert opened[0] == 1
        close = engine.close
        engine.close = lambda: (close(), opened.__setitem__(0, 0))
        return engine

    open_named = measuring.open_named
    monkeypatch.setattr(measuring, "open_named", count)
    assert measuring.measure(small_model, OPTIONS, SIZE)


@pytest.mark.parametrize(
    ("entry", "frames", "later", "doubtful"),
    [
        (ENTRY, [], timedelta(days=2), False),
        (ENTRY, [], timedelta(days=31), True),
        (ENTRY, [], timedelta(days=-1), True),  # a clock that was wrong
        (replace(ENTRY, load=0.9), [], timedelta(hours=1), True),
        (replace(ENTRY, load=None), [], timedelta(hours=1), False),
        (ENTRY, [90.0] * 50, timedelta(days=2), True),
        (ENTRY, [90.0] * 50, timedelta(hours=2), False),  # not at every run
        (ENTRY, [90.0] * 5, timedelta(days=2), False),
        (ENTRY, [50.0] * 50, timedelta(days=2), False),
    ],
)
def test_what_is_measured_again(entry, frames, later, doubtful):
    assert entry.is_doubtful(frames, NOW + later) is doubtful


def test_an_engine_tells_how_long_its_frames_took(small_model: ModelFile):
    import numpy as np

    with open_engine("openvino", small_model, OPTIONS, SIZE) as engine:
        took = engine.watch(SIZE)
        style = np.eye(1, 3, 1, dtype=np.float32)
        for size in (SIZE, (32, 32), SIZE):
            engine.infer(np.zeros((1, *size, 3), np.uint8), style)
        assert len(took) == 2 and min(took) > 0


def run_in_background(model: ModelFile, busy: float) -> None:
    """Run what is started when a program ends, on a machine that is ``busy``."""
    code = (
        f"import sys; from engines import measuring; measuring.busy_share = lambda *_: {busy}; "
        "times = iter(range(0, 1000, 30)); measuring.main(sys.argv[1:], lambda: next(times))"
    )
    command = [sys.executable, "-c", code, str(model.path), "48", "64", "auto", "0"]
    subprocess.run(command, timeout=100, check=True, cwd=Path(__file__).parent.parent.parent)


def test_a_busy_machine_is_not_measured(small_model: ModelFile):
    run_in_background(small_model, busy=0.9)
    assert all_measured() == []


def test_a_machine_with_room_is_measured_in_the_background(small_model: ModelFile):
    run_in_background(small_model, busy=0.2)
    (entry,) = all_measured()
    assert (entry.model, entry.size, entry.load) == ("small", "64x48", 0.2)
    assert not entry.is_doubtful([])
    with open_engine("auto", small_model, OPTIONS, SIZE) as engine:
        assert "when measured" in engine.note
        assert (engine.name, engine.precision) == (entry.engine, entry.precision)


@pytest.mark.parametrize("kept", [None, replace(ENTRY, measured="2001-01-01T00:00:00+00:00")])
def test_a_program_measures_when_it_ends_if_nothing_good_is_kept(
    kept, small_model: ModelFile, monkeypatch: pytest.MonkeyPatch
):
    begun, at_exit = [], []
    monkeypatch.setattr(measuring.subprocess, "Popen", lambda command, **_: begun.append(command))
    monkeypatch.setattr(measuring.atexit, "register", at_exit.append)
    monkeypatch.delenv("LIVEBRUSH_MEASURE")
    if kept:
        keep_measured(make_key(small_model, OPTIONS, SIZE), kept)
    with open_engine("auto", small_model, OPTIONS, SIZE):
        assert begun == []
    at_exit[0]()
    assert len(begun) == 1


def test_the_instruction_sets_that_onednn_may_use_are_part_of_the_key(
    small_model: ModelFile, monkeypatch: pytest.MonkeyPatch
):
    key = make_key(small_model, OPTIONS, SIZE)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert measured.make_key(small_model, OPTIONS, SIZE) != key


def test_how_busy_the_machine_is_lies_between_0_and_1():
    share = measuring.busy_share(0.05)
    assert share is None or 0 <= share <= 1
