"""Reads a file through once and divides it on the way."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Self

from realtime.files.farm.parts import Part
from realtime.frame import FileFrame, Moment
from realtime.media.reading.video_file import VideoFile


class Scan:
    """Decodes ``video`` in a thread of its own.

    That fills in its ``damaged``, ``truncated`` and ``cuts``. ``divide`` makes parts of its
    moments. ``look_at``: is shown each frame before its moment is divided; without it, none is made
    pixels of. ``frames``: their number, None until all are known. ``ended``: all parts have been
    taken. Use as a context manager.
    """

    def __init__(
        self,
        video: VideoFile,
        divide: Callable[[Iterator[Moment]], Iterator[Part]],
        look_at: Callable[[FileFrame], None] | None = None,
    ) -> None:
        self.frames: int | None = None
        self.ended = False
        self._video, self._divide, self._look_at = video, divide, look_at
        self._parts: queue.SimpleQueue[Part | BaseException | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, name="scan")

    def take_parts(self) -> list[Part]:
        """Return what has been found since the last call; nothing comes once ``ended`` is set.

        Raises what reading raised.
        """
        parts: list[Part] = []
        while not self.ended and not self._parts.empty():
            found = self._parts.get()
            if isinstance(found, BaseException):
                raise found
            if found is None:
                self.ended = True
            else:
                parts.append(found)
        return parts

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _read(self) -> None:
        try:
            for part in self._divide(self._moments()):
                self._parts.put(part)
            self._parts.put(None)
        except BaseException as error:  # noqa: BLE001 (raised in the other thread)
            self._parts.put(error)

    def _moments(self) -> Iterator[Moment]:
        count = 0
        for moment in self._video.moments() if self._look_at is None else self._looked_at():
            if self._stopped.is_set():
                return
            count += 1
            yield moment
        self.frames = count

    def _looked_at(self) -> Iterator[Moment]:
        for frame in self._video.frames():
            if self._look_at is not None:
                self._look_at(frame)
            yield Moment(frame.index, frame.pts, frame.is_cut, frame.mark)
