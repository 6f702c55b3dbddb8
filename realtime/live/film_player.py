"""Plays video files by the clock, as the controls of a film ask for it.

The source that does so: ``sources/live_file.py``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from engines.errors import SourceError
from realtime.controls.film import Film, clock_text
from realtime.frame import FileFrame, LiveFrame
from realtime.media.reading.video_file import VideoFile
from realtime.timing import Clock, Samples

_MAX_SKIPS = 8  # frames left out in one read to catch up with the clock
# So far behind, the clock is set back instead: the file then plays slower than it should.
_HOPELESS_S = 1.0
# How long that is told: a machine that was busy for a moment is none that is too slow.
_WARNED_S = 5.0
_FINEST_TICK = 1_000_000  # of times in files, by which one that was told is found again
_LAST_FRAMES = 3  # what a file says of its length is not exact: a jump lands before them


class _Pass:
    """The open file, and its frames from ``from_s`` seconds to the last.

    Raises SourceError for what cannot be read, or not from there.
    """

    def __init__(self, path: Path, from_s: float = 0.0) -> None:
        start_s = Fraction(from_s).limit_denominator(_FINEST_TICK) if from_s > 0 else None
        self.file = VideoFile(path, start_s)
        left_s = self.file.info.duration_s
        self.length_s = None if left_s is None else from_s + left_s
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


@dataclass(frozen=True)
class Told:
    """Where a film is; as in ``Film``."""

    jumps: int = 0
    """How many were done."""
    file: int = 0
    at_s: float = 0.0
    length_s: float | None = None


class FilmPlayer:
    """Files that play: pass after pass, by the clock.

    stop: set by whoever closes it. busy: gets the time that each frame took to decode.
    """

    asked: Film
    """What the controls ask for; replaced by another thread."""

    told: Told
    """Of the newest frame that was read."""

    def __init__(
        self,
        paths: Sequence[Path],
        loop: bool,
        clock: Clock,
        stop: threading.Event,
        busy: Samples,
    ) -> None:
        self._paths, self._loop, self._clock, self._stop, self._busy = (
            paths,
            loop,
            clock,
            stop,
            busy,
        )
        # What is asked changes at any time; during one read it is the same throughout.
        self.asked = self._asked = Film(files=len(paths))
        self._file, self._jumps = 0, 0
        self._pass = _Pass(paths[0])
        self.told = Told(length_s=self._pass.length_s)
        self.size = self._pass.file.info.size
        self._index = -1
        # When this pass began; None: with the next frame.
        self._start_s: float | None = None
        self._due_s = float("-inf")
        self._over = False
        self._truncated: str | None = None
        self._failed = ""
        self._slow_until_s = self._failed_until_s = float("-inf")
        self._shown: LiveFrame | None = None
        self._next = self._decode()

    def read(self, timeout_s: float) -> LiveFrame | None:
        """Return the frame that is due, or None if none is within ``timeout_s``."""
        self._asked = self.asked
        self._jump_where_asked()
        if self._asked.paused and self._shown is not None:
            return self._hold(self._shown, timeout_s)
        if self._next is None and not self._over:
            self._next = self._decode()
        if self._next is None:
            return None
        frame = self._catch_up(self._next)
        if not self._wait_until_due(self._due_s, timeout_s):
            return None
        self._next = None
        self._index += 1
        file_s = float(frame.pts * frame.time_base)
        self.told = Told(self._jumps, self._file, file_s, self._pass.length_s)
        # An array already: no GPU decodes here.
        pixels = np.asarray(frame.pixels)
        self._shown = LiveFrame(pixels, self._index, self._due_s, file_s, self._file)
        return self._shown

    def close(self) -> None:
        """Close the file."""
        self._pass.file.close()

    @property
    def ended(self) -> bool:
        """True once the last frame was read."""
        return self._over and self._next is None

    @property
    def warning(self) -> str | None:
        """That a file plays slower than it should, cannot be read, or is shorter than it says."""
        if self._clock() < self._failed_until_s:
            return self._failed
        slow = self._clock() < self._slow_until_s
        return "this file cannot be read in real time: it plays slower" if slow else self._truncated

    @property
    def _period_s(self) -> float:
        return float(1 / self._pass.file.info.rate)

    def _jump_where_asked(self) -> None:
        """Go where the controls ask to; where that cannot be, stay and say so."""
        asked = self._asked
        if asked.jumps == self._jumps:
            return
        self._jumps = asked.jumps
        if self._begin(asked.file, asked.at_s):
            self._next, self._shown, self._start_s, self._over = None, None, None, False
        else:
            self.told = replace(self.told, jumps=self._jumps)

    def _hold(self, shown: LiveFrame, timeout_s: float) -> LiveFrame | None:
        """Return the frame where the film stands once more, when one would be due."""
        due_s = max(self._due_s + self._period_s, self._clock() - self._period_s)
        if not self._wait_until_due(due_s, timeout_s):
            return None
        self._due_s, self._start_s = due_s, None
        self._index += 1
        return replace(shown, index=self._index, captured_s=due_s)

    def _decode(self) -> tuple[FileFrame, float] | None:
        """Decode the next frame; where this pass ends begin the next one, or end."""
        started_s = time.perf_counter()
        found = self._pass.next()
        end_s = self._end_of_loop()
        if found and end_s is not None and found[0].pts * found[0].time_base >= end_s:
            found = None
        if found is None:
            truncated = self._pass.file.truncated
            found = next(self._first_frames(), None)
            if found is None:
                self._over, self._truncated = True, truncated
                return None
        self._busy.add((time.perf_counter() - started_s) * 1000)
        return found

    def _end_of_loop(self) -> float | None:
        """Return where what is repeated ends; None where nothing of this file is."""
        film = self._asked
        return film.loop[1] if len(film.loop) == 2 and film.file == self._file else None

    def _first_frames(self) -> Iterator[tuple[FileFrame, float]]:
        """Begin what may follow this pass, one after the other; yield the first frame of each."""
        last = len(self._paths) - 1
        places = [(file, 0.0) for file in range(self._file + 1, last + 1)]
        if self._end_of_loop() is not None:
            places = [(self._file, self._asked.loop[0])]
        elif self._loop:
            places += [(file, 0.0) for file in range(self._file + 1)]
        for file, from_s in places:
            if self._stop.is_set():
                return
            if self._begin(file, from_s) and (found := self._pass.next()):
                if self._start_s is not None:
                    self._start_s = self._due_s + self._period_s
                yield found

    def _begin(self, file: int, from_s: float) -> bool:
        """Open a file at a place; False, and a warning, where that cannot be."""
        try:
            if file == self._file:
                from_s = self._before_the_end(from_s)
            begun = _Pass(self._paths[file], from_s)
        except SourceError as error:
            place = f"{self._paths[file].name} cannot go on from {clock_text(from_s)}"
            self._failed = place if from_s > 0 else str(error)
            self._failed_until_s = self._clock() + _WARNED_S
            return False
        self._pass.file.close()
        self._pass, self._file = begun, file
        return True

    def _before_the_end(self, from_s: float) -> float:
        if self._pass.length_s is None:
            return from_s
        return max(0.0, min(from_s, self._pass.length_s - _LAST_FRAMES * self._period_s))

    def _catch_up(self, found: tuple[FileFrame, float]) -> FileFrame:
        """Leave out what is overdue, from ``found`` on; set when the returned frame is due."""
        if self._start_s is None:
            self._start_s = max(self._clock(), self._due_s + self._period_s) - found[1]
        for _ in range(_MAX_SKIPS):
            self._due_s = self._start_s + found[1]
            if self._clock() - self._due_s <= self._period_s:
                return found[0]
            later = self._decode()
            if later is None:  # the last frame is shown, however late
                return found[0]
            self._index += 1
            self._next = found = later
        self._due_s = self._start_s + found[1]
        behind_s = self._clock() - self._due_s
        if behind_s > _HOPELESS_S:
            self._start_s += behind_s
            self._due_s += behind_s
            self._slow_until_s = self._clock() + _WARNED_S
        return found[0]

    def _wait_until_due(self, due_s: float, timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while (wait_s := due_s - self._clock()) > 0:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self._stop.wait(min(wait_s, left_s)):
                return False
        return not self._stop.is_set()
