"""Writes a painted video: segment after segment, and at the end one file with all that the input
had around its pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import cpu_threads
from engines.errors import SinkError
from realtime.frame import FileFrame
from realtime.media.disk import write_errors
from realtime.media.info import VideoInfo
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.join import join
from realtime.media.writing.pending_file import commit_file
from realtime.media.writing.segment_writer import segment_suffix
from realtime.media.writing.segments import SEGMENT_FRAMES, FrameMemory, SegmentEncoder
from realtime.media.writing.video_encoder import VideoEncoder
from realtime.media.writing.work_folder import Segment, WorkFolder, recorded_plan


class VideoOutput:
    """The painted version of ``source`` at ``path``, in (height, width) ``size`` (None: that of the
    source).

    Call every method from one thread; end with ``finish`` or ``discard``.

    Segments (segments.py beside this) stay in a hidden folder beside ``path`` until all are there.
    They are made from what ``write`` is given, or elsewhere, with ``threads`` of the encoder,
    ``suffix`` and ``shift``, and given to ``take``. With ``resume`` those of an interrupted run are
    taken over: ``resumed`` is the number of their frames; those that ``has`` names shall not come
    again, and ``state_before`` is what ``remember`` gave after the frame before, {} if that is not
    known. ``made_with`` is what decides how frames look, JSON-ready; a resumed run must have the
    same.

    Frames keep their pts. With ``--ss``, and where the first pts is negative (a player would skip
    such frames), pictures and sound move together so that the first frame is at 0. Raises
    SinkError, UsageError.
    """

    def __init__(
        self,
        path: Path,
        source: VideoInfo,
        encoding: Encoding,
        size: tuple[int, int] | None = None,
        made_with: dict[str, Any] | None = None,
        remember: Callable[[int], FrameMemory] = lambda index: {},
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self._source = source
        self._encoding = encoding
        before = recorded_plan(path) if resume else {}
        self._encoder = VideoEncoder(
            path,
            source,
            encoding,
            size or source.size,
            before.get("encoder_threads", cpu_threads()),
        )
        self.notes: list[str] = list(self._encoder.notes)
        self.threads = self._encoder.threads
        self.shift = source.first_pts if source.is_cut or source.first_pts < 0 else 0
        self.suffix = segment_suffix(self._encoder, path)
        self._work = WorkFolder(path, {**self._plan(), **(made_with or {})}, resume, overwrite)
        self._part = self._work.path / f"part{self.suffix}"
        self._segments = SegmentEncoder(
            self._encoder, self.suffix, self.shift, lambda: self._part, remember, self._work.put
        )
        self.resumed = self.frames

    @property
    def frames(self) -> int:
        """How many are in finished segments."""
        return sum(segment.frames for segment in self._work.segments.values())

    def has(self, index: int) -> bool:
        return index // SEGMENT_FRAMES in self._work.segments

    def state_before(self, index: int) -> FrameMemory:
        return self._work.state_after(index // SEGMENT_FRAMES - 1)

    def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
        """Encode ``pixels``, (H, W, 3) uint8 RGB of the output's size, at the time of ``frame``."""
        with write_errors(self.path, self._encoder.codec):
            self._segments.write(frame, pixels)

    def take(self, number: int, content: bytes, segment: Segment, state: FrameMemory) -> None:
        """Keep segment ``number``, the ``content`` of whose file was made elsewhere.

        In any order.
        """
        with write_errors(self.path):
            self._part.write_bytes(content)
            self._work.put(number, self._part, segment, state)

    def finish(self, last_duration: int, name: Path | None = None) -> Path:
        """Put everything together, prove it, give the file its name, or ``name`` in the same
        folder; return that.
        """
        target = name or self.path
        with write_errors(target, self._encoder.codec):
            self._segments.end()
        with write_errors(target):
            if not self._work.segments:
                raise SinkError(f"{target}: no frame was written.")
            joined = self._work.path / f"joined{target.suffix}"
            segments = [
                (self._work.segment_path(n, self.suffix), s)
                for n, s in sorted(self._work.segments.items())
            ]
            join(
                joined,
                segments,
                self._source,
                last_duration,
                self.shift,
                self._encoding.audio,
                self.notes,
            )
            commit_file(joined, target)
        self._work.remove()
        return target

    def discard(self) -> int:
        """Stop.

        Finished segments stay for --resume, and their number of frames is returned. Harmless after
        ``finish``.
        """
        self._segments.discard()
        return self._work.leave()

    def _plan(self) -> dict[str, Any]:
        source, encoder = self._source, self._encoder
        return {
            "input": source.fingerprint(),
            "begin_and_end": [
                None if time is None else str(time) for time in (source.start_s, source.end_s)
            ],
            "deinterlace": source.deinterlace,
            "decoder": source.device or "cpu",
            "size": list(encoder.size),
            "encoder": [encoder.codec, encoder.pixel_format, encoder.options],
            "encoder_threads": encoder.threads,
            "segment_frames": SEGMENT_FRAMES,
        }
