"""Opens local media files safely and reads their packets, also past damaged places."""

from __future__ import annotations

import functools
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.errors import SourceError
from realtime.picture.sizes import size_text

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

    from realtime.media.pipes import RawVideo, StandardInput

_PIPE_BUFFER_BYTES = 1 << 20
MAX_DAMAGED_IN_A_ROW = 8
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
            raise SourceError(f"{path}: no such file.")
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
    """Packets of the streams numbered ``wanted``, in file order. The other tracks are read past."""

    count: int
    """How many packets came."""

    end_s: Fraction
    """The latest end of a packet of any track, in seconds of the file's own clock."""

    cut_off: bool
    """Whether the newest packet of any track is only a part of one."""

    def __init__(self, container: InputContainer, wanted: set[int]) -> None:
        self._container = container
        self._wanted = wanted
        self._packets = container.demux()
        self.count = 0
        self.end_s = Fraction(0)
        self.cut_off = False

    def next(self) -> Packet[Stream] | None:
        """Return the next packet, or None at the end.

        Raises av.FFmpegError at a damaged place; the call after goes on behind it.
        """
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
            if packet is None or packet.size == 0:
                # PyAV ends with one empty packet per stream, meant for flushing decoders.
                return None
            self.cut_off = packet.is_corrupt
            time = packet.dts if packet.pts is None else packet.pts
            if time is not None:
                self.end_s = max(self.end_s, (time + (packet.duration or 0)) * packet.time_base)
            if packet.stream_index in self._wanted:
                self.count += 1
                return packet
