"""Puts finished segments one after the other into one video, with the rest of the input around."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import SinkError
from realtime.media.format_registry import video_format
from realtime.media.info import VideoInfo
from realtime.media.packets import COVER_PICTURE, time_of
from realtime.media.pipes import STDIO
from realtime.media.writing.carried_tracks import CarriedTracks
from realtime.media.writing.manifest import Segment
from realtime.media.writing.segment_writer import MAX_TIMESCALE, ticks_of

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_DROPPED_METADATA = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}


def join(
    target: Path,
    segments: list[tuple[Path, Segment]],
    source: VideoInfo,
    last_duration: int,
    shift: int,
    audio: str,
    notes: list[str],
) -> None:
    """Write ``target`` from segments in order and the rest of ``source``, and prove it whole.

    The rest is its sound, metadata and chapters. ``last_duration``: how long the last frame is
    shown, in ticks of the source's time base. ``shift``: what has been taken from the times of the
    frames, in such ticks; it is taken from the rest too. What had to be changed is added to
    ``notes``.

    Raises SinkError if what can be read back is not what went in, and PyAV's errors.
    """
    offset_s = shift * source.time_base
    with contextlib.ExitStack() as opened:
        output = opened.enter_context(_open(target, source))
        stream = _add_video(output, segments[0][0], source)
        tracks = None
        if source.path != STDIO:  # what has passed a pipe cannot be read again
            start_s = offset_s if source.is_cut else None
            form = video_format(target)
            tracks = opened.enter_context(
                CarriedTracks(source.path, output, form, offset_s, start_s, source.end_s, audio)
            )
        if source.chapters and not source.is_cut:
            output.set_chapters(source.chapters)
        for packet, dts in _video_packets(segments, source, last_duration):
            packet.stream = stream
            output.mux(packet)
            if tracks:
                tracks.advance(dts * source.time_base)
        if tracks:
            tracks.advance(None)
            notes += tracks.notes
    frames = sum(segment.frames for _, segment in segments)
    times = (segments[0][1].first_pts, segments[-1][1].last_pts)
    written = {"video": frames, **(tracks.written if tracks else {})}
    _prove(target, written, [time * source.time_base for time in times])


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
        stream = output.add_stream_from_template(template)
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


def _prove(path: Path, expected: dict[str, int], times_s: list[Fraction]) -> None:
    """Read the finished file again and count its packets: what went in must be there.

    ``expected``: how many, by type of track. ``times_s``: when the first and the last frame shall
    be shown.
    """
    import av

    counts: Counter[str] = Counter()
    first_s, last_s = Fraction(10**9), Fraction(-(10**9))
    with av.open(f"file:{path}") as written:
        tick_s = written.streams.video[0].time_base or Fraction(0)
        for packet in written.demux():
            is_video = packet.stream.type == "video"
            is_cover = is_video and int(packet.stream.disposition) & COVER_PICTURE
            kind = "cover" if is_cover else str(packet.stream.type)
            # mov_text writes pauses between the texts.
            is_pause = kind == "subtitle" and packet.size <= 2
            if packet.size and not is_pause:
                counts[kind] += 1
                if kind == "video":
                    time_s = time_of(packet) * packet.time_base
                    first_s, last_s = min(first_s, time_s), max(last_s, time_s)
    for kind, count in expected.items():
        if counts[kind] != count:
            raise SinkError(
                f"{path.name}: {count} {kind} packets were written, but {counts[kind]} can be read "
                "back."
            )
    moved_s = Fraction(0) if video_format(path).keeps_start else first_s - times_s[0]
    for wanted, found in zip(times_s, (first_s - moved_s, last_s - moved_s), strict=True):
        if abs(wanted - found) > tick_s / 2:
            raise SinkError(
                f"{path.name}: a frame of {float(wanted):.6f} s is at {float(found):.6f} s when it "
                "is read back."
            )
