"""The one clock of an input, whatever times its packets have; for files and for live sources.

It starts at 0. Where times step back, and where those of a broadcast jump, it goes on: all tracks
are moved by the same amount. docs/files.md has the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

_TICKS_A_SECOND = 1_000_000  # of FFmpeg's own clock, which times of containers are in
# Their clock is that of a broadcast, which begins anywhere, wraps, and jumps where cells or
# recordings were put one after the other. As FFmpeg, for whom that is AVFMT_TS_DISCONT.
_BROADCASTS = ("mpegts", "mpeg")
_JUMP_S = 10.0
_WRAP_S = (1 << 33) / 90_000
# In broadcasts and FLV times of decoding are written down. Elsewhere FFmpeg guesses some, and may
# be a few frames off.
_STEP_S, _GUESSED_STEP_S = 0.1, 0.5
# By so much the sound behind a step may begin before that before it has ended: pictures go on
# without a gap.
_OVERLAP_S = 0.25
_MOST_REORDERED = 16  # H.264 and HEVC
_STATES_ITS_END = ("matroska", "flv", "mov")  # instead of its length


def may_step(container: InputContainer) -> bool:
    """Whether its times may run in another way than its bytes, so that seeks land anywhere."""
    return container.format.name in (*_BROADCASTS, "flv")


def origin_of(container: InputContainer) -> Fraction:
    """Return when it begins, in seconds of its own times: what is 0 on the clock.

    That is a multiple of a tick of its pictures, so that they keep their times exactly. Sound that
    begins before 0, which players skip, stays there.
    """
    begun = [
        (stream, stream.start_time * stream.time_base)
        for stream in container.streams
        if _is_timed(stream) and stream.start_time is not None and stream.time_base is not None
    ]
    videos = [(stream, start_s) for stream, start_s in begun if stream.type == "video"]
    if not begun:
        return Fraction(0)
    leader, leader_s = (videos or begun)[0]
    wraps = container.format.name in _BROADCASTS
    starts_s = [
        start_s + Fraction(_wraps(leader_s, start_s) << 33, 90_000) * wraps for _, start_s in begun
    ]
    if min(starts_s) < 0 <= leader_s:
        return Fraction(0)
    tick = leader.time_base or Fraction(1, _TICKS_A_SECOND)
    return math.floor(min(starts_s) / tick) * tick


def length_of(container: InputContainer) -> Fraction | None:
    """Return how many seconds it states to last, None if it does not tell."""
    if not container.duration:
        return None
    stated_s = Fraction(container.duration, _TICKS_A_SECOND)
    states_its_end = any(name in container.format.name for name in _STATES_ITS_END)
    origin_s = origin_of(container)
    return stated_s - origin_s if states_its_end and 0 < origin_s < stated_s else stated_s


def stated_end_of(container: InputContainer) -> Fraction | None:
    """Return by when its last packet must have come, in its own times; None if it does not tell.

    A duration is a length for some writers and an end for others: the earlier of the two.
    """
    if not container.duration:
        return None
    start_s = Fraction(min(0, container.start_time or 0), _TICKS_A_SECOND)
    return start_s + Fraction(container.duration, _TICKS_A_SECOND)


@dataclass
class _Track:
    tick: Fraction
    is_timed: bool
    is_video: bool
    shifts: list[int] = field(default_factory=list)
    """What is added to its times in each run, in its ticks."""
    run: int = 0
    last_s: float | None = None
    """When its newest packet is decoded, on the clock; None before the first."""
    end_s: float = 0.0
    """When that ends."""
    undated: int = 0
    """How many of its pictures had no time of decoding."""
    length: int = 0
    """How long packets are, in ticks: that of the newest that tells it."""

    def __post_init__(self) -> None:
        self.tick_s = float(self.tick)


class InputClock:
    """Puts the packets of ``container`` on the clock, from its beginning on or from a seek on.

    Every packet of every track must be shown to it, in file order. ``near_s``: about where on the
    clock reading begins. A *run* is what lies between two
    steps; each track comes into the next one with its own first packet behind the step.
    """

    steps: int
    """How many steps and jumps there were so far."""

    def __init__(self, container: InputContainer, near_s: float = 0.0) -> None:
        self.steps = 0
        self._jumps = container.format.name in _BROADCASTS
        self._step_s = _STEP_S if may_step(container) else _GUESSED_STEP_S
        self._shifts_s = [-origin_of(container)]
        self._floats_s = [float(shift_s) for shift_s in self._shifts_s]  # as fast as packets come
        self._tracks: dict[int, _Track] = {}
        self._now_s = near_s

    def place(self, packet: Packet[Any], look_ahead: Callable[[], Sequence[Packet[Any]]]) -> None:
        """Set the times of ``packet`` on the clock, and how long it is where that is not told.

        ``look_ahead``: returns packets that follow it, as the file has them; called where a time is
        missing, and at a step.
        """
        track = self._track_of(packet)
        time = self._decoded_at(packet, track, look_ahead)
        if time is None:
            return
        time_s = time * track.tick_s
        run = self._run_of(track, time_s)
        if run is None and self._begin_run(track, packet.stream_index, time_s, look_ahead()):
            run = self.steps
        if run is None:  # a single wrong time: it follows the packet before
            shift = round(track.end_s / track.tick_s) - time
        else:
            shift = self._shift(track, run)
            if self._jumps:
                shift += _wraps(self._now_s, time_s + self._floats_s[run]) << 33
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = None if packet.dts is None else packet.dts + shift
        if not track.is_timed:
            return
        track.run = track.run if run is None else run
        track.length = packet.duration or track.length
        if not track.is_video:
            packet.duration = track.length
        placed_s = (time + shift) * track.tick_s
        track.end_s = placed_s + track.length * track.tick_s
        track.last_s = self._now_s = placed_s

    def _decoded_at(
        self, packet: Packet[Any], track: _Track, look_ahead: Callable[[], Sequence[Packet[Any]]]
    ) -> int | None:
        """Return when the packet is decoded, as the file has it; else when it is shown, or None.

        Where the first picture behind a step has no time of decoding of its own, FFmpeg makes one
        of times before the step: it is told from the picture behind it.
        """
        pts, dts = packet.pts, packet.dts
        if pts is None or not track.is_video:
            return pts if dts is None else dts
        if not self._jumps:
            return self._undated_at(pts, packet, track, look_ahead) if dts is None else dts
        if dts is None or not 0 <= (pts - dts) * track.tick_s < _JUMP_S:
            others = (other for other in look_ahead() if other.stream_index == packet.stream_index)
            behind = next(others, None)
            told = pts if behind is None or behind.dts is None else behind.dts - track.length
            packet.dts = dts = told
        return dts

    def _undated_at(
        self,
        pts: int,
        packet: Packet[Any],
        track: _Track,
        look_ahead: Callable[[], Sequence[Packet[Any]]],
    ) -> int:
        """Return when a picture without a time of decoding is decoded; it is shown at ``pts``.

        In Matroska these are the first ones where pictures are reordered. They are shown up to
        seconds later than the next one is decoded, which would look like a step back.
        """
        track.undated += 1
        if track.undated > _MOST_REORDERED:  # a container that has none at all
            return pts
        dated = (
            other.dts
            for other in look_ahead()
            if other.stream_index == packet.stream_index and other.dts is not None
        )
        return min(pts, next(dated, pts))

    def _track_of(self, packet: Packet[Any]) -> _Track:
        track = self._tracks.get(packet.stream_index)
        if track is None:
            stream = packet.stream
            is_video = stream.type == "video"
            track = _Track(packet.time_base, _is_timed(stream), is_video)
            if is_video and stream.average_rate:
                track.length = round(1 / stream.average_rate / packet.time_base)
            self._tracks[packet.stream_index] = track
        return track

    def _shift(self, track: _Track, run: int) -> int:
        while len(track.shifts) <= run:
            track.shifts.append(round(self._shifts_s[len(track.shifts)] / track.tick))
        return track.shifts[run]

    def _run_of(self, track: _Track, time_s: float) -> int | None:
        """Return the run that a packet of that time belongs to; None: to none that there is."""
        runs = range(track.run if track.is_timed else 0, len(self._shifts_s))
        placed_s = {run: self._placed_s(time_s, run) for run in runs}
        fitting = [run for run in runs if self._fits(track, placed_s[run])]
        return min(fitting, key=lambda run: abs(placed_s[run] - self._now_s), default=None)

    def _placed_s(self, time_s: float, run: int) -> float:
        placed_s = time_s + self._floats_s[run]
        return placed_s + _wraps(self._now_s, placed_s) * _WRAP_S if self._jumps else placed_s

    def _fits(self, track: _Track, placed_s: float) -> bool:
        if not track.is_timed or track.last_s is None:
            return True
        if placed_s < track.last_s - self._step_s:
            return False
        return not self._jumps or placed_s <= max(track.end_s, self._now_s) + _JUMP_S

    def _begin_run(
        self, track: _Track, index: int, time_s: float, ahead: Sequence[Packet[Any]]
    ) -> bool:
        """Begin a run with a packet of that time, unless the packet behind it is as before."""
        firsts_s: dict[int, float] = {index: time_s}
        ends_s = {number: known.end_s for number, known in self._tracks.items()}
        goes_on: bool | None = None
        for packet in ahead:
            number = packet.stream_index
            other = self._tracks.get(number)
            if other is None or not other.is_timed or packet.dts is None:
                continue
            other_s = packet.dts * other.tick_s
            run = self._run_of(other, other_s)
            if other is track and goes_on is None:
                goes_on = run is None
            elif run is None:
                firsts_s.setdefault(number, other_s)
            elif number not in firsts_s:  # what is left of before the step
                end_s = self._placed_s(other_s, run) + other.length * other.tick_s
                ends_s[number] = max(ends_s[number], end_s)
        if not goes_on:
            return False
        shifts_s = {number: ends_s[number] - first_s for number, first_s in firsts_s.items()}
        latest = max(shifts_s, key=lambda number: shifts_s[number])
        video = next((number for number in shifts_s if self._tracks[number].is_video), latest)
        if shifts_s[latest] - shifts_s[video] > _OVERLAP_S:
            video = latest
        tick = self._tracks[video].tick
        self._shifts_s.append(round(shifts_s[video] / float(tick)) * tick)
        self._floats_s.append(float(self._shifts_s[-1]))
        self.steps += 1
        return True


def _wraps(near_s: float | Fraction, time_s: float | Fraction) -> int:
    """Return how many wraps of a broadcast's clock bring ``time_s`` next to ``near_s``."""
    return round(float(near_s - time_s) / _WRAP_S)


def _is_timed(stream: Stream) -> bool:
    """Whether its packets follow each other without pauses, as those of subtitles do not."""
    from av.stream import Disposition

    is_cover = Disposition.attached_pic in stream.disposition
    return stream.type == "audio" or (stream.type == "video" and not is_cover)
