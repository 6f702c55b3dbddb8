"""Paints the frames of one file.

Painting can stop at the end of any segment and go on later as if it never had.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engines import Engine
from engines.base import Pending
from engines.identity import EngineIdentity
from engines.machine import processor
from realtime.controls.show import Show
from realtime.files.replay import Over, Replay
from realtime.frame import FileFrame
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.segments import SEGMENT_FRAMES, Resume
from realtime.picture.caption import Caption
from realtime.picture.gpu.tensors import on_host
from realtime.picture.veil import Veil
from realtime.stylizer import Stylizer
from realtime.timeline import Timeline

if TYPE_CHECKING:
    from realtime.frame import Pixels

_NO_TIMELINE = Timeline()


class FilePainter:
    """Paints the frames of a file; give ``begin`` one after the other, from one thread.

    At the end of each segment it leaves with ``resume`` what must outlive a kill. Where frames are
    left out, it goes on from what ``resume`` has kept for the frame after them.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        video: VideoFile,
        timeline: Timeline = _NO_TIMELINE,
        side_by_side: bool = False,
        resume: Resume | None = None,
        replay: Replay | None = None,
    ) -> None:
        self._stylizer = stylizer
        self._video = video
        self._look = stylizer.look
        self._timeline = timeline
        self._entries_done = 0
        self._side_by_side = side_by_side
        self._resume = resume or Resume()
        self._replay, self._veil = replay, Veil(stylizer.pictures.still)
        self._caption = Caption()
        self._next_index = 0
        self.size = painted_size(video.info.size, side_by_side)

    def begin(self, frame: FileFrame) -> Pending:
        """Return what finishes the frame: (H, W, 3) uint8 RGB of ``size``, or EngineRunError.

        With alpha, (H, W, 4), where the look has nothing behind people.

        To be called in order; at a cut, what is left of the frames before is forgotten.
        """
        now_s = frame.pts * frame.time_base
        self._entries_done = self._timeline.apply(
            self._stylizer, self._look, now_s, self._video.cuts, self._entries_done
        )
        is_next, over = frame.index == self._next_index, Over()
        kept = None if is_next else self._resume.memory_before(frame.index)
        if self._replay:
            frame, over = self._replay.follow(frame, float(now_s), kept)
        # Without any it goes on from the frame before.
        memory = {} if frame.is_cut else kept
        painted = self._stylizer.begin(frame, float(now_s), memory)
        self._next_index = frame.index + 1
        ends_segment = self._next_index % SEGMENT_FRAMES == 0
        begun = self._stylizer.begun_state() if ends_segment else {}
        if ends_segment and self._replay:
            begun = begun | self._replay.memory()

        def finish() -> Pixels:
            pixels = painted()
            if self._stylizer.cutout is not None:
                pixels = _seen_through(self._stylizer.cutout, frame.alpha)
            if ends_segment:
                memory = begun | self._stylizer.steadiness_state()
                self._resume.leave_memory(frame.index, memory)
            if over.words:
                pixels = self._caption.over(on_host(pixels), over.words)
            if self._side_by_side:
                pixels = np.concatenate([on_host(frame.pixels), on_host(pixels)], axis=1)
            return pixels if over.level == 1 else self._veil.over(on_host(pixels), over.level)

        return finish


def _seen_through(cutout: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Return a cutout that is seen through where the input is, too."""
    if alpha is not None:
        cutout[..., 3] = (cutout[..., 3].astype(np.uint16) * alpha + 127) // 255
    return cutout


def painted_size(size: tuple[int, int], side_by_side: bool) -> tuple[int, int]:
    """Return the (height, width) of what comes out for frames of ``size``."""
    height, width = size
    return height, width * (2 if side_by_side else 1)


@dataclass(frozen=True)
class PaintingPlan:
    """All that decides how pixels come out: frames with equal plans may stand in one video."""

    look: Look
    rows: dict[str, str]
    """By the names of styles that are not the model's own, a hash of what they were made from."""
    timeline: str
    """Of styles over time, or which show it is."""
    side_by_side: bool
    pictures: str
    """A hash of those that the look names."""
    size_of_the_network: tuple[int, int]
    """(height, width) at which it runs."""
    tile: tuple[int, int]
    """(height, width) of the pieces that it is given."""
    engine: EngineIdentity
    model: str
    """A hash of its file; of several, their hashes."""
    processor: str
    """A hash of its name: others round otherwise."""
    versions: dict[str, str]
    """Of the packages that have a part in it."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON gives it back: with lists in place of tuples."""
        plan: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plan


def plan_painting(
    stylizer: Stylizer,
    size: tuple[int, int],
    timeline: Timeline,
    side_by_side: bool,
    show: Show | None = None,
) -> PaintingPlan:
    """Return how frames of (height, width) ``size`` will be painted."""
    engine, network = stylizer.engine, stylizer.plan_size(size)
    named = {*stylizer.look.style_names, *timeline.style_names}
    named |= {name for name, _ in stylizer.look.behind_mix or ()}
    named |= {*show.style_names} if show else set()
    rows = {row.style.name: row.digest for row in stylizer.models.rows if row.style.name in named}
    return PaintingPlan(
        stylizer.look,
        rows,
        timeline.as_text() if show is None else f"show {show.digest}",
        side_by_side,
        stylizer.pictures.digest,
        network,
        stylizer.network.piece_size(network),
        EngineIdentity.of(engine),
        " ".join(map(_hash_model, stylizer.engines)),
        hashlib.sha256(processor().encode()).hexdigest()[:16],
        {name: _version(name) for name in ("livebrush", "av", "numpy", engine.name)},
    )


def _hash_model(engine: Engine) -> str:
    path = engine.model.int8_path if engine.precision in ("int8", "fp8") else engine.model.path
    return hashlib.sha256((path or engine.model.path).read_bytes()).hexdigest()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
