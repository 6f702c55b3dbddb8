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


def test_a_stage_that_raises_is_not_counted():
    clock = SettableClock()
    times = StageTimes("infer", clock=clock)
    with times.measure("infer"):
        clock.now_s = 0.25
    with pytest.raises(ValueError), times.measure("infer"):
        raise ValueError
    assert times.stages["infer"].percentile(50) == pytest.approx(250)
    assert len(times.stages["infer"]) == 1
