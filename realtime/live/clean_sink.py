"""Where paintings go besides the screen: a recording, a virtual camera, a page.

Always the painting itself, without any text.
"""

from __future__ import annotations

import queue
from abc import ABC, abstractmethod

import numpy as np

from realtime.frame import LiveFrame


class CleanSink(ABC):
    """Takes every painting from the thread that paints.

    ``answers`` collects lines for the user, errors too: what goes wrong here ends this sink and
    nothing else.
    """

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    @abstractmethod
    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Take ``painting``, (H, W, 3) uint8 RGB, which nobody changes afterwards.

        Returns at once; raises nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish. Returns within about two seconds. Closing twice is harmless."""
