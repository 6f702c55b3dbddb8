"""Decodes the video track of an open file, from one moment to another, past damaged places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import SourceError
from realtime.media.clock import length_of, may_step, origin_of, stated_end_of
from realtime.media.packets import (
    COVER_PICTURE,
    MAX_DAMAGED_IN_A_ROW,
    PacketReader,
    open_container,
    time_of,
)
from realtime.media.pipes import STDIO
from realtime.media.reading.picture_filters import deinterlace_pictures

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PIXELS = 8192 * 8192
_TICKS_A_SECOND = 1_000_000  # of FFmpeg's own clock, which times of containers are in
_EARLY_S = (1, 20, None)  # before --ss; frames between are only decoded
# FFmpeg's own decoders of these pass over the transparency, which WebM keeps as a second picture
# beside each.
_DECODERS_OF_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class VideoDecoder:
    """Decodes the first video track of ``container``, which it closes at the end.

    Decoded up to its first picture on construction, which raises SourceError if there is none.
    ``start_s`` and ``end_s`` count from the file's first moment; None: all of it. One thread.
    ``seeks``: to seek to ``start_s`` though times may step before it, which the caller then finds.
    """

    first: VideoFrame
    """The first picture from ``start_s`` on."""

    damaged: int
    """How many packets could not be decoded."""

    truncated: str | None
    """Why the end of the file is missing; None if it is not."""

    notes: list[str]
    """Lines that the user should see."""

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        start_s: Fraction | None,
        end_s: Fraction | None,
        deinterlace: bool,
        seeks: bool = False,
    ) -> None:
        self.damaged = 0
        self.truncated = None
        self.notes = []
        self._path, self._deinterlace, self._seeks = path, deinterlace, seeks
        self.container = container
        self.stream = _video_stream(path, container)
        self._context = self._open_context()
        self.time_base = self.stream.time_base or Fraction(1, _TICKS_A_SECOND)
        self.rate = Fraction(self.stream.average_rate or self.stream.guessed_rate or 25)
        self.is_cut = bool(start_s)
        self.start_s, self.end_s = start_s, end_s
        self.duration_s = self._planned_duration(start_s or Fraction(0), end_s)
        self._earliest_s: Fraction | None = None
        self._sought_s = 0.0
        self.first, self._following = self._find_first()

    def pictures(self) -> Iterator[VideoFrame]:
        """Yield every picture once, unconverted, in order of presentation; to be iterated once."""
        yield self.first
        while (picture := next(self._following, None)) is not None:
            yield picture

    def close(self) -> None:
        """End ``pictures`` and close the container; closing twice is harmless."""
        # The generator holds the decoder's frames, and this object: a circle that only gc would
        # free.
        self._following = iter(())
        self.container.close()

    def _open_context(self) -> VideoCodecContext:
        context = self._context_with_alpha() or self.stream.codec_context
        # The decoder checks each frame: sizes may change midway.
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_type = "NONE" if context.is_hwaccel else "AUTO"
        return context

    def _context_with_alpha(self) -> VideoCodecContext | None:
        """Open a decoder that keeps transparency, if there is any and it takes another one."""
        import av
        from av.video.codeccontext import VideoCodecContext

        name = _DECODERS_OF_ALPHA.get(self.stream.codec_context.name)
        tags = {key.lower(): value for key, value in self.stream.metadata.items()}
        if name is None or tags.get("alpha_mode") != "1":
            return None
        try:
            decoder = av.CodecContext.create(name, "r")
        except (av.error.FFmpegError, ValueError):
            decoder = None
        if not isinstance(decoder, VideoCodecContext):
            self.notes.append(
                f"{self._path.name}: its transparency is lost, because this FFmpeg has no {name}."
            )
            return None
        decoder.extradata = self.stream.codec_context.extradata
        return decoder

    def _planned_duration(self, start_s: Fraction, end_s: Fraction | None) -> float | None:
        whole_s = length_of(self.container)
        if whole_s is not None and start_s >= whole_s and not may_step(self.container):
            raise SourceError(
                f"--ss {float(start_s):g}: {self._path} ends at {float(whole_s):.2f} s."
            )
        ends = [end for end in (whole_s, end_s) if end is not None]
        return max(0.0, float(min(ends) - start_s)) if ends else None

    def _find_first(self) -> tuple[VideoFrame, Iterator[VideoFrame]]:
        """Decode up to the first picture from ``start_s`` on; return it, and those behind it.

        A seek early enough lands on a keyframe before it; MPEG-TS and -PS land anywhere and then
        decode from the next keyframe on, so it is tried from further and further back.
        """
        noted, damaged = len(self.notes), self.damaged
        # Bare H.264, which has no times, has no length either, and is read from its start.
        start_s = self.start_s if self.is_cut and self.container.duration else None
        if start_s is not None and not self._seeks and self._steps_before(start_s):
            self.notes.append(
                f"{self._path.name}: its times step back or jump, so it is read from its start."
            )
            start_s = None
        for early_s in _EARLY_S if start_s is not None else (None,):
            seeks = start_s is not None and self._seek(start_s, early_s)
            self._earliest_s = None
            following = self._decode_between()
            first = next(following, None)
            if not seeks or early_s is None or self._has_seen_before(start_s):
                break
            del self.notes[noted:]
            self.damaged = damaged
        if first is None:
            behind = f" from --ss {float(self.start_s):g} on" if self.start_s else ""
            raise SourceError(f"{self._path}: no frame of it can be decoded{behind}.")
        return first, following

    def _steps_before(self, start_s: Fraction) -> bool:
        """Whether times step before ``start_s``: a seek would then land anywhere.

        Only looked for where that may be; it is as fast as the disk.
        """
        import av

        if not may_step(self.container) or self._path == STDIO:
            return False
        damaged = 0
        with open_container(self._path) as opened:
            reader = PacketReader(opened, {self.stream.index})
            while damaged <= MAX_DAMAGED_IN_A_ROW:
                try:
                    packet = reader.next()
                except (av.error.FFmpegError, OSError):
                    damaged += 1
                    continue
                damaged = 0
                if packet is None or time_of(packet) * packet.time_base > start_s:
                    break
            return reader.clock.steps > 0

    def _has_seen_before(self, start_s: Fraction | None) -> bool:
        """Whether a picture of that time or an earlier one has been decoded since the seek."""
        earliest_s = self._earliest_s
        return start_s is not None and earliest_s is not None and earliest_s <= start_s

    def _seek(self, start_s: Fraction, early_s: int | None) -> bool:
        """Seek to so many seconds before ``start_s``, None: to the file's start; tell if it can."""
        import av

        place_s = Fraction(0) if early_s is None else max(Fraction(0), start_s - early_s)
        try:
            self.container.seek(int((place_s + origin_of(self.container)) * _TICKS_A_SECOND))
        except av.error.FFmpegError:
            self.notes.append(f"{self._path.name}: cannot seek, so it is read from its start.")
            return False
        self._context.flush_buffers()
        self._sought_s = float(place_s)
        return True

    def _decode_between(self) -> Iterator[VideoFrame]:
        """Yield the pictures between ``start_s`` and ``end_s``.

        Those without times are counted from the start.
        """
        for index, picture in enumerate(self._deinterlaced(self._decode_all())):
            if picture.pts is None:
                time_s = index / self.rate
            else:
                time_s = picture.pts * self.time_base
                self._earliest_s = time_s if self._earliest_s is None else self._earliest_s
            if self.end_s is not None and time_s >= self.end_s:
                return
            if self.start_s is None or time_s >= self.start_s:
                yield picture

    def _deinterlaced(self, pictures: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """Deinterlace if the first of them is interlaced: combs would be painted as strokes."""
        first = next(pictures, None)
        if first is None:
            return
        pictures = itertools.chain([first], pictures)
        if first.interlaced_frame and self._deinterlace:
            self.notes.append(f"{self._path.name}: is interlaced; it is painted deinterlaced.")
            pictures = deinterlace_pictures(pictures, self.time_base)
        yield from pictures

    def _decode_all(self) -> Iterator[VideoFrame]:
        import av

        in_a_row = 0
        reader = PacketReader(self.container, {self.stream.index}, self._sought_s)
        while in_a_row <= MAX_DAMAGED_IN_A_ROW:
            try:
                packet = reader.next()
                pictures = self._context.decode(packet)
            except av.error.EOFError:
                break
            except (av.error.FFmpegError, OSError):
                self.damaged += 1
                in_a_row += 1
                continue
            in_a_row = 0
            yield from pictures
            if packet is None:
                break
        self.truncated = self._missing_end(in_a_row, reader)
        if steps := reader.clock.steps:
            self.notes.append(
                f"{self._path.name}: its times start again or jump in {steps} "
                f"{'place' if steps == 1 else 'places'}; what is behind follows without a gap."
            )

    def _missing_end(self, damaged_in_a_row: int, reader: PacketReader) -> str | None:
        if damaged_in_a_row > MAX_DAMAGED_IN_A_ROW:
            return f"{damaged_in_a_row} damaged packets in a row"
        if "mov" in self.container.format.name and not self.is_cut:
            # Its index, less what an edit list hides.
            stated = min(self.stream.frames, len(self.stream.index_entries))
            if reader.count < stated:
                return f"the last {stated - reader.count} of {stated} frames are missing"
            if reader.cut_off:
                return "a part of the last frame or of its sound is missing"
        end_s, duration_s = stated_end_of(self.container), length_of(self.container)
        if end_s is None or duration_s is None or reader.count == self.stream.frames:
            return None
        missing_s = float(end_s - reader.end_s)
        if missing_s <= max(0.25, float(3 / self.rate)):
            return None
        return f"the last {missing_s:.2f} of {float(duration_s):.2f} s are missing"


def _video_stream(path: Path, container: InputContainer) -> VideoStream:
    """Find the first video track that is no cover. Raises SourceError if it cannot be decoded."""
    streams = [
        stream for stream in container.streams.video if not int(stream.disposition) & COVER_PICTURE
    ]
    if not streams:
        raise SourceError(f"{path}: has no video track.")
    context = streams[0].codec_context
    if context is None:
        raise SourceError(f"{path}: its video is coded in a way that is not known here.")
    if context.width * context.height > MAX_PIXELS:
        raise SourceError(
            f"{path}: {context.width}x{context.height} is more than {MAX_PIXELS >> 20} "
            "megapixels. A picture of that size is painted with --tile 1024, and with libvips "
            "(pip install 'livebrush[large]')."
        )
    return streams[0]
