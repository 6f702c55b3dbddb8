"""A part painted elsewhere has the canvas where one run has it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from engines import EngineOptions, ModelFile, load_model, open_engine
from export.pictures import carried_files
from realtime.files.farm.camera_track import CameraTrack
from realtime.frame import FileFrame
from realtime.look import Look
from realtime.stylizer import Stylizer, camera_part

CUT = 9  # frame at which another shot begins
SIZE = (96, 128)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    pytest.importorskip("torch", reason="the small model is exported by torch")
    from tests.small_network import write_small_model

    return load_model(write_small_model(tmp_path_factory.mktemp("small") / "small.onnx"))


@pytest.fixture(scope="module")
def frames() -> list[FileFrame]:
    """A pan to the right of four pixels a frame, and another one."""
    import cv2

    photos = [cv2.imread(str(path)) for path in carried_files()[:2]]
    return [
        FileFrame(
            np.ascontiguousarray(photos[i >= CUT][40:136, 4 * i : 4 * i + 128]),
            i,
            i,
            Fraction(1, 25),
            is_cut=i == CUT,
        )
        for i in range(2 * CUT)
    ]


def test_it_goes_where_the_stylizer_goes(model: ModelFile, frames: list[FileFrame]):
    track = CameraTrack(SIZE, frames=len(frames))
    look = Look((("first", 1.0),))
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), SIZE) as engine:
        stylizer = Stylizer(engine, look, inference_size=SIZE)
        pictures = []
        for frame in frames:
            track.look_at(frame)
            wanted = camera_part(track.memory_before(frame.index))
            if not frame.is_cut:
                found = camera_part(stylizer.begun_state())
                assert wanted.keys() == found.keys()
                for name, array in found.items():
                    np.testing.assert_array_equal(wanted[name], array)
            pictures.append(stylizer.begin(frame, 0.0, {} if frame.is_cut else None)())
        for first in (CUT - 4, CUT + 3):
            other = Stylizer(engine, Look(look.mix, denoise=False), inference_size=SIZE)
            plain = Stylizer(engine, Look(look.mix, denoise=False), inference_size=SIZE)
            for frame in frames[: first + 1]:
                whole = plain.begin(frame, 0.0, {} if frame.is_cut else None)()
            part = other.begin(frames[first], 0.0, track.memory_before(first))()
            np.testing.assert_array_equal(part, whole)
            fixed = Stylizer(engine, Look(look.mix, denoise=False), inference_size=SIZE)
            assert (fixed.begin(frames[first], 0.0, {})() != whole).any()
    assert not track.memory_before(CUT), "a new shot begins anew"


def test_it_forgets_what_is_long_ago(frames: list[FileFrame]):
    track = CameraTrack(SIZE, frames=3)
    for frame in frames[:5]:
        track.look_at(frame)
    assert track.memory_before(2)
    with pytest.raises(KeyError):
        track.memory_before(1)
