"""Encodes a video in segments on a fixed grid of frames, whoever encodes them, in any order."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar

from realtime.frame import FileFrame, FrameMemory
from realtime.media.writing.manifest import Segment
from realtime.media.writing.segment_writer import SegmentWriter
from realtime.media.writing.video_encoder import VideoEncoder

if TYPE_CHECKING:
    from realtime.frame import Pixels

# What a kill may cost, in frames. Each segment begins with a keyframe, as players like it.
SEGMENT_FRAMES = 48

Target = TypeVar("Target", Path, io.BytesIO)


class Resume:
    """What the painting of a file goes on from, and what it can be gone on from later.

    The painter and the output of a file hold the same one. The painter leaves out the frames that
    it ``has``. Where frames were left out, the painter begins from ``memory_before``. At the end
    of each segment it calls ``leave_memory``, and the thread that writes calls ``take_memory``.

    ``segments``: those that are finished, by number; more may come while it is in use.
    ``memory_after``: what the painter remembered after the segment of a number, {} if unknown.
    ``frames``: how many were finished at the beginning.
    """

    def __init__(
        self,
        segments: Mapping[int, Segment] = MappingProxyType({}),
        memory_after: Callable[[int], FrameMemory] = lambda _: {},
    ) -> None:
        self.frames = sum(segment.frames for segment in segments.values())
        self._segments, self._memory_after = segments, memory_after
        self._left: dict[int, FrameMemory] = {}

    def has(self, index: int) -> bool:
        """Return whether frame ``index`` is in a finished segment."""
        return index // SEGMENT_FRAMES in self._segments

    def memory_before(self, index: int) -> FrameMemory:
        """Return what the painter remembered before ``index``, the first frame of a segment."""
        return self._memory_after(index // SEGMENT_FRAMES - 1)

    def leave_memory(self, index: int, memory: FrameMemory) -> None:
        """Keep what the painter remembers after ``index``, the last frame of a segment.

        It replaces what was left before: an output without segments never takes it.
        """
        self._left = {index: memory}

    def take_memory(self, index: int) -> FrameMemory:
        """Return what was left after frame ``index``, once; {} if nobody leaves anything.

        Raises KeyError once the next segment has ended: it is longer than what waits between
        painting and writing.
        """
        return self._left.pop(index) if self._left else {}


@dataclass(frozen=True)
class SegmentForm:
    """What the segments of one video have in common, wherever they are encoded."""

    path: Path
    """What the video will be called."""
    threads: int
    """Of the encoder: x264 and its like give other bits with another number."""
    suffix: str
    """The ending of their files."""
    shift: int
    """What is taken from their times, in ticks of the source."""


@dataclass(frozen=True)
class _OpenSegment(Generic[Target]):
    number: int
    target: Target
    writer: SegmentWriter


class SegmentEncoder(Generic[Target]):
    """Takes frames in order; segment N has the frames from ``SEGMENT_FRAMES`` * N on.

    There may be gaps only between segments. Each segment is written into what ``open_target``
    returns. When it is finished, ``keep`` gets its number, its target, the segment and what the
    painter remembered after it, taken from ``resume``.

    One thread; call ``end`` after the last frame, or ``discard``. Raises PyAV's errors.
    """

    def __init__(
        self,
        encoder: VideoEncoder,
        form: SegmentForm,
        resume: Resume,
        open_target: Callable[[], Target],
        keep: Callable[[int, Target, Segment, FrameMemory], None],
    ) -> None:
        self._encoder, self._form, self._resume = encoder, form, resume
        self._open_target: Callable[[], Target] = open_target
        self._keep: Callable[[int, Target, Segment, FrameMemory], None] = keep
        self._open: _OpenSegment[Target] | None = None

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Encode ``pixels`` at the time of ``frame``.

        ``pixels``: (H, W, 3) uint8 RGB of the encoder's size.
        """
        segment = self._open or self._begin(frame)
        segment.writer.write(frame, pixels)
        if (frame.index + 1) % SEGMENT_FRAMES == 0:
            self._finish(segment, self._resume.take_memory(frame.index))

    def end(self) -> None:
        """Finish the last segment of the video, which may be shorter.

        Nothing comes after it that would need the painter's memory.
        """
        if self._open is not None:
            self._finish(self._open, {})

    def discard(self) -> None:
        """Stop and remove the segment that is not finished. Harmless after ``end``."""
        if self._open is not None:
            self._open.writer.discard()
            self._open = None

    def _begin(self, frame: FileFrame) -> _OpenSegment[Target]:
        target = self._open_target()
        writer = SegmentWriter(target, self._form.suffix, self._encoder, frame)
        self._open = _OpenSegment(frame.index // SEGMENT_FRAMES, target, writer)
        return self._open

    def _finish(self, open_segment: _OpenSegment[Target], memory: FrameMemory) -> None:
        self._open = None
        try:
            segment = open_segment.writer.finish(self._form.shift)
            self._keep(open_segment.number, open_segment.target, segment, memory)
        except BaseException:
            open_segment.writer.discard()
            raise
