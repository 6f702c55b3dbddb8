"""Opens local media files safely and reads their packets, also past damaged places."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.errors import SourceError
from realtime.media.clock import InputClock
from realtime.media.names import close_names
from realtime.picture.sizes import size_text

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

    from realtime.media.pipes import RawVideo, StandardInput

_PIPE_BUFFER_BYTES = 1 << 20
MAX_DAMAGED_IN_A_ROW = 8
# Looked through where times step; half a second of pictures and sound.
_AHEAD, _AHEAD_BYTES = 128, 64 << 20
COVER_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the cover of a sound file, which is no video
# Playlists, scripts and drawings, which make FFmpeg open other files and addresses on behalf of
# whoever wrote them. Names that this FFmpeg does not have are those of other builds.
REACH_ELSEWHERE = frozenset(
    (
        *("applehttp", "avisynth", "concat", "concatf", "dash", "hls", "imf", "rtp", "rtp_mpegts"),
        *("rtsp", "sap", "sdp", "svg_pipe", "vapoursynth", "webm_dash_manifest"),
    )
)
# What has neither pictures nor a name or a first byte of its own: bare samples, text as a picture.
_SHAPELESS = frozenset(("bitpacked", "rawvideo", "tty", "v210", "v210x"))


@functools.cache
def demuxers() -> tuple[str, ...]:
    """Return FFmpeg's names of all that is read: whatever holds its pictures in the one file.

    That is all that this FFmpeg has, but devices, ``REACH_ELSEWHERE``, and what has no shape.
    """
    import av

    names = []
    for name in sorted(av.formats_available):
        try:
            form = av.ContainerFormat(name, "r")
        except ValueError:  # only written
            continue
        # image2 has no file of its own either: it opens the one that it is given.
        if name == "image2" or not form.no_file:
            names.append(name)
    return tuple(name for name in names if name not in REACH_ELSEWHERE | _SHAPELESS)


def open_pipe(pipe: StandardInput, raw: RawVideo | None = None) -> InputContainer:
    """Open what comes in on standard input.

    That is any container that can be read from front to back, or, as ``raw`` says, bare rgb24
    pictures. Raises SourceError.
    """
    import av

    form = None
    options = {"format_whitelist": ",".join(demuxers()), "protocol_whitelist": ""}
    if raw:
        form, options = "rawvideo", {"pixel_format": "rgb24", "video_size": size_text(raw.size)}
        options["framerate"] = str(raw.rate)
    try:
        return av.open(
            pipe,
            "r",
            format=form,
            options=options,
            metadata_errors="replace",
            buffer_size=_PIPE_BUFFER_BYTES,
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        hint = "" if raw else " Bare pixels need --raw-input WIDTHxHEIGHT@RATE."
        raise SourceError(
            f"-: standard input is no video that can be read from a pipe.{hint}"
        ) from error


def open_container(path: Path, decoder: HWAccel | None = None) -> InputContainer:
    """Open a local media file for reading, decoded by ``decoder`` as far as that can.

    Raises SourceError, saying which of the usual mistakes it is.
    """
    import av

    try:
        if not path.exists():
            raise SourceError(f"{path}: no such file.{close_names(path)}")
        if not path.is_file():
            raise SourceError(f"{path}: is a folder or device, not a file.")
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: is empty (0 bytes).")
        # pattern_type: without it a picture called 50%d.png would stand for a series of files.
        options = {
            "format_whitelist": ",".join(demuxers()),
            "protocol_whitelist": "file",
            "pattern_type": "none",
        }
        return av.open(f"file:{path}", options=options, metadata_errors="replace", hwaccel=decoder)
    except av.error.ArgumentError as error:
        raise SourceError(
            f"{path}: is not read: a playlist or script, which would open other files, or bare "
            "samples without a size."
        ) from error
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise SourceError(
            f"{path}: is not a video or picture, or it is damaged from the start."
        ) from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error


def name_layout(track: AudioStream) -> None:
    """Have the track's decoder name the channels where the file gives only their number.

    One is mono, two are stereo and so on, as FFmpeg has it by default. AVI and WAV tell no more.
    """
    context = track.codec_context
    if context is not None and track.layout.name.endswith("channels"):
        context.layout = f"{track.layout.nb_channels}c"


def time_of(packet: Packet[Any]) -> int:
    """Return when the packet is shown, or else decoded, in ticks of its time base.

    Raises ValueError for a packet without times, which no muxer takes.
    """
    time = packet.dts if packet.pts is None else packet.pts
    if time is None:
        raise ValueError("a packet has no time")
    return time


def is_encrypted(packet: Packet[Any]) -> bool:
    """Tell whether the packet cannot be decoded without a key (DRM), as far as FFmpeg knows."""
    return "enc_key_id" in packet.stream.metadata or packet.has_sidedata("encryption_info")


class PacketReader:
    """Packets of the streams numbered ``wanted``, in file order. The other tracks are read past.

    Their times are those of the input's one clock (clock.py beside this), which begins at 0;
    ``near_s``: about where on it reading begins.
    """

    count: int
    """How many packets came."""

    end_s: Fraction
    """The latest end of a packet of any track, in seconds of the file's own times."""

    cut_off: bool
    """Whether the newest packet of any track is only a part of one."""

    clock: InputClock
    """Puts the packets on it."""

    def __init__(self, container: InputContainer, wanted: set[int], near_s: float = 0.0) -> None:
        self._container = container
        self._wanted = wanted
        self._packets = container.demux()
        self._ahead: deque[Packet[Stream]] = deque()
        self._failure: Exception | None = None
        self.count = 0
        self.end_s = Fraction(0)
        self.cut_off = False
        self.clock = InputClock(container, near_s)

    def next(self) -> Packet[Stream] | None:
        """Return the next packet, or None at the end.

        Raises av.FFmpegError at a damaged place; the call after goes on behind it.
        """
        while True:
            packet = self._take()
            if packet is None:
                return None
            self.cut_off = packet.is_corrupt
            time = packet.dts if packet.pts is None else packet.pts
            if time is not None:
                self.end_s = max(self.end_s, (time + (packet.duration or 0)) * packet.time_base)
            self.clock.place(packet, self._look_ahead)
            if packet.stream_index in self._wanted:
                self.count += 1
                return packet

    def _take(self) -> Packet[Stream] | None:
        if self._ahead:
            return self._ahead.popleft()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._demux()

    def _look_ahead(self) -> Sequence[Packet[Stream]]:
        """Return packets behind the newest, up to the end or a damaged place; ``next`` has them."""
        size = sum(packet.size for packet in self._ahead)
        while self._failure is None and len(self._ahead) < _AHEAD and size < _AHEAD_BYTES:
            try:
                packet = self._demux()
            except Exception as error:  # noqa: BLE001 (raised when its turn comes)
                self._failure = error
                break
            if packet is None:
                break
            self._ahead.append(packet)
            size += packet.size
        return self._ahead

    def _demux(self) -> Packet[Stream] | None:
        """Return the next packet of any track as the file has it, or None at the end."""
        while True:
            try:
                packet = next(self._packets, None)
            except IndexError:
                # PyAV knows no track that is first heard of midway, which FLV and MPEG allow.
                self._packets = self._container.demux()
                continue
            except Exception:
                self._packets = self._container.demux()  # an iterator that raised is at its end
                raise
            # PyAV ends with one empty packet per stream, meant for flushing decoders.
            return packet if packet is not None and packet.size else None
