"""Encodes one segment: a few frames in a row, as a file that needs no other to be decoded."""

from __future__ import annotations

import contextlib
import hashlib
import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from realtime.frame import FileFrame
from realtime.media.format_registry import VIDEO_FORMATS, video_format
from realtime.media.packets import time_of
from realtime.media.writing.manifest import Segment
from realtime.media.writing.scheduling import scheduling_kept
from realtime.media.writing.video_encoder import VideoEncoder
from realtime.media.writing.work_folder import file_hash

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from realtime.frame import Pixels

# Matroska does not keep times exactly: there, a tick of the source is written as a millisecond,
# whatever it is.
_MILLISECONDS = Fraction(1, 1000)
MAX_TIMESCALE = 10_000_000


def segment_suffix(encoder: VideoEncoder, output: Path) -> str:
    """Return the ending of segment files of ``output``.

    That is the first format that keeps times exactly and holds what ``encoder`` makes, else that
    of ``output``.
    """
    import av

    if encoder.keeps_alpha_beside:
        return output.suffix
    for suffix, form in VIDEO_FORMATS.items():
        if form.has_timescale:
            # Tried: FFmpeg's list of what a container takes has more than it then writes.
            with (
                contextlib.suppress(av.error.FFmpegError, ValueError),
                av.open(io.BytesIO(), "w", format=form.container) as container,
                scheduling_kept(),
            ):
                encoder.add_stream(container)
                container.start_encoding()
                return suffix
    return output.suffix


class SegmentWriter:
    """Writes one segment, a file of ``suffix``, with an encoder of its own into ``target``.

    ``target``: a path or memory. ``first``: the frame that it begins with, which is to be written,
    too. End with ``finish`` or ``discard``. Raises PyAV's errors.
    """

    def __init__(
        self, target: Path | io.BytesIO, suffix: str, encoder: VideoEncoder, first: FileFrame
    ) -> None:
        import av

        self.target = target
        self.frames = 0
        self._encoder = encoder
        self._first_pts = self._last_pts = first.pts
        self._order: list[int] = []
        self._time_base = first.time_base
        form = VIDEO_FORMATS[suffix.lower()]
        self._is_exact = form.has_timescale
        # The default of 1000 would round the end, and so cut it.
        timescale = min(first.time_base.denominator, MAX_TIMESCALE)
        options = {"movie_timescale": str(timescale)} if self._is_exact else {}
        where = f"file:{target}" if isinstance(target, Path) else target
        self._output = av.open(where, "w", format=form.container, options=options)
        self._stream: VideoStream | None = None
        self._held: list[VideoFrame] = []

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Encode ``pixels``, (H, W, 3) uint8 RGB of the encoder's size, at the frame's time."""
        picture = self._encoder.picture(pixels, frame.alpha)
        picture.pts, picture.time_base = frame.pts - self._first_pts, frame.time_base
        self._held.append(picture)
        if self._stream is not None or len(self._held) > self._encoder.few_frames:
            self._encode_held()
        self._last_pts = frame.pts
        self.frames += 1

    def finish(self, shift: int) -> Segment:
        """Flush and close.

        ``shift`` is taken from the times that the segment is remembered with.
        """
        self._mux(self._encode_held().encode(None))
        self._output.close()
        first, last = self._first_pts - shift, self._last_pts - shift
        return Segment(self.frames, first, last, reorder_delay(self._order), _hash(self.target))

    def discard(self) -> None:
        """Stop and remove the file. Harmless after ``finish``, whose file then has another name."""
        import av

        # What went wrong has been raised already.
        with contextlib.suppress(av.error.FFmpegError, OSError, ValueError):
            self._output.close()
        if isinstance(self.target, Path):
            self.target.unlink(missing_ok=True)

    def _encode_held(self) -> VideoStream:
        """Encode what is held back, until it is known that there are more than few frames."""
        if self._stream is not None:
            return self._encode_with(self._stream)
        has_few_frames = len(self._held) <= self._encoder.few_frames
        self._stream = self._encoder.add_stream(self._output, has_few_frames)
        with scheduling_kept():  # the first picture opens the encoder
            return self._encode_with(self._stream)

    def _encode_with(self, stream: VideoStream) -> VideoStream:
        for picture in self._held:
            self._mux(stream.encode(picture))
        self._held.clear()
        return stream

    def _mux(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            self._order.append(time_of(packet))
            if not self._is_exact:
                packet.pts = self._ticks(packet.pts, packet.time_base)
                packet.dts = self._ticks(packet.dts, packet.time_base)
                packet.time_base = _MILLISECONDS
            self._output.mux(packet)

    def _ticks(self, time: int | None, time_base: Fraction) -> int | None:
        return None if time is None else round(time * time_base / self._time_base)


def _hash(written: Path | io.BytesIO) -> str:
    if isinstance(written, Path):
        return file_hash(written)
    return hashlib.sha256(written.getbuffer()).hexdigest()


def ticks_of(packet: Packet[Any], path: Path, time_base: Fraction) -> int:
    """Return when a packet of the segment at ``path`` is shown, from the segment's beginning.

    In ticks of the source's ``time_base``.
    """
    tick_s = time_base if video_format(path).has_timescale else _MILLISECONDS
    return round(time_of(packet) * packet.time_base / tick_s)


def reorder_delay(times: list[int]) -> int:
    """Return by how many frames decoding must be ahead of showing.

    ``times``: of presentation, each once, in the order of decoding.
    """
    shown = {time: place for place, time in enumerate(sorted(times))}
    return max((place - shown[time] for place, time in enumerate(times)), default=0)
