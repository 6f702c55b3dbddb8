"""Encodes a video in segments that lie on a fixed grid of frames, whoever encodes them and in
whatever order.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from realtime.frame import FileFrame, FrameMemory
from realtime.media.writing.segment_writer import SegmentWriter
from realtime.media.writing.video_encoder import VideoEncoder
from realtime.media.writing.work_folder import Segment

SEGMENT_FRAMES = 48  # what a kill may cost, in frames; each begins with a picture that needs no other, as players like it

# Number of the segment, where it has been written, the segment, what the painter remembered after
# it.
Keep = Callable[[int, "Path | io.BytesIO", Segment, FrameMemory], None]


class SegmentEncoder:
    """Takes frames in order, with gaps only between segments: segment N has the frames from
    ``SEGMENT_FRAMES`` * N on.

    Each is written where ``target()`` says, with ``shift`` taken from its times, and given to
    ``keep`` when it is finished, with what ``remember(index)`` gives after its last frame. One
    thread; call ``end`` after the last frame, or ``discard``. Raises PyAV's errors.
    """

    def __init__(
        self,
        encoder: VideoEncoder,
        suffix: str,
        shift: int,
        target: Callable[[], Path | io.BytesIO],
        remember: Callable[[int], FrameMemory],
        keep: Keep,
    ) -> None:
        self._encoder, self._suffix, self._shift = encoder, suffix, shift
        self._target, self._remember, self._keep = target, remember, keep
        self._number = 0
        self._writer: SegmentWriter | None = None

    def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
        """Encode ``pixels``, (H, W, 3) uint8 RGB of the encoder's size, at the time of ``frame``."""
        if self._writer is None:
            self._number = frame.index // SEGMENT_FRAMES
            self._writer = SegmentWriter(self._target(), self._suffix, self._encoder, frame)
        self._writer.write(frame, pixels)
        if (frame.index + 1) % SEGMENT_FRAMES == 0:
            self._finish(self._remember(frame.index))

    def end(self) -> None:
        """The last segment of the video may be shorter; nothing comes after it that would need the
        painter's memory.
        """
        if self._writer is not None:
            self._finish({})

    def discard(self) -> None:
        """Harmless after ``end``."""
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def _finish(self, state: FrameMemory) -> None:
        writer, self._writer = self._writer, None
        try:
            self._keep(self._number, writer.target, writer.finish(self._shift), state)
        except BaseException:
            writer.discard()
            raise
