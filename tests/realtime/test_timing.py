import tracemalloc

import pytest

from realtime.timing import RateMeter, Samples, StageTimes


class SettableClock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_rate_is_that_of_the_window():
    clock = SettableClock()
    meter = RateMeter(2.0, clock)
    assert meter.per_second == 0.0
    for step in range(100):
        clock.now_s = step * 0.1
        meter.tick()
    assert meter.per_second == pytest.approx(10)
    clock.now_s += 10
    assert meter.per_second == 0.0


def test_percentiles_of_samples():
    samples = Samples(keep=101)
    assert samples.percentile(50) is None
    for value in range(1000):
        samples.add(float(value))
    assert (
        samples.percentile(0),
        samples.percentile(50),
        samples.percentile(95),
        samples.percentile(100),
    ) == (
        899,
        949,
        994,
        999,
    )


def test_samples_take_their_memory_at_the_start():
    samples = Samples(keep=1000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for value in range(5000):
            samples.add(value + 0.5)
        assert tracemalloc.get_traced_memory()[0] - before < 500
    finally:
        tracemalloc.stop()


def test_samples_of_others_come_after_those_that_are_there():
    one, other = Samples(keep=4), Samples(keep=3)
    for value in range(3):
        one.add(value)
    for value in range(10, 14):
        other.add(value)
    one.extend(other)
    assert [one.percentile(share) for share in (0, 100)] == [2, 13] and len(one) == 4


def test_a_stage_that_raises_is_not_counted():
    clock = SettableClock()
    times = StageTimes("infer", clock=clock)
    with times.measure("infer"):
        clock.now_s = 0.25
    with pytest.raises(ValueError), times.measure("infer"):
        raise ValueError
    assert times.stages["infer"].percentile(50) == pytest.approx(250)
    assert len(times.stages["infer"]) == 1
