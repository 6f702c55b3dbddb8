"""Writes a painted video: segment after segment, and at the end one file with all that the input had around its pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engines.base import cpu_threads
from engines.errors import SinkError
from realtime.disk import write_errors
from realtime.frame import Frame
from realtime.sinks.encoding import Encoding
from realtime.sinks.join import join
from realtime.sinks.pending_file import commit_file
from realtime.sinks.segment_writer import SegmentWriter, segment_suffix
from realtime.sinks.video_encoder import VideoEncoder
from realtime.sinks.work_folder import WorkFolder, recorded_plan
from realtime.sources.video_file import VideoFile

SEGMENT_FRAMES = 48  # what a kill may cost, in frames; each begins with a picture that needs no other, as players like it


class VideoOutput:
    """The painted version of ``source`` at ``path``, in (height, width) ``size`` (None: that of the source). Call every method
    from one thread; end with ``finish`` or ``discard``.

    Frames are encoded in segments of ``SEGMENT_FRAMES``, which stay in a hidden folder beside ``path`` until all are there.
    With ``resume`` the segments of an interrupted run are taken over: ``frames`` and ``resumed`` then are their frames, which
    shall not come again, and ``state`` what ``remember(index)`` gave after the last of those. ``made_with`` is what decides
    how frames look, JSON-ready; a resumed run must have the same.

    Frames keep their pts. With ``--ss``, and where the first pts is negative (a player would skip such frames), pictures and
    sound move together so that the first frame is at 0. Raises SinkError, UsageError.
    """

    def __init__(
        self,
        path: Path,
        source: VideoFile,
        encoding: Encoding,
        size: tuple[int, int] | None = None,
        made_with: dict[str, Any] | None = None,
        remember: Callable[[int], dict[str, np.ndarray]] = lambda index: {},
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self._source = source
        self._encoding = encoding
        self._remember = remember
        before = recorded_plan(path) if resume else {}
        self._encoder = VideoEncoder(path, source, encoding, size or source.size, before.get("encoder_threads", cpu_threads()))
        self.notes: list[str] = list(self._encoder.notes)
        self._shift = source.first_pts if source.is_cut or source.first_pts < 0 else 0
        self._suffix = segment_suffix(self._encoder, path)
        self._work = WorkFolder(path, {**self._plan(), **(made_with or {})}, resume, overwrite)
        self._segment: SegmentWriter | None = None
        self.resumed = self.frames = sum(segment.frames for segment in self._work.segments)
        self.state = self._work.state

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """Encode ``pixels``, (H, W, 3) uint8 RGB of the output's size, at the time of ``frame``."""
        with write_errors(self.path, self._encoder.codec):
            if self._segment is None:
                self._segment = SegmentWriter(self._work.path / f"part{self._suffix}", self._encoder, frame)
            self._segment.write(frame, pixels)
            self.frames += 1
            if self._segment.frames == SEGMENT_FRAMES:
                self._end_segment(self._remember(frame.index))

    def finish(self, name: Path | None = None) -> Path:
        """Put everything together, prove it, give the file its name, or ``name`` in the same folder; return that."""
        target = name or self.path
        with write_errors(target, self._encoder.codec):
            if self._segment is not None:
                self._end_segment({})
            if not self._work.segments:
                raise SinkError(f"{target}: no frame was written.")
            joined = self._work.path / f"joined{target.suffix}"
            files = [self._work.segment_path(number, self._suffix) for number in range(len(self._work.segments))]
            segments = list(zip(files, self._work.segments, strict=True))
            join(joined, segments, self._source, self._shift, self._encoding.audio, self.notes)
            commit_file(joined, target)
        self._work.remove()
        return target

    def discard(self) -> int:
        """Stop. Finished segments stay for --resume, and their number of frames is returned. Harmless after ``finish``."""
        if self._segment is not None:
            self._segment.discard()
            self._segment = None
        return self._work.leave()

    def _end_segment(self, state: dict[str, np.ndarray]) -> None:
        writer, self._segment = self._segment, None
        try:
            self._work.add(writer.path, writer.finish(self._shift), state)
        except BaseException:
            writer.discard()
            raise

    def _plan(self) -> dict[str, Any]:
        source, encoder = self._source, self._encoder
        return {
            "input": source.fingerprint(),
            "begin_and_end": [None if time is None else str(time) for time in (source.start_s, source.end_s)],
            "deinterlace": source.deinterlace,
            "decoder": source.device or "cpu",
            "size": list(encoder.size),
            "encoder": [encoder.codec, encoder.pixel_format, encoder.options],
            "encoder_threads": encoder.threads,
            "segment_frames": SEGMENT_FRAMES,
        }
