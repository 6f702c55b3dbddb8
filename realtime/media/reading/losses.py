"""What a decoder loses: how much that is, and the packets that it may not have shown yet."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

_FEW = 0.05  # share of lost frames up to which a video counts as whole
_NEAR = 0.6  # of the distance between two pictures
_HOPELESS_PACKETS = 1000
_HELD_BACK = 64  # packets: of its threads, and those that it puts in order
_TAIL_BYTES = 64 << 20


class Losses:
    """Counts what is sent to a decoder and what it shows, to tell how much is lost in between.

    A packet is lost if no picture is shown near its time. Mere numbers would not do: a packet may
    be half a frame (a field), or one that is never shown, which VP8 has.
    """

    last_pts: int | None
    """The time of the newest picture."""

    failed: int
    """How many packets it refused."""

    def __init__(self) -> None:
        self.last_pts = None
        self.failed = 0
        self._sent = self._shown = self._corrupt = self._lost = 0
        self._waiting: list[int] = []  # a heap of the times that no picture has passed yet
        self._gap: float = math.inf  # the smallest between two pictures

    @property
    def are_hopeless(self) -> bool:
        """Whether so many were refused, and nothing was shown, that nothing will be."""
        return not self._shown and self.failed >= _HOPELESS_PACKETS

    def sent(self, packet: Packet[Any] | None) -> None:
        """Count a packet; None: the end. Those that an edit list hides show nothing."""
        if packet is None or packet.is_discard:
            return
        self._sent += 1
        self._corrupt += packet.is_corrupt
        if packet.pts is not None:
            heapq.heappush(self._waiting, packet.pts)

    def shown(self, picture: VideoFrame) -> VideoFrame:
        """Count a picture, of those in order of presentation, and return it."""
        self._shown += 1
        if picture.pts is not None:
            self._pass(picture.pts)
            self.last_pts = picture.pts
        return picture

    @property
    def is_behind(self) -> bool:
        """Whether there were packets of pictures after the newest."""
        return self.last_pts is not None and max(self._waiting, default=0) > self.last_pts

    def ended(self) -> None:
        """Count what no picture was shown of at the end of the file."""
        if self._shown and self.last_pts is None:  # a file without times
            self._lost = self._sent - self._shown if self.failed or self._corrupt else 0
        elif self._shown:
            self._pass(math.inf)

    def describe(self) -> str | None:
        """Say how many frames are lost, if that is more than a few of a hundred."""
        lost = max(self._lost, self.failed, self._corrupt)
        if lost <= _FEW * (self._shown + lost):
            return None
        return f"{lost} of {max(self._shown + self._lost, lost)} frames are missing or damaged"

    def _pass(self, pts: float) -> None:
        last = self.last_pts
        if last is not None and pts > last:
            self._gap = min(self._gap, pts - last)
        while self._waiting and self._waiting[0] <= pts:
            time = heapq.heappop(self._waiting)
            if last is not None:
                self._lost += min(time - last, pts - time) > _NEAR * self._gap
            elif self.failed or self._corrupt:
                # What only begins between two keyframes, as broadcasts do, is not damaged.
                self._lost += time < pts


class Tail:
    """The newest packets, from a keyframe on, as many as a decoder may hold back.

    It stays empty where these are more than ``_TAIL_BYTES``.
    """

    def __init__(self) -> None:
        self._groups: deque[list[Packet[Any]]] = deque()
        self._count = self._bytes = 0

    def add(self, packet: Packet[Any] | None) -> None:
        """Take the next packet; None, the end, is none."""
        if packet is None:
            return
        if packet.is_keyframe or not self._groups:
            self._groups.append([])
        self._groups[-1].append(packet)
        self._count += 1
        self._bytes += packet.size
        while self._bytes > _TAIL_BYTES or self._count - len(self._groups[0]) >= _HELD_BACK:
            group = self._groups.popleft()
            self._count -= len(group)
            self._bytes -= sum(packet.size for packet in group)
            if not self._groups:
                return

    def packets(self) -> Iterator[Packet[Any]]:
        """Return them, in order of decoding."""
        return itertools.chain.from_iterable(self._groups)
