"""Puts finished segments one after the other into one video, with the rest of the input around."""

from __future__ import annotations

import contextlib
import errno
import functools
import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import SinkError
from realtime.media.format_registry import video_format
from realtime.media.info import VideoInfo
from realtime.media.packets import COVER_PICTURE, open_container, time_of
from realtime.media.pipes import STDIO
from realtime.media.writing.carried_tracks import CarriedTracks, Way, Ways, Written
from realtime.media.writing.manifest import Segment
from realtime.media.writing.segment_writer import MAX_TIMESCALE, ticks_of

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_OF_THE_SYSTEM = (
    *(errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOENT),
)
_DROPPED_METADATA = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}


def join(
    target: Path,
    segments: list[tuple[Path, Segment]],
    source: VideoInfo,
    last_duration: int,
    shift: int,
    audio: str,
    notes: list[str],
    ways: Ways,
    is_trial: bool = False,
) -> None:
    """Write ``target`` from segments in order and the rest of ``source``, and prove it whole.

    The rest is its sound, metadata and chapters. ``last_duration``: how long the last frame is
    shown, in ticks of the source's time base. ``shift``: what has been taken from the times of the
    frames, in such ticks; it is taken from the rest too. What had to be changed is added to
    ``notes``. A track that cannot be written, or does not come back whole, is converted, then left
    out: ``ways`` is kept up with that. ``is_trial``: it is only to be seen whether all can be.

    Raises SinkError if what can be read back is not what went in, and PyAV's errors.
    """
    import av

    offset_s = shift * source.time_base
    carry = functools.partial(
        CarriedTracks,
        source.path,
        form=video_format(target),
        offset_s=offset_s,
        start_s=offset_s if source.is_cut else None,
        end_s=source.end_s,
        audio=audio,
        ways=ways,
        is_trial=is_trial,
    )
    while True:
        try:
            tracks = _write(target, segments, source, last_duration, carry)
            lost = _prove(target, segments, source, tracks)
        except (av.error.FFmpegError, ValueError) as error:
            lost = [] if _is_of_the_system(error) else _refused_tracks(target, source, carry)
            if not lost:
                raise
        if not lost:
            notes += [note for note in (tracks.notes if tracks else []) if note not in notes]
            return
        for number in lost:  # the last way, to be left out, cannot fail
            ways[number] = Way(ways.get(number, Way.AS_IT_IS) + 1)


def _write(
    target: Path,
    segments: list[tuple[Path, Segment]],
    source: VideoInfo,
    last_duration: int,
    carry: Callable[..., CarriedTracks],
) -> CarriedTracks | None:
    """Write all of it once; return what was carried. Raises PyAV's errors."""
    with contextlib.ExitStack() as opened:
        output = opened.enter_context(_open(target, source))
        stream = _add_video(output, segments[0][0], source)
        tracks = None
        if source.path != STDIO:  # what has passed a pipe cannot be read again
            tracks = opened.enter_context(carry(output=output))
        if source.chapters and not source.is_cut:
            output.set_chapters(source.chapters)
        output.start_encoding()  # from here on tracks know the time bases that they will have
        for packet, dts in _video_packets(segments, source, last_duration):
            packet.stream = stream
            output.mux(packet)
            if tracks:
                tracks.advance(dts * source.time_base)
        if tracks:
            tracks.advance(None)
    return tracks


def _refused_tracks(
    target: Path, source: VideoInfo, carry: Callable[..., CarriedTracks]
) -> list[int]:
    """Return the numbers of the tracks that cannot be written, each tried alone."""
    import av

    if source.path == STDIO:
        return []
    with open_container(source.path) as opened:
        numbers = [track.index for track in (*opened.streams.audio, *opened.streams.subtitles)]
    refused = []
    for number in numbers:
        try:
            with _open(target, source) as output, carry(output=output, only=number) as tracks:
                if output.streams:
                    output.start_encoding()
                    tracks.advance(None)
        except (av.error.FFmpegError, ValueError) as error:
            if _is_of_the_system(error):
                raise
            refused.append(number)
    return refused


def _is_of_the_system(error: Exception) -> bool:
    """Whether the disk or the machine has failed, rather than what was to be written."""
    return getattr(error, "errno", None) in _OF_THE_SYSTEM


def _open(target: Path, source: VideoInfo) -> OutputContainer:
    import av

    form = video_format(target)
    options = dict(form.options)
    if form.has_timescale:
        # In FFmpeg's default of 1000 the beginning of each track would be rounded to milliseconds.
        is_too_fine = source.timescale > MAX_TIMESCALE
        timescale = source.time_base.denominator if is_too_fine else source.timescale
        options["movie_timescale"] = str(timescale)
    output = av.open(f"file:{target}", "w", format=form.container, options=options)
    output.metadata.update(
        {k: v for k, v in source.metadata.items() if k.lower() not in _DROPPED_METADATA}
    )
    return output


def _add_video(output: OutputContainer, segment: Path, source: VideoInfo) -> VideoStream:
    import av

    with av.open(f"file:{segment}") as first:
        template = first.streams.video[0]
        # AV1 has decoders of its own names, for which there is no encoder to be asked for.
        stream = output.add_stream_from_template(template, opaque=True)
        stream.time_base = source.time_base
        if "alpha_mode" in template.metadata:
            # From this the muxer knows that transparency stands beside the packets.
            stream.codec_context.pix_fmt = "yuva420p"
    if source.language:
        stream.metadata["language"] = source.language
    return stream


def _video_packets(
    segments: list[tuple[Path, Segment]], source: VideoInfo, last_duration: int
) -> Iterator[tuple[Packet[VideoStream], int]]:
    """Yield the packets of all segments, with their dts, as if one encoder had made them.

    pts, dts and durations are in the source's time base. dts are the sorted pts, as many frames
    late as the segment with the longest ``delay`` asks for, which is what x264 gives; those of
    single segments would run backwards where a pause lies behind a segment's start.
    """
    delay = max(segment.delay for _, segment in segments)
    late: deque[int] = deque()
    for number, (path, segment) in enumerate(segments):
        shown = sorted(pts for _, pts in _packets_of(path, segment, source.time_base))
        if not late:
            step = max(1, round(1 / source.rate / source.time_base))
            step = shown[1] - shown[0] if len(shown) > 1 else step
            late.extend(shown[0] - step * early for early in range(delay, 0, -1))
        late.extend(shown)
        is_last = number + 1 == len(segments)
        end = shown[-1] + last_duration if is_last else segments[number + 1][1].first_pts
        ends = dict(zip(shown, [*shown[1:], end], strict=True))
        # Again, rather than all of them in memory.
        for packet, pts in _packets_of(path, segment, source.time_base):
            packet.dts = dts = late.popleft()
            packet.duration = ends[pts] - pts
            yield packet, dts


def _packets_of(
    path: Path, segment: Segment, time_base: Fraction
) -> Iterator[tuple[Packet[VideoStream], int]]:
    """Yield the packets of one segment with their pts, in ``time_base``."""
    import av

    with av.open(f"file:{path}") as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                packet.pts = pts = segment.first_pts + ticks_of(packet, path, time_base)
                packet.time_base = time_base
                yield packet, pts


def _prove(
    path: Path,
    segments: list[tuple[Path, Segment]],
    source: VideoInfo,
    tracks: CarriedTracks | None,
) -> list[int]:
    """Read the finished file again: what went in must be there, each frame at its time.

    Returns the numbers of tracks of sound that are not whole: with other packets than were written,
    and other bytes. Some containers cut sound as they like, such as MOV its PCM.
    """
    import av

    counts: Counter[str] = Counter()
    sounds: dict[int, Written] = {}
    first_s, last_s = Fraction(10**9), Fraction(-(10**9))
    with av.open(f"file:{path}") as written:
        tick_s = written.streams.video[0].time_base or Fraction(0)
        sounds = {stream.index: Written() for stream in written.streams.audio}
        for packet in written.demux():
            is_video = packet.stream.type == "video"
            is_cover = is_video and int(packet.stream.disposition) & COVER_PICTURE
            kind = "cover" if is_cover else str(packet.stream.type)
            # mov_text writes pauses between the texts.
            is_pause = kind == "subtitle" and packet.size <= 2
            if not packet.size or is_pause:
                continue
            counts[kind] += 1
            if kind == "video":
                time_s = time_of(packet) * packet.time_base
                first_s, last_s = min(first_s, time_s), max(last_s, time_s)
            elif packet.stream_index in sounds:
                sounds[packet.stream_index].packets += 1
                sounds[packet.stream_index].bytes += packet.size
    expected = {"video": sum(segment.frames for _, segment in segments)}
    expected |= tracks.written if tracks else {}
    for kind, count in expected.items():
        if counts[kind] != count:
            raise SinkError(
                f"{path.name}: {count} {kind} packets were written, but {counts[kind]} can be read "
                "back."
            )
    _prove_times(path, segments, source, tracks, (first_s, last_s), tick_s)
    wanted = tracks.sounds if tracks else {}
    found = itertools.chain(sounds.values(), itertools.repeat(Written()))
    return [
        number
        for (number, sound), back in zip(wanted.items(), found, strict=False)
        if sound.packets != back.packets and sound.bytes != back.bytes
    ]


def _prove_times(
    path: Path,
    segments: list[tuple[Path, Segment]],
    source: VideoInfo,
    tracks: CarriedTracks | None,
    found_s: tuple[Fraction, Fraction],
    tick_s: Fraction,
) -> None:
    """Raise SinkError unless the first and the last frame are shown when they shall be.

    All of it may begin a little later where the container keeps nothing that is before 0: sound
    that players skip, or times of decoding.
    """
    wanted_s = [
        pts * source.time_base for pts in (segments[0][1].first_pts, segments[-1][1].last_pts)
    ]
    moved_s = found_s[0] - wanted_s[0]
    if video_format(path).keeps_start:
        earliest_s = tracks.earliest_s if tracks else Fraction(0)
        moved_s = min(max(Fraction(0), moved_s), -earliest_s)
    for wanted, found in zip(wanted_s, found_s, strict=True):
        if abs(wanted - found + moved_s) > tick_s / 2:
            raise SinkError(
                f"{path.name}: a frame of {float(wanted):.6f} s is at {float(found):.6f} s when it "
                "is read back."
            )
