"""Divides the painting of one file into parts that can be painted apart from each other.

Knows frames, not machines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from realtime.frame import FrameMemory, Moment
from realtime.media.writing.segments import SEGMENT_FRAMES

# So that the last ones of a file end together, and a part that is lost is no great loss.
_PARTS_PER_WORKER = 4
_MAX_SEGMENTS = 8


@dataclass(frozen=True)
class Part:
    """Whole segments in a row, from frame ``first`` on."""

    first: int
    moments: tuple[Moment, ...]
    """What is to be read, in order.

    Those before ``first`` are painted only so that the painter remembers what it would in one run.
    """
    memory: FrameMemory | None = None
    """What the painter remembers at the beginning."""

    @property
    def last(self) -> int:
        """Return the index of its last frame."""
        return self.moments[-1].index

    def beginning_at(self, first: int, memory: FrameMemory) -> Part:
        """Return what is left of it from frame ``first`` on, painted from ``memory``.

        Without one it is warmed up as before.
        """
        if first == self.first and not memory:
            return self
        return replace(
            self,
            first=first,
            memory=memory,
            moments=tuple(m for m in self.moments if m.index >= first),
        )


def segments_per_part(frames: float, workers: int, warm_up: int) -> int:
    """Return of how many segments parts shall be.

    The file has about ``frames`` frames and is divided among ``workers``. ``warm_up``: how many
    frames are painted before a part.
    """
    fair = round(frames / SEGMENT_FRAMES / workers / _PARTS_PER_WORKER)
    return max(1, -(-warm_up // SEGMENT_FRAMES), min(fair, _MAX_SEGMENTS))


def divide(
    moments: Iterable[Moment],
    has: Callable[[int], bool],
    segments: int,
    warm_up: int,
    memory_before: Callable[[int], FrameMemory] = lambda _: {},
) -> Iterator[Part]:
    """Yield parts of at most ``segments`` segments, as soon as they are known.

    They have all frames but those that ``has`` names. Parts end where they are long enough, or at
    half of that behind a scene cut. The next one is warmed up from that cut, and its frames are
    those of one run. Where there is none among the last ``warm_up`` frames, it is warmed up from
    all of these. memory_before: of what no warm-up can find out, before a frame; {} if nothing.
    """
    before: deque[Moment] = deque(maxlen=warm_up)
    part: list[Moment] = []

    def end_part() -> Iterator[Part]:
        if part:
            read = (*_choose_warm_up(before, part[0]), *part)
            yield Part(part[0].index, read, memory_before(read[0].index) or None)
            before.extend(part)
            part.clear()

    for segment in _group_segments(moments):
        if has(segment[0].index):
            yield from end_part()
            before.extend(segment)
            continue
        part.extend(segment)
        behind_cut = any(moment.is_cut for moment in segment[-warm_up:]) if warm_up else False
        if len(part) >= (segments * SEGMENT_FRAMES) / (2 if behind_cut else 1):
            yield from end_part()
    yield from end_part()


def _group_segments(moments: Iterable[Moment]) -> Iterator[list[Moment]]:
    segment: list[Moment] = []
    for moment in moments:
        segment.append(moment)
        if (moment.index + 1) % SEGMENT_FRAMES == 0:
            yield segment
            segment = []
    if segment:
        yield segment


def _choose_warm_up(before: deque[Moment], first: Moment) -> list[Moment]:
    cuts = [place for place, moment in enumerate(before) if moment.is_cut]
    return [] if first.is_cut else list(before)[cuts[-1] if cuts else 0 :]
