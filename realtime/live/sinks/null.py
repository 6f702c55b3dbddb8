"""The sink of ``--headless``: nobody looks, so nothing is drawn.

Frames count as shown when they arrive.
"""

from __future__ import annotations

import argparse
from typing import Self

import numpy as np

from realtime.live.live_sink import LiveSink


class Null(LiveSink):
    """Shows nothing, and hears no keys."""

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --headless."""
        group.add_argument(
            "--headless", action="store_true", help="no window: for machines without a screen"
        )

    @classmethod
    def is_asked_for(cls, args: argparse.Namespace) -> bool:
        """Tell whether there is no screen, or a page in its place."""
        return args.headless or args.serve is not None

    @classmethod
    def from_args(cls, args: argparse.Namespace, size: tuple[int, int]) -> Self:
        """Return the sink: there is nothing to open."""
        return cls()

    @property
    def view_size(self) -> None:
        """None: nobody looks."""
        return None

    def show(self, pixels: np.ndarray) -> None:
        """Leave the picture."""

    def poll(self) -> list[str]:
        """Return no keys."""
        return []

    def close(self) -> None:
        """Do nothing: nothing is open."""
