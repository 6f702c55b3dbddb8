"""What every output of a painted file can do, be it a picture, a video or a pipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from realtime.frame import FileFrame

if TYPE_CHECKING:
    from realtime.frame import Pixels
    from realtime.media.writing.segments import Resume


class FileOutput(Protocol):
    """Where the paintings of one file go. One thread; end with ``finish`` or ``discard``.

    A file gets its name only in ``finish``, when it is whole. What cannot be written is a
    SinkError; a pipe whose reader has gone is a BrokenPipeError, which is how a pipeline ends.
    """

    notes: list[str]
    """Lines that the user should see."""

    @property
    def frames(self) -> int:
        """How many frames it has: those of a video that are in finished segments."""

    @property
    def resume(self) -> Resume:
        """What it goes on from; the painter must be given the same."""

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Take ``pixels``, the painting of ``frame``: (H, W, 3) uint8 RGB."""

    def finish(self, last_duration: int, name: Path | None = None, /) -> Path:
        """Complete the file, give it its name or ``name`` in the same folder, and return that.

        ``last_duration``: how long the last frame is shown, in ticks of the source.
        """

    def discard(self) -> int:
        """Stop, and return how many frames are kept for --resume. Harmless after ``finish``."""
