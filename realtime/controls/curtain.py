"""Black-outs: how bright the picture is for everybody who sees it."""

from __future__ import annotations

from realtime.controls.state import State


class Curtain:
    """Falls and rises as the controls say; ask it once for each picture."""

    def __init__(self) -> None:
        self._black, self._fade_s = False, 0.0
        self._level, self._before_s = 1.0, 0.0

    def moves(self, state: State) -> bool:
        """Tell whether the next picture will be brighter or darker than the last one."""
        return self._level != (0.0 if state.black else 1.0)

    def level(self, state: State, now_s: float) -> float:
        """Return the brightness at ``now_s``, 0 to 1.

        Until then the controls count as they were at the call before.
        """
        self._move(max(0.0, now_s - self._before_s))
        self._black, self._fade_s, self._before_s = state.black, state.black_fade_s, now_s
        self._move(0.0)
        return self._level

    def _move(self, passed_s: float) -> None:
        step = passed_s / self._fade_s if self._fade_s else 1.0
        self._level = min(1.0, max(0.0, self._level + (-step if self._black else step)))
