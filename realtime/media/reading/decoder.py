"""Decodes the video track of an open file, from one moment to another, past damaged places."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.errors import SourceError
from realtime.media.clock import length_of, may_step, origin_of, stated_end_of
from realtime.media.packets import (
    MAX_DAMAGED_IN_A_ROW,
    PacketReader,
    is_encrypted,
    open_container,
    time_of,
)
from realtime.media.pipes import STDIO
from realtime.media.reading.losses import Losses, Tail
from realtime.media.reading.picture_files import MAX_PIXELS
from realtime.media.reading.picture_filters import deinterlace_pictures
from realtime.media.reading.video_track import video_track
from realtime.picture.gpu.decoding import is_on_gpu

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.container.core import Chapter
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

_TICKS_A_SECOND = 1_000_000  # of FFmpeg's own clock, which times of containers are in
_EARLY_S = (1, 20, None)  # before --ss; frames between are only decoded
# FFmpeg's own decoders of these pass over the transparency, which WebM keeps as a second picture
# beside each.
_DECODERS_OF_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class VideoDecoder:
    """Decodes the main video track of ``container``, which it closes at the end.

    Decoded up to its first picture on construction, which raises SourceError if there is none.
    ``start_s`` and ``end_s`` count from the file's first moment; None: all of it. One thread.
    ``seeks``: to seek to ``start_s`` though times may step before it, which the caller then finds.
    """

    first: VideoFrame
    """The first picture from ``start_s`` on."""

    damaged: int
    """How many packets could not be decoded."""

    is_encrypted: bool
    """Whether it ends where it cannot be read on without a key."""

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
        self.is_encrypted = False
        self.notes = []
        self._missing: str | None = None
        self._losses = Losses()
        self._path, self._deinterlace, self._seeks = path, deinterlace, seeks
        self.container = container
        self.stream = video_track(path, container, self.notes)
        self._context = self._open_context()
        self.time_base = self.stream.time_base or Fraction(1, _TICKS_A_SECOND)
        self.rate = Fraction(self.stream.average_rate or self.stream.guessed_rate or 25)
        self.is_cut = bool(start_s)
        self.start_s, self.end_s = start_s, end_s
        self.duration_s = self._planned_duration(start_s or Fraction(0), end_s)
        self._earliest_s: Fraction | None = None
        self._sought_s = 0.0
        self.first, self._following = self._find_first()

    @property
    def truncated(self) -> str | None:
        """Why it is only a part of what it was, known at the end; None if it is whole."""
        if self.is_encrypted:
            return "the rest is encrypted (DRM)"
        return self._missing or self._losses.describe()

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture file."""
        name = self.container.format.name
        return name == "image2" or name.endswith("_pipe")

    @property
    def codec(self) -> str:
        """FFmpeg's name of what decodes it."""
        return self.stream.codec_context.name

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel by its height, as coded."""
        aspect = self.stream.sample_aspect_ratio or Fraction(1)
        return aspect if aspect > 0 else Fraction(1)

    @property
    def timescale(self) -> int:
        """Ticks per second of which every time of picture and sound is a whole multiple."""
        bases = [sound.time_base for sound in self.container.streams.audio]
        return math.lcm(
            self.time_base.denominator, *(base.denominator for base in bases if base is not None)
        )

    @property
    def language(self) -> str | None:
        """The language of its pictures."""
        return self.stream.metadata.get("language")

    @property
    def metadata(self) -> dict[str, str]:
        """Title, date and the like."""
        return dict(self.container.metadata)

    @property
    def chapters(self) -> list[Chapter]:
        """Its chapters, on the input's clock."""
        chapters, origin_s = self.container.chapters(), origin_of(self.container)
        for chapter in chapters:
            moved = round(origin_s / (chapter["time_base"] or 1))
            chapter["start"], chapter["end"] = chapter["start"] - moved, chapter["end"] - moved
        return chapters

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
        if context.name == "exr":  # its values are light, not what is sent to a screen
            context.options["apply_trc"] = "iec61966_2_1"
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
        if first is None and self.is_encrypted:
            raise SourceError(
                f"{self._path}: is encrypted (DRM). Only a copy without it can be painted."
            )
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
        """Deinterlace from the first interlaced one on: combs would be painted as strokes.

        Those that are progressive stay as they are, before it and behind it.
        """
        for picture in pictures:
            if picture.interlaced_frame and self._deinterlace and not is_on_gpu(picture):
                self.notes.append(f"{self._path.name}: is interlaced; it is painted deinterlaced.")
                rest = itertools.chain([picture], pictures)
                yield from deinterlace_pictures(rest, self.time_base)
                return
            yield picture

    def _decode_all(self) -> Iterator[VideoFrame]:
        import av

        unread = 0  # damaged places in a row
        self._losses = losses = Losses()
        tail = Tail()
        reader = PacketReader(self.container, {self.stream.index}, self._sought_s)
        while unread <= MAX_DAMAGED_IN_A_ROW and not losses.are_hopeless:
            try:
                packet = reader.next()
            except av.error.EOFError:
                break
            except (av.error.FFmpegError, OSError):
                self.damaged += 1
                unread += 1
                continue
            unread = 0
            if packet is not None and is_encrypted(packet):
                self.is_encrypted = True
                break
            losses.sent(packet)
            tail.add(packet)
            yield from map(losses.shown, self._decode(packet))
            if packet is None:
                break
        if losses.is_behind:
            yield from map(losses.shown, self._decode_again(tail, losses.last_pts))
        losses.ended()
        self._missing = self._missing_end(unread, reader)
        if steps := reader.clock.steps:
            self.notes.append(
                f"{self._path.name}: its times start again or jump in {steps} "
                f"{'place' if steps == 1 else 'places'}; what is behind follows without a gap."
            )

    def _decode(self, packet: Packet[Any] | None) -> list[VideoFrame]:
        """Return the pictures that come with the packet, none for a damaged one; None: the end."""
        import av

        try:
            pictures = self._context.decode(packet)
        except av.error.EOFError:
            return []
        except (av.error.FFmpegError, OSError):
            self.damaged += 1
            self._losses.failed += 1
            return []
        self.damaged += packet is not None and packet.is_corrupt
        return pictures

    def _decode_again(self, tail: Tail, after_pts: int | None) -> Iterator[VideoFrame]:
        """Yield the last pictures, which a decoder of several threads gives up with one of them.

        ``after_pts``: the time of the last one that came.
        """
        import av

        if self._path == STDIO or self._context is not self.stream.codec_context:
            return
        if self._context.is_hwaccel:  # one thread already, and its pictures lie elsewhere
            return
        with open_container(self._path) as opened:
            context = opened.streams.video[self.container.streams.video.index(self.stream)]
            context.codec_context.options = self._context.options
            context.codec_context.thread_type = "NONE"
            for packet in (*tail.packets(), None):
                try:
                    pictures = context.codec_context.decode(packet)
                except (av.error.FFmpegError, OSError):
                    continue
                for picture in pictures:
                    if picture.pts is not None and (after_pts is None or picture.pts > after_pts):
                        yield picture

    def _missing_end(self, unread: int, reader: PacketReader) -> str | None:
        if unread > MAX_DAMAGED_IN_A_ROW:
            return f"{unread} damaged packets in a row"
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
