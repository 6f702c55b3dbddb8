"""What the live pipeline asks of a source.

One source per file beside this one; ``open_source.py`` picks it by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from realtime.frame import LiveFrame
from realtime.live.sources.sound import Sound
from realtime.timing import Samples


class LiveSource(ABC):
    """Pictures that come when they come.

    ``read`` is called from one thread; the properties from any.

    ``name`` is for people; ``mirrored`` says whether people expect to see themselves as in a
    mirror; ``note`` what a device has agreed to give; ``expected_size`` the (height, width) that
    ``open`` will most likely return; ``busy`` collects the time that each frame cost (decoding,
    drawing, converting), without the waiting.
    """

    name: str = ""
    mirrored: bool = False
    note: str = ""
    expected_size: tuple[int, int] | None = None

    def __init__(self) -> None:
        self.busy = Samples()

    @abstractmethod
    def open(self) -> tuple[int, int]:
        """Start, and return the (height, width) of the frames.

        Raises SourceError with what to type instead.
        """

    @abstractmethod
    def read(self, timeout_s: float) -> LiveFrame | None:
        """The newest frame that was not read yet, or None if none came within ``timeout_s``.

        ``captured_s`` is the monotonic time at which the picture was taken or due; ``index`` counts
        every frame that was due, so a gap tells how many the source itself had to leave out. Raises
        SourceError if the source is of no more use.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop. Returns within a second, whatever the device does. Closing twice is harmless."""

    def sound(self) -> Sound | None:
        """The sound that goes with the frames, opened anew for each call, or None if they have
        none.
        """
        return None

    @property
    def finished(self) -> bool:
        """True once no frame will ever come again."""
        return False

    @property
    def problem(self) -> str | None:
        """What to tell on a card while no pictures come, for example "camera 0 lost: reopening", or
        None.
        """
        return None

    @property
    def warning(self) -> str | None:
        """What to tell beside pictures that do come, for example that they are black, or None."""
        return None
