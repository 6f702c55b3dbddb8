"""Puts finished segments one after the other into one video, packet for packet, with everything
else of the input around.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import SinkError
from realtime.media.info import VideoInfo
from realtime.media.packets import COVER_PICTURE
from realtime.media.pipes import STDIO
from realtime.media.writing.carried_tracks import CarriedTracks
from realtime.media.writing.encoding import CONTAINERS
from realtime.media.writing.segment_writer import MAX_TIMESCALE, ticks_of
from realtime.media.writing.work_folder import Segment

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
    """Write ``target`` from segments in order and from ``source`` (sound, metadata, chapters), and
    prove that all is there.

    ``last_duration``: how long the last frame is shown, in units of the source's time base.
    ``shift``: what has been taken from the times of the frames, in units of the source's time base;
    it is taken from the rest too. What had to be changed is added to ``notes``. Raises SinkError if
    what can be read back is not what went in, and PyAV's errors.
    """
    import av

    name = CONTAINERS[target.suffix.lower()]
    options = {}
    if name in (
        "mp4",
        "mov",
    ):  # in FFmpeg's default of 1000 the beginning of each track would be rounded to milliseconds
        timescale = (
            source.timescale if source.timescale <= MAX_TIMESCALE else source.time_base.denominator
        )
        options = {"movflags": "+faststart", "movie_timescale": str(timescale)}
    offset_s = shift * source.time_base
    with contextlib.ExitStack() as opened:
        output = opened.enter_context(av.open(f"file:{target}", "w", format=name, options=options))
        output.metadata.update(
            {k: v for k, v in source.metadata.items() if k.lower() not in _DROPPED_METADATA}
        )
        stream = _add_video(output, segments[0][0], source)
        tracks = None
        if source.path != STDIO:  # what has passed a pipe cannot be read again
            start_s = offset_s if source.is_cut else None
            tracks = opened.enter_context(
                CarriedTracks(source.path, output, offset_s, start_s, source.end_s, audio)
            )
        if source.chapters and not source.is_cut:
            output.set_chapters(source.chapters)
        for packet in _video_packets(segments, source, last_duration):
            packet.stream = stream
            output.mux(packet)
            if tracks:
                tracks.advance(packet.dts * packet.time_base)
        if tracks:
            tracks.advance(None)
            notes += tracks.notes
    frames = sum(segment.frames for _, segment in segments)
    times = [
        time * source.time_base for time in (segments[0][1].first_pts, segments[-1][1].last_pts)
    ]
    _prove(target, {"video": frames, **(tracks.written if tracks else {})}, times)


def _add_video(output: OutputContainer, segment: Path, source: VideoInfo) -> VideoStream:
    import av

    with av.open(f"file:{segment}") as first:
        template = first.streams.video[0]
        stream = output.add_stream_from_template(template)
        stream.time_base = source.time_base
        if (
            "alpha_mode" in template.metadata
        ):  # from which the muxer knows that transparency stands beside the packets
            stream.codec_context.pix_fmt = "yuva420p"
    if source.language:
        stream.metadata["language"] = source.language
    return stream


def _video_packets(
    segments: list[tuple[Path, Segment]], source: VideoInfo, last_duration: int
) -> Iterator[Packet]:
    """The packets of all segments with pts, dts and durations as if one encoder had made them, in
    the source's time base.

    dts are the sorted pts, ``delay`` frames late, which is what x264 gives; those of single
    segments would run backwards where a pause lies behind a segment's start.
    """
    delay = max(segment.delay for _, segment in segments)
    late: deque[int] = deque()
    for number, (path, segment) in enumerate(segments):
        shown = sorted(packet.pts for packet in _packets_of(path, segment, source.time_base))
        if not late:
            step = (
                shown[1] - shown[0]
                if len(shown) > 1
                else max(1, round(1 / source.rate / source.time_base))
            )
            late.extend(shown[0] - step * early for early in range(delay, 0, -1))
        late.extend(shown)
        following = (
            segments[number + 1][1].first_pts
            if number + 1 < len(segments)
            else shown[-1] + last_duration
        )
        ends = dict(zip(shown, [*shown[1:], following], strict=True))
        for packet in _packets_of(
            path, segment, source.time_base
        ):  # again, rather than all of them in memory
            packet.dts = late.popleft()
            packet.duration = ends[packet.pts] - packet.pts
            yield packet


def _packets_of(path: Path, segment: Segment, time_base: Fraction) -> Iterator[Packet]:
    import av

    with av.open(f"file:{path}") as container:
        for packet in container.demux(video=0):
            if packet.size:
                packet.pts = segment.first_pts + ticks_of(packet, path, time_base)
                packet.time_base = time_base
                yield packet


def _prove(path: Path, expected: dict[str, int], times_s: list[Fraction]) -> None:
    """Read the finished file again and count its packets by type of track: what went in must be
    there.

    ``times_s``: when the first and the last frame shall be shown.
    """
    import av

    counts = dict.fromkeys(expected, 0)
    first_s, last_s = Fraction(10**9), Fraction(-(10**9))
    with av.open(f"file:{path}") as written:
        tick_s = written.streams.video[0].time_base
        for packet in written.demux():
            is_cover = (
                int(packet.stream.disposition) & COVER_PICTURE and packet.stream.type == "video"
            )
            kind = "cover" if is_cover else packet.stream.type
            is_pause = (
                kind == "subtitle" and packet.size <= 2
            )  # mov_text writes them between the texts
            if packet.size and not is_pause:
                counts[kind] = counts.get(kind, 0) + 1
                if kind == "video":
                    time_s = packet.pts * packet.time_base
                    first_s, last_s = min(first_s, time_s), max(last_s, time_s)
    for kind, count in expected.items():
        if counts[kind] != count:
            raise SinkError(
                f"{path.name}: {count} {kind} packets were written, but {counts[kind]} can be read back."
            )
    for wanted, found in zip(times_s, (first_s, last_s), strict=True):
        if abs(wanted - found) > tick_s / 2:
            raise SinkError(
                f"{path.name}: a frame of {float(wanted):.6f} s is at {float(found):.6f} s when it is read back."
            )
