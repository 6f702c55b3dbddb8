"""Writes a painted video.

It is written segment after segment, and at the end becomes one file with all that the input had
around its pictures.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.atomic_write import commit_file
from engines.errors import SinkError
from engines.machine import cpu_threads
from realtime.frame import FileFrame, FrameMemory
from realtime.media.disk import write_errors
from realtime.media.info import VideoInfo
from realtime.media.writing.carried_tracks import Ways
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.join import join
from realtime.media.writing.manifest import Segment
from realtime.media.writing.segment_writer import SegmentWriter, segment_suffix
from realtime.media.writing.segments import SEGMENT_FRAMES, Resume, SegmentEncoder, SegmentForm
from realtime.media.writing.video_encoder import VideoEncoder
from realtime.media.writing.work_folder import Plan, WorkFolder, recorded_encoder_threads

if TYPE_CHECKING:
    from realtime.frame import Pixels


@dataclass(frozen=True)
class VideoPlan:
    """How a video is read and encoded: segments with equal plans may stand in one file."""

    input: str
    """The fingerprint of the source."""
    begin_and_end: tuple[str | None, str | None]
    """What is read of it, as fractions of a second on its own clock."""
    deinterlace: bool
    decoder: str
    """The device that decodes."""
    size: tuple[int, int]
    """(height, width) as encoded."""
    encoder: tuple[str, str, dict[str, str]]
    """Its name, its pixel format and its options."""
    encoder_threads: int
    segment_frames: int = SEGMENT_FRAMES

    @classmethod
    def of(cls, source: VideoInfo, encoder: VideoEncoder) -> VideoPlan:
        """Return how ``source`` is read, and its painting encoded by ``encoder``."""
        start_s, end_s = source.start_s, source.end_s
        return cls(
            input=source.fingerprint(),
            begin_and_end=(
                None if start_s is None else str(start_s),
                None if end_s is None else str(end_s),
            ),
            deinterlace=source.deinterlace,
            decoder=source.device or "cpu",
            size=encoder.size,
            encoder=(encoder.codec, encoder.pixel_format, encoder.options),
            encoder_threads=encoder.threads,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON gives it back: with lists in place of tuples."""
        plan: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plan


class VideoOutput:
    """The painted version of ``source`` at ``path``, in (height, width) ``size``.

    None: the size of the source. Call every method from one thread; end with ``finish`` or
    ``discard``.

    Segments (segments.py beside this) stay in a hidden folder beside ``path`` until all are there.
    They are made from what ``write`` is given, or elsewhere in the same ``form``, and given to
    ``take``. With ``resumes`` those of an interrupted run are taken over: ``resume`` tells which
    frames shall not come again. ``made_with`` is what decides how frames look; a resumed run must
    have the same. With ``overwrite`` what an interrupted run has left is removed.

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
        made_with: Plan | None = None,
        resumes: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self._source = source
        self._encoding = encoding
        recorded = recorded_encoder_threads(path) if resumes else None
        threads = recorded or cpu_threads()
        self._encoder = VideoEncoder(path, source, encoding, size or source.size, threads)
        self.notes: list[str] = list(self._encoder.notes)
        self.form = SegmentForm(
            path,
            self._encoder.threads,
            segment_suffix(self._encoder, path),
            source.first_pts if source.is_cut or source.first_pts < 0 else 0,
        )
        plan = VideoPlan.of(source, self._encoder).as_dict()
        if made_with is not None:
            plan |= made_with.as_dict()
        self._work = WorkFolder(path, plan, resumes, overwrite)
        self._part = self._work.path / f"part{self.form.suffix}"
        self.resume = Resume(self._work.segments, self._work.memory_after)
        self._segments = SegmentEncoder(
            self._encoder, self.form, self.resume, lambda: self._part, self._work.put
        )
        self._ways: Ways = {}
        try:
            self._rehearse(size or source.size)
        except BaseException:
            self._work.leave()
            raise

    @property
    def frames(self) -> int:
        """Return how many are in finished segments."""
        return sum(segment.frames for segment in self._work.segments.values())

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Encode ``pixels``, (H, W, 3) uint8 RGB of the output's size, at the time of ``frame``."""
        with write_errors(self.path, self._encoder.codec):
            self._segments.write(frame, pixels)

    def take(self, number: int, content: bytes, segment: Segment, memory: FrameMemory) -> None:
        """Keep segment ``number``, which was made elsewhere; ``content`` is its file.

        They may come in any order. ``memory``: what the painter remembered after it.
        """
        with write_errors(self.path):
            self._part.write_bytes(content)
            self._work.put(number, self._part, segment, memory)

    def finish(self, last_duration: int, name: Path | None = None) -> Path:
        """Put everything together, prove it, and give the file its name; return that.

        ``last_duration``: how long the last frame is shown, in ticks of the source. ``name``: takes
        the place of the name, in the same folder.
        """
        target = name or self.path
        with write_errors(target, self._encoder.codec):
            self._segments.end()
        with write_errors(target):
            if not self._work.segments:
                raise SinkError(f"{target}: no frame was written.")
            segments = [
                (self._work.segment_path(n, self.form.suffix), s)
                for n, s in sorted(self._work.segments.items())
            ]
            joined = self._work.path / f"joined{target.suffix}"
            join(
                joined,
                segments,
                self._source,
                last_duration,
                self.form.shift,
                self._encoding.audio,
                self.notes,
                self._ways,
            )
            commit_file(joined, target)
        self._work.remove()
        return target

    def _rehearse(self, size: tuple[int, int]) -> None:
        """Write the file that will be, with one gray frame and the first second of the rest.

        Whatever cannot be written is known before hours of painting.
        """
        source = self._source
        gray = np.full((*size, 3), 128, np.uint8)
        frame = FileFrame(gray, 0, source.first_pts, source.time_base)
        ends_s = [source.first_pts * source.time_base + 1, source.end_s]
        beginning = replace(source, end_s=min(end_s for end_s in ends_s if end_s is not None))
        joined = self._work.path / f"joined{self.path.suffix}"
        try:
            with write_errors(self.path, self._encoder.codec):
                writer = SegmentWriter(self._part, self.form.suffix, self._encoder, frame)
                writer.write(frame, gray)
                segment = writer.finish(self.form.shift)
                join(
                    joined,
                    [(self._part, segment)],
                    beginning,
                    max(1, round(1 / source.rate / source.time_base)),
                    self.form.shift,
                    self._encoding.audio,
                    self.notes,
                    self._ways,
                    is_trial=True,
                )
        finally:
            self._part.unlink(missing_ok=True)
            joined.unlink(missing_ok=True)

    def discard(self) -> int:
        """Stop.

        Finished segments stay for --resume, and their number of frames is returned. Harmless after
        ``finish``.
        """
        self._segments.discard()
        return self._work.leave()
