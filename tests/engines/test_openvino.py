"""OpenVINO with a core for each frame, as files are painted: the same pictures, several under way."""

import numpy as np
import pytest

from engines import EngineOptions, open_engine
from engines.base import cpu_threads
from tests.small_network import small_frame

STYLE = np.array([[0, 0.25, 0.75]], np.float32)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_frames_under_way_together_are_those_of_one_after_the_other(small_model, precision):
    frames = [small_frame(48, 64, seed)[None] for seed in range(12)]
    with (
        open_engine("openvino", small_model, EngineOptions(precision=precision), (48, 64)) as one,
        open_engine("openvino", small_model, EngineOptions(precision=precision, throughput=True), (48, 64)) as many,
    ):
        assert (one.in_flight, many.in_flight) == (1, min(cpu_threads(), 8) + 1)
        many.start(frames[3], STYLE)  # begun and given up
        begun, results = [], []
        for frame in frames:
            begun.append(many.start(frame, STYLE))
            if len(begun) == many.in_flight:
                results.append(begun.pop(0)())
        results += [finish() for finish in begun]
        for frame, result in zip(frames, results, strict=True):
            np.testing.assert_array_equal(result, one.infer(frame, STYLE))
