"""Carries what an input has beside its pictures into the painted video.

Sound and subtitles packet for packet, or converted where that must be; covers and attachments.
"""

from __future__ import annotations

import contextlib
import enum
import io
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from realtime.media.clock import may_step, origin_of
from realtime.media.file_format import VideoFormat
from realtime.media.packets import (
    COVER_PICTURE,
    MAX_DAMAGED_IN_A_ROW,
    PacketReader,
    is_encrypted,
    open_container,
)
from realtime.media.writing.sound_encoder import add_encoder
from realtime.media.writing.subtitle_text import (
    ASS_HEADER,
    TEXT_CODECS,
    subtitle_packet,
    subtitle_text,
)
from realtime.media.writing.vobsub import header_with_canvas

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream
    from av.video.stream import VideoStream

BACKWARDS = "times of the sound or the subtitles run backwards in the input; they are put right."
_TRIAL_S = 5  # behind the end of a trial, in which tracks whose packets lie apart are found
_LOOKED_AT = 200  # packets, in which every track of sound has begun or is taken to be clear
_CARRIED = ("video", "audio", "subtitle", "attachment")
_COVER_ENDINGS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


@dataclass
class Written:
    """How much of a track of sound."""

    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class _Copied:
    """A track whose packets go over as they are."""

    stream: Stream


@dataclass(frozen=True)
class _Encoded:
    """A track of sound that is decoded and encoded again."""

    stream: AudioStream


@dataclass(frozen=True)
class _Text:
    """A track of subtitles, from one codec of FFmpeg's to another or the same one."""

    stream: Stream
    before: str
    after: str


class Way(enum.IntEnum):
    """How a track of sound or subtitles goes over, the best first."""

    AS_IT_IS = 0
    CONVERTED = 1
    LEFT_OUT = 2


Ways = dict[int, Way]
"""By the input's number of a track: the best way that it has not failed on. Without: AS_IT_IS."""


class CarriedTracks:
    """Every track of the file at ``path`` but its pictures, in ``output``, a file of ``form``.

    They are added on construction and muxed by ``advance``: sound, subtitles and cover pictures;
    and attachments, such as the fonts of subtitles. The file is read on its own, beside the video,
    so that neither has to wait for the other.

    Times are moved by ``-offset_s``; packets that begin before ``start_s`` or from ``end_s`` on
    stay out (None: all of them stay in). ``audio``: "copy", "aac", which converts what could be
    copied, too, or "none". ``ways``: of tracks that have failed; ``only``: the number of a single
    track to be carried. ``is_trial``: not read to the end for tracks in which nothing comes.
    """

    written: dict[str, int]
    """How many packets, by the type of their track, other than sound."""

    sounds: dict[int, Written]
    """What was written of tracks of sound, by their numbers in the input, in the output's order."""

    earliest_s: Fraction
    """When the earliest packet is decoded, if that is before 0."""

    notes: list[str]
    """What was converted or had to be left out."""

    def __init__(
        self,
        path: Path,
        output: OutputContainer,
        form: VideoFormat,
        offset_s: Fraction = Fraction(0),
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        audio: str = "copy",
        ways: Ways | None = None,
        only: int | None = None,
        is_trial: bool = False,
    ) -> None:
        self.written = {"subtitle": 0, "cover": 0}
        self.sounds = {}
        self.earliest_s = Fraction(0)
        self.notes = []
        self._ways, self._is_trial = ways or {}, is_trial
        self._output, self._form = output, form
        self._offset_s, self._start_s, self._end_s = offset_s, start_s, end_s
        self._input = open_container(path)
        self._written_of: dict[int, Written] = {}
        self._targets: dict[int, _Copied | _Encoded | _Text] = {}
        encrypted = _encrypted_sounds(path) if audio != "none" else set()
        sounds = self._input.streams.audio if audio != "none" else ()
        for sound in sounds:
            if sound.index in encrypted:
                self.notes.append("sound: a track is encrypted (DRM), and left out.")
            elif only in (None, sound.index):
                self._add_sound(sound, audio == "aac")
        for texts in self._input.streams.subtitles:
            if only in (None, texts.index):
                self._add_subtitles(texts)
        self._covers = list(self._add_covers(path)) if only is None else []
        if only is None:
            self._add_attachments()
        if others := [track for track in self._input.streams if track.type not in _CARRIED]:
            self.notes.append(
                f"{len(others)} tracks of data (such as time codes or positions) are left out."
            )
        pictures = {track.index for track in self._input.streams.video} if is_trial else set()
        self._reader = PacketReader(self._input, set(self._targets) | pictures)
        self._waiting: Packet[Stream] | None = None
        # By the output's track: from when on its next packet may be.
        self._earliest_dts: dict[int, int] = {}
        self._ended: set[int] = set()
        if start_s and not may_step(self._input):  # else what is before is read past
            place_s = max(Fraction(0), start_s - 1) + origin_of(self._input)
            self._input.seek(int(place_s * 1_000_000))

    def advance(self, until_s: Fraction | None) -> None:
        """Mux what begins up to ``until_s`` of the output's time.

        None: all the rest, and flush the encoders.
        """
        while self._covers:
            self._output.mux(self._covers.pop())
            self.written["cover"] += 1
        while self._targets:
            packet = self._waiting or self._next()
            if packet is None:
                break
            self._waiting = None
            if until_s is not None and _start_s(packet) - self._offset_s > until_s:
                self._waiting = packet
                return
            self._mux(packet)
        if until_s is None:
            for target in self._targets.values():
                if isinstance(target, _Encoded):
                    self._write(target.stream.encode(None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()

    def _next(self) -> Packet[Stream] | None:
        """Return the next packet within the wanted time, or None at the end.

        Damaged places are passed as far as they are for the pictures.
        """
        import av

        damaged = 0
        while damaged <= MAX_DAMAGED_IN_A_ROW:
            try:
                packet = self._reader.next()
            except (av.error.FFmpegError, OSError):
                damaged += 1
                continue
            if packet is None:
                return None
            if self._is_trial and self._end_s and _start_s(packet) > self._end_s + _TRIAL_S:
                return None
            if packet.stream_index not in self._targets:
                continue
            if is_encrypted(packet):
                note = "sound: a track is encrypted (DRM) after its beginning; that is left out."
                self.notes += [note] if note not in self.notes else []
                continue
            if self._end_s is not None and _start_s(packet) >= self._end_s:
                # Another track's earlier packets may lie behind it in the file.
                self._ended.add(packet.stream_index)
                if len(self._ended) == len(self._targets):
                    return None
            elif self._start_s is None or _start_s(packet) >= self._start_s:
                return packet
        return None

    def _mux(self, packet: Packet[Stream]) -> None:
        target = self._targets[packet.stream_index]
        if isinstance(target, _Encoded):
            # Only tracks of sound are encoded.
            self._write_encoded(cast("Packet[AudioStream]", packet), target.stream)
            return
        shift = round(self._offset_s / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        moved = _convert_text(packet, target) if isinstance(target, _Text) else _plain(packet)
        if moved is not None:
            moved.stream = target.stream
            self._write([moved])

    def _put_in_order(self, packet: Packet[Stream]) -> None:
        """Have a packet follow the one before.

        Times that run backwards, which no muxer takes, belong to damaged files, and to sound that
        ends behind a step of the input's times.
        """
        if packet.dts is None:
            return
        earliest = self._earliest_dts.get(packet.stream_index)
        if earliest is not None and packet.dts < earliest:
            packet.pts = max(packet.dts if packet.pts is None else packet.pts, earliest)
            packet.dts = earliest
            if BACKWARDS not in self.notes:
                self.notes.append(BACKWARDS)
        may_begin_together = packet.stream.type != "audio"
        # What is less than a tick of the container apart would have one time there.
        tick = math.ceil((packet.stream.time_base or packet.time_base) / packet.time_base)
        self._earliest_dts[packet.stream_index] = packet.dts + (0 if may_begin_together else tick)

    def _write_encoded(self, packet: Packet[AudioStream], target: AudioStream) -> None:
        import av

        try:
            sounds = packet.decode()
        except av.error.FFmpegError:
            return  # a gap in the sound; the timestamps of what follows keep it in step
        for sound in sounds:
            if sound.pts is not None and sound.time_base is not None:
                sound.pts -= round(self._offset_s / sound.time_base)
            self._write(target.encode(sound))

    def _write(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            self._put_in_order(packet)
            if packet.dts is not None:
                self.earliest_s = min(self.earliest_s, packet.dts * packet.time_base)
            if packet.stream.type == "audio":
                written = self._written_of[packet.stream_index]
                written.packets += 1
                written.bytes += packet.size
            else:
                self.written[packet.stream.type] += 1
            self._output.mux(packet)

    def _add_sound(self, track: AudioStream, convert: bool) -> None:
        """Copy the track if the container takes it; convert it if not, or if ``convert``.

        What can be neither is left out, and that is said.
        """
        container, codec = self._form.container, self._form.sound
        name = track.codec_context.name if track.codec_context else "unknown"
        way = self._ways.get(track.index, Way.AS_IT_IS)
        target: AudioStream | None = None
        if way is Way.AS_IT_IS and not convert and _takes(self._form, track):
            target = self._output.add_stream_from_template(track)
            self._targets[track.index] = _Copied(target)
        elif way is not Way.LEFT_OUT and track.codec_context is not None:
            target = add_encoder(self._output, codec, track)
        if target is None:
            self.notes.append(
                f"sound: a track ({name}) is left out: {container} cannot hold it, and it cannot "
                "be converted."
            )
            return
        if track.index not in self._targets:
            self._targets[track.index] = _Encoded(target)
            wanted = "aac" if convert else name
            if not convert or codec != wanted:
                self.notes.append(f"sound: {container} cannot hold {wanted}; converted to {codec}.")
            if target.layout.nb_channels < track.layout.nb_channels:
                self.notes.append(
                    f"sound: {track.layout.name} becomes {target.layout.name} in {codec}."
                )
        self.sounds[track.index] = self._written_of[target.index] = Written()
        _describe_alike(target, track)

    def _add_subtitles(self, track: SubtitleStream) -> None:
        """Copy the track if the container takes it; convert it if not.

        Pictures of text cannot be converted: they are left out, and that is said.
        """
        container, text_codec = self._form.container, self._form.subtitles
        codec = track.codec_context.codec.canonical_name if track.codec_context else "unknown"
        way = self._ways.get(track.index, Way.AS_IT_IS)
        if way is Way.AS_IT_IS and _takes(self._form, track):
            copied = self._output.add_stream_from_template(track)
            _describe_alike(copied, track)
            if codec == "dvd_subtitle" and track.codec_context:
                copied.codec_context.extradata = header_with_canvas(self._input, track)
            is_text = codec == "mov_text"
            target = _Text(copied, codec, codec) if is_text else _Copied(copied)
            self._targets[track.index] = target
        elif way is not Way.LEFT_OUT and codec in TEXT_CODECS and text_codec is not None:
            converted = self._output.add_stream(text_codec)
            context = cast("SubtitleStream", converted).codec_context
            context.subtitle_header = ASS_HEADER
            if track.time_base is not None:
                context.time_base = track.time_base
            _describe_alike(converted, track)
            self._targets[track.index] = _Text(converted, codec, text_codec)
            self.notes.append(
                f"subtitles: {container} cannot hold {codec}; converted to {text_codec}, without "
                "styling."
            )
        else:
            self.notes.append(
                f"subtitles: a track ({codec}) is left out: {container} cannot hold it. An output "
                "that ends in .mkv may."
            )

    def _add_covers(self, path: Path) -> Iterator[Packet[Stream]]:
        """Yield the packets of cover pictures, which are tracks in MP4, attachments in Matroska."""
        covers = [
            track for track in self._input.streams.video if int(track.disposition) & COVER_PICTURE
        ]
        for number, track in enumerate(covers):
            data = _picture_of(path, track)
            kind = track.codec_context.name if track.codec_context else "unknown"
            if data and self._form.covers == "attachment" and kind in _COVER_ENDINGS:
                ending, mimetype = _COVER_ENDINGS[kind]
                self._output.add_attachment(f"cover{number or ''}.{ending}", mimetype, data)
                self.written["cover"] += 1
            elif data and self._form.covers == "track" and _takes(self._form, track):
                target = self._output.add_stream_from_template(track)
                target.disposition = track.disposition
                yield _cover_packet(data, target)
            else:
                self.notes.append(
                    f"a cover picture is left out: {self._form.container} cannot hold it."
                )

    def _add_attachments(self) -> None:
        attachments = self._input.streams.attachments
        if attachments and not self._form.has_attachments:
            self.notes.append(
                f"{len(attachments)} attachments are left out. An output that ends in .mkv keeps "
                "them."
            )
            return
        for attachment in attachments:
            name = attachment.metadata.get("filename", "attachment")
            mimetype = attachment.metadata.get("mimetype", "application/octet-stream")
            self._output.add_attachment(name, mimetype, attachment.data)


def _plain(packet: Packet[Stream]) -> Packet[Stream]:
    """Return the packet without the head of its codec, which writers would write once more.

    Files that were put one after the other, such as FLV, repeat it.
    """
    import av

    if not packet.has_sidedata("new_extradata"):
        return packet
    plain = av.Packet(bytes(packet))
    plain.pts, plain.dts, plain.duration = packet.pts, packet.dts, packet.duration
    plain.time_base, plain.is_keyframe = packet.time_base, packet.is_keyframe
    return plain


def _convert_text(packet: Packet[Stream], target: _Text) -> Packet[Stream] | None:
    """Return the packet in the codec of its target.

    None for a pause, which the muxer writes by itself where it must be.
    """
    import av

    text = subtitle_text(bytes(packet), target.before)
    if not text:
        return None
    if target.before == target.after:
        return packet
    written = av.Packet(subtitle_packet(text, target.after))
    written.pts = written.dts = packet.pts
    written.duration, written.time_base = packet.duration, packet.time_base
    return written


def _picture_of(path: Path, cover: VideoStream) -> bytes:
    """Return the coded cover picture, empty if there is none.

    Read on its own: looking for the picture would read past the sound.
    """
    with open_container(path) as opened:
        packets = opened.demux(opened.streams[cover.index])
        return next((bytes(packet) for packet in packets if packet.size), b"")


def _cover_packet(data: bytes, target: VideoStream) -> Packet[Stream]:
    import av

    packet = av.Packet(data)
    packet.stream = target
    packet.pts = packet.dts = 0
    packet.time_base = Fraction(1, 1000)
    return packet


def _describe_alike(target: Stream, track: Stream) -> None:
    target.metadata.update(track.metadata)
    target.disposition = track.disposition


def _start_s(packet: Packet[Stream]) -> Fraction:
    time = packet.dts if packet.pts is None else packet.pts
    return Fraction(0) if time is None else time * packet.time_base


def _takes(form: VideoFormat, track: Stream) -> bool:
    """Whether the container can hold the track as it is.

    Tried, because FFmpeg's list of what fits is not to be trusted (it has Opus in mov, which then
    fails at the header).
    """
    import av

    try:
        with av.open(io.BytesIO(), "w", format=form.container) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True


def _encrypted_sounds(path: Path) -> set[int]:
    """Return the numbers of the tracks of sound whose first packets have no key here."""
    import av

    found: set[int] = set()
    with open_container(path) as opened:
        waiting = {track.index for track in opened.streams.audio}
        if not waiting:
            return found
        with contextlib.suppress(av.error.FFmpegError, OSError):  # whoever carries it will see
            for packet in itertools.islice(opened.demux(*opened.streams.audio), _LOOKED_AT):
                if packet.size and packet.stream_index in waiting:
                    waiting.remove(packet.stream_index)
                    found |= {packet.stream_index} if is_encrypted(packet) else set()
                if not waiting:
                    break
    return found
