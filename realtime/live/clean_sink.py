"""Where paintings go besides the screen: a recording, a virtual camera, a page.

Always the painting itself, without any text. A file in ``sinks`` beside this one may hold such a
sink; ``registry.py`` finds it there.
"""

from __future__ import annotations

import argparse
import queue
from abc import ABC, abstractmethod

import numpy as np

from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.live_source import LiveSource


class CleanSink(ABC):
    """Takes every painting from the thread that paints.

    What goes wrong in it ends this sink and nothing else.
    """

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Lines for the user, errors too."""

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add the flags that ask for this sink."""

    @classmethod
    def check(cls, args: argparse.Namespace) -> None:
        """Raise a UsageError, SourceError or SinkError for flags that cannot be followed.

        This is called before the source is opened, so that nobody waits for it in vain.
        """

    @classmethod
    def from_args(
        cls, args: argparse.Namespace, source: LiveSource, size: tuple[int, int]
    ) -> CleanSink | None:
        """Open the sink if the flags ask for it, else return None.

        ``source`` is open; ``size``: the (height, width) of its frames. Raises UsageError or
        SinkError.
        """
        return None

    def see(self, frame: LiveFrame) -> None:
        """Take ``frame`` as the source gave it, from the thread that reads the source.

        Returns at once; raises nothing.
        """

    @abstractmethod
    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Take ``painting``, (H, W, 3) uint8 RGB, which nobody changes afterwards.

        Returns at once; raises nothing.
        """

    def follow(self, desk: Desk) -> None:
        """Do what the controls say now; called from the main thread, many times a second.

        What cannot be done may be taken back with ``desk.perform``.
        """

    @property
    def note(self) -> str:
        """What the figures shall remind of, for example "● REC 0:12"; "" for nothing."""
        return ""

    def results(self) -> dict[str, object]:
        """Return what the report says of this sink, JSON-ready."""
        return {}

    def check_result(self) -> None:
        """Raise a SinkError or PartialResult for what the flags asked for and was not done.

        This is called at the end, after ``close``.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish. Returns within about two seconds. Closing twice is harmless."""
