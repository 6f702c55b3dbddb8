"""Carries what an input has beside its pictures into the painted video: sound and subtitles packet
for packet, or converted where that must be, and attachments.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

from realtime.media.packets import (
    COVER_PICTURE,
    MAX_DAMAGED_IN_A_ROW,
    PacketReader,
    open_container,
)
from realtime.media.writing.subtitle_text import (
    ASS_HEADER,
    TEXT_CODECS,
    subtitle_packet,
    subtitle_text,
)

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

BACKWARDS = "times of the sound or the subtitles run backwards in the input; they are put right."
_CARRIED = ("video", "audio", "subtitle", "attachment")
_COVER_ENDINGS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}
_TEXT_OF_CONTAINER = {"mp4": "mov_text", "mov": "mov_text", "webm": "webvtt", "matroska": "subrip"}


class CarriedTracks:
    """Every sound and subtitle track of the file at ``path``, added to ``output`` on construction,
    muxed by ``advance``; and its cover pictures and its attachments, such as the fonts of
    subtitles.

    It reads the file on its own, beside the video, so that neither has to wait for the other. Times
    are moved by ``-offset_s``; packets that begin before ``start_s`` or from ``end_s`` on stay out
    (None: all of them stay in). ``audio``: "copy", "aac", which converts what could be copied, too,
    or "none". ``written`` counts packets by the type of their track, ``notes`` says what was
    converted or had to be left out.
    """

    def __init__(
        self,
        path: Path,
        output: OutputContainer,
        offset_s: Fraction = Fraction(0),
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        audio: str = "copy",
    ) -> None:
        self.written = {"audio": 0, "subtitle": 0, "cover": 0}
        self.notes: list[str] = []
        self._output = output
        self._offset_s, self._start_s, self._end_s = offset_s, start_s, end_s
        self._input = open_container(path)
        self._targets: dict[int, Stream] = {}
        self._encoding: set[int] = set()
        self._texts: dict[int, tuple[str, str]] = {}  # codec names: of the input, of the output
        for track in self._input.streams.audio if audio != "none" else ():
            if track.codec_context is None:
                self.notes.append(
                    "sound: a track that is coded in a way that is not known here is left out."
                )
                continue
            self._targets[track.index] = self._add_sound(track, audio == "aac")
        for track in self._input.streams.subtitles:
            self._add_subtitles(track)
        self._covers = list(self._add_covers(path))
        self._add_attachments()
        if others := [track for track in self._input.streams if track.type not in _CARRIED]:
            self.notes.append(
                f"{len(others)} tracks of data (such as time codes or positions) are left out."
            )
        self._reader = PacketReader(self._input, set(self._targets))
        self._waiting: Packet | None = None
        self._last_dts: dict[
            int, int
        ] = {}  # by the output's track: from when on its next packet may be
        self._ended: set[int] = set()
        if start_s:
            self._input.seek(max(0, int((start_s - 1) * 1_000_000)))

    def advance(self, until_s: Fraction | None) -> None:
        """Mux what begins up to ``until_s`` of the output's time; None: all the rest, and flush the
        encoders.
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
            for index in self._encoding:
                self._write(self._targets[index].encode(None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()

    def _next(self) -> Packet | None:
        """The next packet within the wanted time, past damaged places as far as the video is read
        past them.
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
            if self._end_s is not None and _start_s(packet) >= self._end_s:
                self._ended.add(
                    packet.stream_index
                )  # another track's earlier packets may lie behind it in the file
                if len(self._ended) == len(self._targets):
                    return None
            elif self._start_s is None or _start_s(packet) >= self._start_s:
                return packet
        return None

    def _mux(self, packet: Packet) -> None:
        target = self._targets[packet.stream_index]
        if packet.stream_index in self._encoding:
            self._write_converted(packet, target)
            return
        shift = round(self._offset_s / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        if packet.stream_index in self._texts:
            packet = self._text_packet(packet)
            if packet is None:
                return
        packet.stream = target
        self._put_in_order(packet)
        self._write([packet])

    def _put_in_order(self, packet: Packet) -> None:
        """Times that run backwards, which no muxer takes, belong to damaged files: such a packet
        follows the one before.
        """
        earliest = self._last_dts.get(packet.stream_index)
        if packet.dts is None:
            return
        if earliest is not None and packet.dts < earliest:
            packet.pts = max(packet.dts if packet.pts is None else packet.pts, earliest)
            packet.dts = earliest
            if BACKWARDS not in self.notes:
                self.notes.append(BACKWARDS)
        self._last_dts[packet.stream_index] = packet.dts + (
            packet.stream.type == "audio"
        )  # texts may begin together

    def _write_converted(self, packet: Packet, target: AudioStream) -> None:
        import av

        try:
            sounds = packet.decode()
        except av.error.FFmpegError:
            return  # a gap in the sound; the timestamps of what follows keep it in step
        for sound in sounds:
            sound.pts = (
                None if sound.pts is None else sound.pts - round(self._offset_s / sound.time_base)
            )
            self._write(target.encode(sound))

    def _text_packet(self, packet: Packet) -> Packet | None:
        """The packet in the codec of its target; None for a pause, which the muxer writes by itself
        where it must be.
        """
        import av

        before, after = self._texts[packet.stream_index]
        text = subtitle_text(bytes(packet), before)
        if not text:
            return None
        if before == after:
            return packet
        written = av.Packet(subtitle_packet(text, after))
        written.pts, written.dts, written.duration, written.time_base = (
            packet.pts,
            packet.pts,
            packet.duration,
            packet.time_base,
        )
        return written

    def _write(self, packets: list[Packet]) -> None:
        for packet in packets:
            kind = packet.stream.type
            self._output.mux(packet)
            self.written[kind] += 1

    def _add_sound(self, track: AudioStream, convert: bool) -> AudioStream:
        codec = "libopus" if self._output.format.name == "webm" else "aac"
        if not convert and _takes(self._output.format.name, track):
            target = self._output.add_stream_from_template(track)
        else:
            wanted = "aac" if convert else track.codec_context.name
            if not convert or codec != wanted:
                self.notes.append(
                    f"sound: {self._output.format.name} cannot hold {wanted}; converted to {codec}."
                )
            rates = self._output_rates(codec)
            rate = track.rate if not rates or track.rate in rates else 48_000
            target = self._output.add_stream(codec, rate=rate, layout=track.layout)
            self._encoding.add(track.index)
        target.metadata.update(track.metadata)
        target.disposition = track.disposition
        return target

    def _add_subtitles(self, track: SubtitleStream) -> None:
        """Copied if the container takes them; text converted if it does not; pictures of text left
        out, and said.
        """
        container = self._output.format.name
        codec = track.codec_context.codec.canonical_name if track.codec_context else "unknown"
        if _takes(container, track):
            target = self._output.add_stream_from_template(track)
            if codec == "mov_text":
                self._texts[track.index] = (codec, codec)
        elif codec in TEXT_CODECS:
            text_codec = _TEXT_OF_CONTAINER[container]
            target = self._output.add_stream(text_codec)
            target.codec_context.subtitle_header = ASS_HEADER
            target.codec_context.time_base = track.time_base
            self._texts[track.index] = (codec, text_codec)
            self.notes.append(
                f"subtitles: {container} cannot hold {codec}; converted to {text_codec}, without styling."
            )
        else:
            self.notes.append(
                f"subtitles: {container} cannot hold {codec}; left out. An output that ends in .mkv keeps them."
            )
            return
        target.metadata.update(track.metadata)
        target.disposition = track.disposition
        self._targets[track.index] = target

    def _add_covers(self, path: Path) -> Iterator[Packet]:
        """The packets of cover pictures, which are tracks in MP4 and attachments in Matroska."""
        import av

        covers = [
            track for track in self._input.streams.video if int(track.disposition) & COVER_PICTURE
        ]
        container = self._output.format.name
        for number, track in enumerate(covers):
            with open_container(
                path
            ) as opened:  # on its own: looking for the picture would read past the sound
                packet = next(
                    (found for found in opened.demux(opened.streams[track.index]) if found.size),
                    None,
                )
                data = b"" if packet is None else bytes(packet)
            kind = track.codec_context.name if track.codec_context else "unknown"
            if data and container == "matroska" and kind in _COVER_ENDINGS:
                ending, mimetype = _COVER_ENDINGS[kind]
                self._output.add_attachment(f"cover{number or ''}.{ending}", mimetype, data)
                self.written["cover"] += 1
            elif data and container == "mp4" and _takes(container, track):
                target = self._output.add_stream_from_template(track)
                target.disposition = track.disposition
                cover = av.Packet(data)
                cover.stream, cover.pts, cover.dts, cover.time_base = (
                    target,
                    0,
                    0,
                    Fraction(1, 1000),
                )
                yield cover
            else:
                self.notes.append(f"a cover picture is left out: {container} cannot hold it.")

    def _add_attachments(self) -> None:
        attachments = self._input.streams.attachments
        if attachments and self._output.format.name != "matroska":
            self.notes.append(
                f"{len(attachments)} attachments are left out. An output that ends in .mkv keeps them."
            )
            return
        for attachment in attachments:
            name = attachment.metadata.get("filename", "attachment")
            mimetype = attachment.metadata.get("mimetype", "application/octet-stream")
            self._output.add_attachment(name, mimetype, attachment.data)

    @staticmethod
    def _output_rates(codec: str) -> list[int] | None:
        import av

        return av.Codec(codec, "w").audio_rates


def _start_s(packet: Packet) -> Fraction:
    time = packet.dts if packet.pts is None else packet.pts
    return Fraction(0) if time is None else time * packet.time_base


def _takes(container_format: str, track: Stream) -> bool:
    """Whether the container can hold the track as it is.

    Tried, because FFmpeg's list of what fits is not to be trusted (it has Opus in mov, which then
    fails at the header).
    """
    import av

    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
