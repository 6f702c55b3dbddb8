"""A video file played live: each frame at its time, upright, once or for ever.

Files to be painted whole go another way.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Self

import numpy as np

from realtime.frame import FileFrame, LiveFrame
from realtime.live.capture_format import CaptureFormat
from realtime.live.live_source import PATH, LiveSource
from realtime.live.sound import Sound, file_sound
from realtime.media.info import fingerprint
from realtime.media.reading.video_file import VideoFile
from realtime.timing import Clock, Samples

_MAX_SKIPS = 8  # frames left out in one read to catch up with the clock
# So far behind, the clock is set back instead: the file then plays slower than it should.
_HOPELESS_S = 1.0
# How long that is told: a machine that was busy for a moment is none that is too slow.
_WARNED_S = 5.0


class LiveFile(LiveSource):
    """path: any file with a picture that PyAV reads.

    ``loop``: begin again at the end. Frames are due at their timestamps.
    """

    summary = "file"
    precedence = PATH

    def __init__(self, path: Path, loop: bool = False, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self.name = path.name
        self._path, self._loop, self._clock = path, loop, clock
        self._reading = threading.Lock()
        self._stop = threading.Event()
        self._player: _Player | None = None  # none before ``open``

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim a file that is there."""
        return Path(text).exists() and not Path(text).is_dir()

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return the file; its size and rate are its own."""
        return cls(Path(text), loop)

    def open(self) -> tuple[int, int]:
        """Decode the first frame.

        Raises SourceError for a file that cannot be read.
        """
        self._player = _Player(self._path, self._loop, self._clock, self._stop, self.busy)
        return self._player.size

    def read(self, timeout_s: float) -> LiveFrame | None:
        """Return the frame that is due, or None if none is within ``timeout_s``."""
        with self._reading:
            if self._player is None or self._stop.is_set():
                return None
            return self._player.read(timeout_s)

    def close(self) -> None:
        """Stop playing."""
        self._stop.set()
        with self._reading:  # FFmpeg crashes if its file is closed while another thread reads it
            if self._player:
                self._player.close()

    def fingerprint(self) -> str:
        """Return that of the file. Raises SourceError."""
        return fingerprint(self._path)

    def sound(self) -> Sound | None:
        """Open the file's first sound track, None if it has none that can be read."""
        return file_sound(self._path)

    @property
    def finished(self) -> bool:
        """True after the last frame, and once it is closed."""
        return self._stop.is_set() or (self._player is not None and self._player.ended)

    @property
    def warning(self) -> str | None:
        """That the file plays slower than it should, or is shorter than it says."""
        return self._player.warning if self._player else None


class _Pass:
    """The open file, and its frames from the first to the last."""

    def __init__(self, path: Path) -> None:
        self.file = VideoFile(path)
        self._frames = self.file.frames()
        self._first_pts: int | None = None

    def next(self) -> tuple[FileFrame, float] | None:
        """Decode a frame; returns it with its time in seconds since the first one."""
        frame = next(self._frames, None)
        if frame is None:
            return None
        if self._first_pts is None:
            self._first_pts = frame.pts
        return frame, float((frame.pts - self._first_pts) * frame.time_base)


class _Player:
    """A file that plays: pass after pass, by the clock.

    stop: set by whoever closes it. busy: gets the time that each frame took to decode.
    """

    def __init__(
        self, path: Path, loop: bool, clock: Clock, stop: threading.Event, busy: Samples
    ) -> None:
        self._path, self._loop, self._clock, self._stop, self._busy = path, loop, clock, stop, busy
        self._pass = _Pass(path)
        self.size = self._pass.file.info.size
        self._period_s = float(1 / self._pass.file.info.rate)
        self._index = -1
        self._start_s: float | None = None  # when this pass began; None before the first read
        self._due_s = 0.0
        self._over = False
        self._truncated: str | None = None
        self._slow_until_s = float("-inf")
        self._next = self._decode()

    def read(self, timeout_s: float) -> LiveFrame | None:
        """Return the frame that is due, or None if none is within ``timeout_s``."""
        if self._next is None and not self._over:
            self._next = self._decode()
        if self._next is None:
            return None
        frame = self._catch_up(self._next)
        if not self._wait_until_due(timeout_s):
            return None
        self._next = None
        file_s = float(frame.pts * frame.time_base)
        # An array already: no GPU decodes here.
        return LiveFrame(np.asarray(frame.pixels), self._index, self._due_s, file_s)

    def close(self) -> None:
        """Close the file."""
        self._pass.file.close()

    @property
    def ended(self) -> bool:
        """True once the last frame was read."""
        return self._over and self._next is None

    @property
    def warning(self) -> str | None:
        """That the file plays slower than it should, or is shorter than it says."""
        slow = self._clock() < self._slow_until_s
        return "this file cannot be read in real time: it plays slower" if slow else self._truncated

    def _decode(self) -> tuple[FileFrame, float] | None:
        """Decode the next frame; at the end of the file begin again, or end."""
        started_s = time.perf_counter()
        found = self._pass.next()
        if found is None and self._loop and not self._stop.is_set():
            self._pass.file.close()
            self._pass = _Pass(self._path)
            found = self._pass.next()
            if self._start_s is not None:
                self._start_s = self._due_s + self._period_s
        if found is None:
            self._over, self._truncated = True, self._pass.file.truncated
            return None
        self._index += 1
        self._busy.add((time.perf_counter() - started_s) * 1000)
        return found

    def _catch_up(self, found: tuple[FileFrame, float]) -> FileFrame:
        """Leave out what is overdue, from ``found`` on; set when the returned frame is due."""
        if self._start_s is None:
            self._start_s = self._clock() - found[1]
        for _ in range(_MAX_SKIPS):
            self._due_s = self._start_s + found[1]
            if self._clock() - self._due_s <= self._period_s:
                return found[0]
            later = self._decode()
            if later is None:  # the last frame is shown, however late
                return found[0]
            self._next = found = later
        self._due_s = self._start_s + found[1]
        behind_s = self._clock() - self._due_s
        if behind_s > _HOPELESS_S:
            self._start_s += behind_s
            self._due_s += behind_s
            self._slow_until_s = self._clock() + _WARNED_S
        return found[0]

    def _wait_until_due(self, timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while (wait_s := self._due_s - self._clock()) > 0:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self._stop.wait(min(wait_s, left_s)):
                return False
        return not self._stop.is_set()
