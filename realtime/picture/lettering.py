"""Text in pictures: antialiased TrueType by OpenCV, measured and broken into lines."""

from __future__ import annotations

import numpy as np

from realtime.picture.opencv import import_opencv

REGULAR, BOLD = 450, 650
MIN_TEXT_PX = 11


class Lettering:
    """Measures and writes text; use from one thread.

    Raises EngineUnavailable where OpenCV does not load.
    """

    def __init__(self) -> None:
        self._cv2 = import_opencv("text in pictures needs")
        self._font = self._cv2.FontFace("sans")

    def measure(self, text: str, px: int, weight: int) -> int:
        """Return how wide ``text`` is, in pixels."""
        left, _, width, _ = self._cv2.getTextSize((0, 0), text, (0, 0), self._font, px, weight)
        return int(left + width + 1)

    def wrap(self, text: str, px: int, room: int) -> list[str]:
        """Return the words in lines of at most ``room`` pixels, but for words that are longer."""
        lines = [""]
        for word in text.split(" "):
            longer = f"{lines[-1]} {word}".lstrip()
            if lines[-1] and self.measure(longer, px, BOLD) > room:
                lines.append(word)
            else:
                lines[-1] = longer
        return lines

    def write(
        self,
        pixels: np.ndarray,
        text: str,
        at: tuple[int, int],
        color: tuple[int, ...],
        px: int,
        weight: int,
    ) -> None:
        """Write ``text`` with its baseline from (x, y) ``at``, in place."""
        self._cv2.putText(pixels, text, at, color, self._font, px, weight)
