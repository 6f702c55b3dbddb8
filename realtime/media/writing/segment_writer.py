"""Encodes one segment: a few frames in a row, as a file that needs no other to be decoded."""

from __future__ import annotations

import contextlib
import hashlib
import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime.frame import FileFrame
from realtime.media.writing.encoding import CONTAINERS
from realtime.media.writing.video_encoder import ALPHA_BESIDE, VideoEncoder
from realtime.media.writing.work_folder import Segment, file_hash

if TYPE_CHECKING:
    from av.packet import Packet

_FORMATS = ("mp4", "mov")  # both keep times of any time base exactly
# Matroska does not: there, a tick of the source is written as a millisecond, whatever it is.
_MILLISECONDS = Fraction(1, 1000)
MAX_TIMESCALE = 10_000_000


def segment_suffix(encoder: VideoEncoder, output: Path) -> str:
    """The ending of segment files: the first format that can hold what ``encoder`` makes, else that
    of ``output``.
    """
    import av

    if encoder.keeps_alpha and encoder.codec in ALPHA_BESIDE:
        return output.suffix

    for name in _FORMATS:
        with av.open(io.BytesIO(), "w", format=name) as container:
            if av.Codec(encoder.codec, "w").canonical_name in container.supported_codecs:
                return f".{name}"
    return output.suffix


class SegmentWriter:
    """Writes one segment, a file of ``suffix``, with an encoder of its own into ``target``, a path
    or memory.

    End with ``finish`` or ``discard``. Raises PyAV's errors.
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
        timescale = min(
            first.time_base.denominator, MAX_TIMESCALE
        )  # the default of 1000 would round the end, and so cut it
        self._is_exact = suffix[1:] in _FORMATS
        options = {"movie_timescale": str(timescale)} if self._is_exact else {}
        where = f"file:{target}" if isinstance(target, Path) else target
        self._output = av.open(where, "w", format=CONTAINERS[suffix.lower()], options=options)
        self._stream = encoder.add_stream(self._output)

    def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
        picture = self._encoder.picture(pixels, frame.alpha)
        picture.pts, picture.time_base = frame.pts - self._first_pts, frame.time_base
        self._mux(self._stream.encode(picture))
        self._last_pts = frame.pts
        self.frames += 1

    def finish(self, shift: int) -> Segment:
        """Flush and close.

        ``shift`` is taken from the times that the segment is remembered with.
        """
        self._mux(self._stream.encode(None))
        self._output.close()
        first, last = self._first_pts - shift, self._last_pts - shift
        return Segment(self.frames, first, last, reorder_delay(self._order), _hash(self.target))

    def discard(self) -> None:
        """Stop and remove the file. Harmless after ``finish``, whose file then has another name."""
        import av

        with contextlib.suppress(
            av.error.FFmpegError, OSError, ValueError
        ):  # what went wrong has been raised already
            self._output.close()
        if isinstance(self.target, Path):
            self.target.unlink(missing_ok=True)

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._order.append(packet.pts)
            if not self._is_exact:
                packet.pts, packet.dts = (
                    round(time * packet.time_base / self._time_base)
                    for time in (packet.pts, packet.dts)
                )
                packet.time_base = _MILLISECONDS
            self._output.mux(packet)


def _hash(written: Path | io.BytesIO) -> str:
    return (
        file_hash(written)
        if isinstance(written, Path)
        else hashlib.sha256(written.getbuffer()).hexdigest()
    )


def ticks_of(packet: Packet, path: Path, time_base: Fraction) -> int:
    """When a packet of the segment at ``path`` is shown, in ticks of the source's ``time_base``
    from the segment's beginning.
    """
    is_exact = path.suffix[1:] in _FORMATS
    return round(packet.pts * packet.time_base / (time_base if is_exact else _MILLISECONDS))


def reorder_delay(times: list[int]) -> int:
    """By how many frames decoding must be ahead of showing, for presentation ``times`` in the order
    of decoding.
    """
    shown = {time: place for place, time in enumerate(sorted(times))}
    return max((place - shown[time] for place, time in enumerate(times)), default=0)
