"""The sink of ``--headless``: nobody looks, so nothing is drawn; frames count as shown when they
arrive.
"""

from __future__ import annotations

import numpy as np

from realtime.live.live_sink import LiveSink


class Null(LiveSink):
    def open(self, title: str, size: tuple[int, int]) -> None:
        pass

    @property
    def view_size(self) -> None:
        return None

    def show(self, pixels: np.ndarray) -> None:
        pass

    def poll(self) -> list[str]:
        return []

    def close(self) -> None:
        pass
