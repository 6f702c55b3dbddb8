"""Carries the sound of an input file into its painted video: packet for packet, or converted where that must be."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

from realtime.sources.packets import PacketReader, open_container
from realtime.sources.video_file import MAX_DAMAGED_IN_A_ROW

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet


class AudioTracks:
    """Every sound track of the file at ``path``, added to ``output`` on construction, muxed by ``advance``.

    It reads the file on its own, beside the video, so that neither has to wait for the other. Times are moved by
    ``-offset_s``; packets that begin before ``start_s`` or from ``end_s`` on stay out (None: all of them stay in).
    ``convert`` makes AAC of tracks that could be copied, too. ``written`` counts the packets, ``notes`` says what was converted.
    """

    def __init__(
        self,
        path: Path,
        output: OutputContainer,
        offset_s: Fraction = Fraction(0),
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        convert: bool = False,
    ) -> None:
        self.written = 0
        self.notes: list[str] = []
        self._output = output
        self._offset_s, self._start_s, self._end_s = offset_s, start_s, end_s
        self._input = open_container(path)
        tracks = self._input.streams.audio
        self._targets = {track.index: self._add_track(track, convert) for track in tracks}
        self._encoding = {track.index for track in tracks if self._targets[track.index].codec_context.is_encoder}
        self._reader = PacketReader(self._input, set(self._targets))
        self._waiting: Packet | None = None
        self._ended: set[int] = set()
        if start_s:
            self._input.seek(max(0, int((start_s - 1) * 1_000_000)))

    def advance(self, until_s: Fraction | None) -> None:
        """Mux what begins up to ``until_s`` of the output's time; None: all the rest, and flush the encoders."""
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
        """The next packet within the wanted time, past damaged places as far as the video is read past them."""
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
                self._ended.add(packet.stream_index)  # another track's earlier packets may lie behind it in the file
                if len(self._ended) == len(self._targets):
                    return None
            elif self._start_s is None or _start_s(packet) >= self._start_s:
                return packet
        return None

    def _mux(self, packet: Packet) -> None:
        import av

        target = self._targets[packet.stream_index]
        shift = round(self._offset_s / packet.time_base)
        if packet.stream_index not in self._encoding:
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = target
            self._write([packet])
            return
        try:
            sounds = packet.decode()
        except av.error.FFmpegError:
            return  # a gap in the sound; the timestamps of what follows keep it in step
        for sound in sounds:
            sound.pts = None if sound.pts is None else sound.pts - round(self._offset_s / sound.time_base)
            self._write(target.encode(sound))

    def _write(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._output.mux(packet)
            self.written += 1

    def _add_track(self, track: AudioStream, convert: bool) -> AudioStream:
        codec = "libopus" if self._output.format.name == "webm" else "aac"
        if not convert and _takes(self._output.format.name, track):
            target = self._output.add_stream_from_template(track)
        else:
            wanted = "aac" if convert else track.codec_context.name
            if not convert or codec != wanted:
                self.notes.append(f"sound: {self._output.format.name} cannot hold {wanted}; converted to {codec}.")
            rates = self._output_rates(codec)
            rate = track.rate if not rates or track.rate in rates else 48_000
            target = self._output.add_stream(codec, rate=rate, layout=track.layout)
        target.metadata.update(track.metadata)
        target.disposition = track.disposition
        return target

    @staticmethod
    def _output_rates(codec: str) -> list[int] | None:
        import av

        return av.Codec(codec, "w").audio_rates


def _start_s(packet: Packet) -> Fraction:
    time = packet.dts if packet.pts is None else packet.pts
    return Fraction(0) if time is None else time * packet.time_base


def _takes(container_format: str, track: AudioStream) -> bool:
    """Whether the container can hold the track as it is. Tried, because FFmpeg's list of what fits is not to be trusted
    (it has Opus in mov, which then fails at the header)."""
    import av

    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
