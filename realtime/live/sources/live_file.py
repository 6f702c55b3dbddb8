"""A video file played live: each frame at its time, upright, once or for ever.

Files to be painted whole go another way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

from realtime.frame import FileFrame, LiveFrame
from realtime.live.sources.live_source import LiveSource
from realtime.live.sources.sound import Sound, file_sound
from realtime.media.reading.video_file import VideoFile
from realtime.timing import Clock

_MAX_SKIPS = 8  # frames left out in one read to catch up with the clock
_HOPELESS_S = (
    1.0  # so far behind, the clock is set back instead: the file then plays slower than it should
)
_TOLD_S = (
    5.0  # how long that is told: a machine that was busy for a moment is none that is too slow
)


class LiveFile(LiveSource):
    """path: any file with a picture that PyAV reads.

    ``loop``: begin again at the end. Frames are due at their timestamps.
    """

    def __init__(self, path: Path, loop: bool = False, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self.name = path.name
        self._path, self._loop, self._clock = path, loop, clock
        self._file: VideoFile | None = None
        self._frames: Iterator[FileFrame] = iter(())
        self._next: FileFrame | None = None
        self._index = 0
        self._start_s: float | None = None
        self._due_s = 0.0
        self._stop = threading.Event()
        self._reading = threading.Lock()
        self._ended = False
        self._truncated: str | None = None
        self._slow_until_s = float("-inf")

    def open(self) -> tuple[int, int]:
        self._begin_pass()
        self._period_s = float(1 / self._file.info.rate)
        self._advance()
        return self._file.info.size

    def read(self, timeout_s: float) -> LiveFrame | None:
        with self._reading:
            return None if self._stop.is_set() else self._read(timeout_s)

    def _read(self, timeout_s: float) -> LiveFrame | None:
        if self._next is None:
            self._advance()
        if self._next is None:
            return None
        if self._start_s is None:
            self._start_s = self._clock() - self._offset_s(self._next)
        self._catch_up()
        if not self._wait_until_due(timeout_s):
            return None
        frame, self._next = self._next, None
        file_s = float(frame.pts * frame.time_base)
        return LiveFrame(frame.pixels, self._index - 1, self._due_s, file_s)

    def close(self) -> None:
        self._stop.set()
        with self._reading:  # FFmpeg crashes if its file is closed while another thread reads it
            if self._file:
                self._file.close()

    def sound(self) -> Sound | None:
        return file_sound(self._path)

    @property
    def finished(self) -> bool:
        return self._stop.is_set() or (self._ended and self._next is None)

    @property
    def warning(self) -> str | None:
        slow = self._clock() < self._slow_until_s
        return "this file cannot be read in real time: it plays slower" if slow else self._truncated

    def _begin_pass(self) -> None:
        if self._file:
            self._file.close()
        self._file = VideoFile(self._path)
        self._frames = self._file.frames()
        self._first_pts: int | None = None

    def _advance(self) -> None:
        """Decode the next frame; at the end of the file begin again, or end."""
        started_s = time.perf_counter()
        frame = next(self._frames, None)
        if frame is None and self._loop and not self._stop.is_set():
            self._begin_pass()
            frame = next(self._frames, None)
            if frame is not None and self._start_s is not None:
                self._start_s = self._due_s + self._period_s - self._offset_s(frame)
        if frame is None:
            self._ended = True
            self._truncated = self._file.truncated
            return
        self._next, self._index = frame, self._index + 1
        self.busy.add((time.perf_counter() - started_s) * 1000)

    def _offset_s(self, frame: FileFrame) -> float:
        """Seconds from the first frame of this pass."""
        if self._first_pts is None:
            self._first_pts = frame.pts
        return float((frame.pts - self._first_pts) * frame.time_base)

    def _catch_up(self) -> None:
        for _ in range(_MAX_SKIPS):
            self._due_s = self._start_s + self._offset_s(self._next)
            if self._clock() - self._due_s <= self._period_s:
                return
            late = self._next
            self._advance()
            if self._ended:
                self._next = late  # the last frame is shown, however late
                return
        behind_s = self._clock() - self._due_s
        if behind_s > _HOPELESS_S:
            self._start_s += behind_s
            self._due_s += behind_s
            self._slow_until_s = self._clock() + _TOLD_S

    def _wait_until_due(self, timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while (wait_s := self._due_s - self._clock()) > 0:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self._stop.wait(min(wait_s, left_s)):
                return False
        return not self._stop.is_set()
