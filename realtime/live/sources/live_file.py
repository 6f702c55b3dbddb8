"""Video files played live: each frame at its time, upright, once or for ever.

Files to be painted whole go another way.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

from engines.errors import UsageError
from realtime.controls.desk import Desk
from realtime.controls.film import Film
from realtime.frame import LiveFrame
from realtime.live.capture_format import CaptureFormat
from realtime.live.film_player import FilmPlayer
from realtime.live.live_source import PATH, LiveSource
from realtime.live.sound import Sound, sound_of_files
from realtime.media.info import fingerprint
from realtime.media.reading.video_file import VideoFile
from realtime.timing import Clock


class LiveFile(LiveSource):
    """path: any file with a picture that PyAV reads; others may play behind it.

    ``loop``: begin again at the end. Frames are due at their timestamps. A film that is paused goes
    on with the frame where it stands, so that what is done to the picture is seen.
    """

    summary = "file"
    precedence = PATH

    def __init__(self, path: Path, loop: bool = False, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self.name = path.name
        self.paths = [path]
        """What is played, in order."""
        self._loop, self._clock = loop, clock
        self._reading = threading.Lock()
        self._stop = threading.Event()
        self._player: FilmPlayer | None = None  # none before ``open``

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim a file that is there."""
        return Path(text).exists() and not Path(text).is_dir()

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return the file; its size and rate are its own."""
        return cls(Path(text), loop)

    def then(self, other: LiveSource) -> None:
        """Play another file behind this one. Raises UsageError for what is none."""
        if not isinstance(other, LiveFile):
            raise UsageError(
                f"--source {other.name}: is no film, and only films play one after the other. "
                "Give it alone, or leave it out."
            )
        self.paths += other.paths

    def open(self) -> tuple[int, int]:
        """Decode the first frame, of each file.

        Raises SourceError for a file that cannot be read.
        """
        for path in self.paths[1:]:
            VideoFile(path).close()
        self._player = FilmPlayer(self.paths, self._loop, self._clock, self._stop, self.busy)
        return self._player.size

    def follow(self, desk: Desk) -> None:
        """Do what the controls ask of the film, and tell them where it is."""
        if self._player is None:
            return
        film, told = desk.state.film or Film(files=len(self.paths)), self._player.told
        if film.jumps == told.jumps:  # else the jump is still to be done
            film = replace(film, at_s=told.at_s, length_s=told.length_s, file=told.file)
            film = replace(film, name=self.paths[told.file].name)
            film = film if told.file == self._player.asked.file else replace(film, loop=())
        self._player.asked = film
        if film != desk.state.film:
            desk.state = replace(desk.state, film=film)

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

    def fingerprint(self) -> str | None:
        """Return that of the file, None of several. Raises SourceError."""
        return fingerprint(self.paths[0]) if len(self.paths) == 1 else None

    def sound(self) -> Sound | None:
        """Open the first sound track of the files, None if no file has one that can be read."""
        return sound_of_files(self.paths)

    @property
    def finished(self) -> bool:
        """True after the last frame, and once it is closed."""
        return self._stop.is_set() or (self._player is not None and self._player.ended)

    @property
    def warning(self) -> str | None:
        """That the file plays slower than it should, cannot be read, or is shorter than it says."""
        return self._player.warning if self._player else None
