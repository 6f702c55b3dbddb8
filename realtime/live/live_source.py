"""What the live pipeline asks of a source.

Every file in ``sources`` beside this one is a source; ``registry.py`` finds it there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

from engines.errors import UsageError
from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.capture_format import CaptureFormat
from realtime.live.sound import Sound
from realtime.timing import Samples

# When a source is asked whether ``--source`` means it; the lowest first.
EXACT_WORD, DEVICE_OR_ADDRESS, PATH, ANYTHING_ELSE = range(4)


class LiveSource(ABC):
    """Pictures that come when they come.

    ``read`` is called from one thread, ``follow`` from the main one; the properties from any.
    """

    summary: ClassVar[str] = ""
    """What ``--source`` may be to mean this source, for --help; "" if that stands elsewhere."""
    precedence: ClassVar[int] = EXACT_WORD
    """When it is asked for ``claims``: ``EXACT_WORD`` is asked first, ``ANYTHING_ELSE`` last."""

    name: str = ""
    """For people."""
    mirrored: bool = False
    """Whether people expect to see themselves as in a mirror."""
    note: str = ""
    """What a device has agreed to give."""
    expected_size: tuple[int, int] | None = None
    """The (height, width) that ``open`` will most likely return; None if nobody knows."""

    def __init__(self) -> None:
        self.busy = Samples()
        """What each frame cost (decoding, drawing, converting), without the waiting."""

    @classmethod
    @abstractmethod
    def claims(cls, text: str) -> bool:
        """Tell whether ``--source TEXT`` means this source. Opens nothing."""

    @classmethod
    @abstractmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return the source that ``text`` means, not yet opened.

        ``loop``: begin again at the end. A source that has no use for ``wanted`` or ``loop`` leaves
        them. Raises UsageError or SourceError if there is no such source.
        """

    def then(self, other: LiveSource) -> None:
        """Play ``other`` behind this source; both are not opened yet.

        Raises UsageError where that makes no sense.
        """
        raise UsageError(
            f"--source {self.name} --source {other.name}: only films play one after the other. "
            "Give one --source, or files alone."
        )

    @abstractmethod
    def open(self) -> tuple[int, int]:
        """Start, and return the (height, width) of the frames.

        Raises SourceError with what to type instead.
        """

    @abstractmethod
    def read(self, timeout_s: float) -> LiveFrame | None:
        """Return the newest frame that was not read yet, None if none came within ``timeout_s``.

        ``captured_s`` is the monotonic time at which the picture was taken or due; ``index`` counts
        every frame that was due, so a gap tells how many the source itself had to leave out. Raises
        SourceError if the source is of no more use.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop. Returns within a second, whatever the device does. Closing twice is harmless."""

    def follow(self, desk: Desk) -> None:
        """Do what the controls ask of the film that plays, and tell them where it is.

        Called from the main thread, many times a second.
        """

    def fingerprint(self) -> str | None:
        """Return what tells the file that is played from others, None of what is no file."""
        return None

    def sound(self) -> Sound | None:
        """Open the sound that goes with the frames, anew for each call; None if there is none."""
        return None

    @property
    def finished(self) -> bool:
        """True once no frame will ever come again."""
        return False

    @property
    def problem(self) -> str | None:
        """What to tell while no pictures come, for example "camera 0 lost: reopening", or None."""
        return None

    @property
    def warning(self) -> str | None:
        """What to tell beside pictures that do come, for example that they are black, or None."""
        return None
