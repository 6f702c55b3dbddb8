"""What is remembered for segments of a file, and how much of it is kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines import EngineOptions, ModelFile, open_engine
from realtime.files.painter import FilePainter
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.segments import SEGMENT_FRAMES, Resume
from realtime.stylizer import Stylizer


def test_what_nobody_asks_for_is_not_kept(make_video: Callable[..., Path], tiny_model: ModelFile):
    """An output that has no segments, such as a pipe, may run for days."""
    path = make_video(pts=list(range(0, 60 * SEGMENT_FRAMES, 20)))
    with (
        VideoFile(path) as video,
        open_engine("onnxruntime", tiny_model, EngineOptions(threads=1), (48, 64)) as engine,
    ):
        stylizer, resume = Stylizer(engine, Look((("negative", 1.0),)), (48, 64)), Resume()
        painter = FilePainter(stylizer, video, resume=resume)
        for frame in video.frames():
            painter.begin(frame)()
        kept = {"mean", "rest_mean", "rest_made_with"}
        assert set(resume.take_memory(3 * SEGMENT_FRAMES - 1)) == kept
        assert not resume._left


def test_memory_is_never_that_of_another_frame():
    """An output that nothing is left for, such as one that copies, goes on from nothing."""
    resume = Resume()
    assert resume.take_memory(47) == {}
    resume.leave_memory(47, {"mean": np.zeros(1)})
    resume.leave_memory(95, {"mean": np.ones(1)})
    with pytest.raises(KeyError):
        resume.take_memory(47)
    assert resume.take_memory(95)["mean"] == 1
