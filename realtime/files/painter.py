"""Paints the frames of one file so that painting can stop at the end of any segment and go on later
as if it never had.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from engines import Engine
from engines.auto import processor
from engines.base import cpu_threads
from realtime.frame import FileFrame, FrameMemory
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.segments import SEGMENT_FRAMES
from realtime.stylizer import Stylizer
from realtime.timeline import Timeline

_NO_TIMELINE = Timeline()


class FilePainter:
    """Give ``begin`` frame after frame from one thread.

    What must outlive a kill is kept at the ends of segments, from where the thread that writes
    takes it by ``remember``. Where frames are left out, what was remembered before the next one is
    asked of ``recall``, which may be set before the first frame.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        video: VideoFile,
        timeline: Timeline = _NO_TIMELINE,
        side_by_side: bool = False,
    ) -> None:
        self._stylizer = stylizer
        self._video = video
        self._look = stylizer.look
        self._timeline = timeline
        self._entries_done = 0
        self._side_by_side = side_by_side
        self._states: dict[int, FrameMemory] = {}
        self._next_index = 0
        self.recall: Callable[[int], FrameMemory] = lambda index: {}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of what comes out."""
        height, width = self._video.info.size
        return height, width * (2 if self._side_by_side else 1)

    def begin(self, frame: FileFrame) -> Callable[[], np.ndarray]:
        """Return what finishes the frame: (H, W, 3) uint8 RGB of ``size``, or EngineRunError.

        To be called in order; at a cut, what is left of the frames before is forgotten.
        """
        now_s = frame.pts * frame.time_base - self._video.info.origin_s
        self._entries_done = self._timeline.apply(
            self._stylizer, self._look, now_s, self._video.cuts, self._entries_done
        )
        state = (
            {}
            if frame.is_cut
            else self.recall(frame.index)
            if frame.index != self._next_index
            else None
        )
        self._next_index = frame.index + 1
        painted = self._stylizer.begin(frame, float(now_s), state)
        ends_segment = self._next_index % SEGMENT_FRAMES == 0
        noise = self._stylizer.noise_state() if ends_segment else {}

        def finish() -> np.ndarray:
            pixels = painted()
            if ends_segment:
                self._states = {
                    frame.index: noise | self._stylizer.steadiness_state()
                }  # who does not write segments never asks
            return np.concatenate([frame.pixels, pixels], axis=1) if self._side_by_side else pixels

        return finish

    def remember(self, index: int) -> FrameMemory:
        """What the stylizer remembered after frame ``index``, the last of a segment.

        To be asked for once, and before the next segment ends, which is longer than what waits
        between painting and writing.
        """
        return self._states.pop(index)

    def made_with(self) -> dict[str, Any]:
        """All that decides how pixels come out, JSON-ready: frames with equal answers may stand in
        one video.
        """
        engine = self._stylizer.engine
        look = asdict(self._look)
        return {
            "look": {**look, "mix": [list(part) for part in look["mix"]]},
            "timeline": self._timeline.as_text(),
            "side_by_side": self._side_by_side,
            "size_of_the_network": list(self._stylizer.inference_size or ()),
            "tile": list(
                self._stylizer.network.piece_size(self._stylizer.inference_size or self._video.info.size)
            ),
            "engine": engine_identity(engine),
            "model": _model_hash(engine),
            "processor": hashlib.sha256(processor().encode()).hexdigest()[:16],
            "versions": {
                name: _version(name) for name in ("livebrush", "av", "numpy", engine.name)
            },
        }


def engine_identity(engine: Engine) -> dict[str, Any]:
    threads = engine.options.threads or cpu_threads()
    return {
        "name": engine.name,
        "precision": engine.precision,
        "device": engine.device,
        "threads": threads,
    }


def _model_hash(engine: Engine) -> str:
    path = engine.model.int8_path if engine.precision in ("int8", "fp8") else engine.model.path
    return hashlib.sha256((path or engine.model.path).read_bytes()).hexdigest()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
