"""``--quality auto``: which share of the full inference size this machine can paint in time.

Decides; prepares nothing.
"""

from __future__ import annotations

from collections import deque

from realtime.frame import LiveFrame
from realtime.timing import Samples

SCALES = (1.0, 0.75, 0.5)  # of both sides: 1, 0.56 and 0.25 of the work
# Of the time between two frames: a painter as busy as this drops frames at the next hiccup.
_TOO_MUCH = 0.92
_FAR_TOO_MUCH = 1.25  # nothing to wait for
_ROOM = 0.75  # what a larger size may take at most, as predicted from its number of pixels
_DOWN_S, _UP_S = 1.0, 4.0  # how long it must be so
_UP_LIMIT_S = 60.0
_RELAPSE_S = 15.0
_WARM_UP_S = 1.0  # at the beginning everything else wakes up too
_FEWEST, _KEPT = 5, 15  # frames that are measured


class Quality:
    """The share of the full size that this machine can paint in time.

    Call ``note`` once a frame from the thread that paints; ``scale`` may be read from any.

    The share goes down when painting has taken too much of the time between frames for
    ``_DOWN_S``, and at once when far too much: to the first size that is predicted to fit. It goes
    up by a step when the larger size is predicted to fit for ``_UP_S``. Going down soon after
    stepping up doubles that wait, so that it does not go up and down for ever. The time between
    frames is taken from their stamps and numbers, dropped ones included.
    """

    def __init__(self, scales: tuple[float, ...] = SCALES) -> None:
        self.scales = scales
        self._stamps: deque[tuple[int, float]] = deque(maxlen=30)
        self._first_s: float | None = None
        self._step = 0
        self._up_wait_s = _UP_S
        self._up_s = float("-inf")
        self._recent = Samples(keep=_KEPT)
        self._high_s = self._tight_s = 0.0
        self.is_tight = False
        """Whether a smaller size may be wanted soon."""

    @property
    def scale(self) -> float:
        """The share of both sides, one of ``scales``."""
        return self.scales[self._step]

    def note(self, frame: LiveFrame, painting_s: float, now_s: float) -> None:
        """Learn that ``frame`` took ``painting_s`` seconds to paint, and was done at ``now_s``.

        A frame painted once more does not count, nor does the first second.
        """
        self._first_s = now_s if self._first_s is None else self._first_s
        if now_s - self._first_s < _WARM_UP_S:
            return
        if self._stamps and frame.index <= self._stamps[-1][0]:
            return
        if not self._recent:
            self._begin(now_s)
        self._stamps.append((frame.index, frame.captured_s))
        self._recent.add(painting_s)
        typical_s = self._recent.percentile(50)
        if typical_s is None or len(self._recent) < _FEWEST:
            return
        (first, first_s), (last, last_s) = self._stamps[0], self._stamps[-1]
        load = typical_s * (last - first) / max(last_s - first_s, 1e-6)
        self.is_tight = load > _ROOM
        self._high_s = now_s if load < _TOO_MUCH else self._high_s
        self._tight_s = (
            now_s if self._step == 0 or load * self._predict_growth() > _ROOM else self._tight_s
        )
        too_much = now_s - self._high_s >= _DOWN_S or load >= _FAR_TOO_MUCH
        if too_much and self._step + 1 < len(self.scales):
            self._up_wait_s = (
                min(2 * self._up_wait_s, _UP_LIMIT_S) if now_s - self._up_s < _RELAPSE_S else _UP_S
            )
            self._step = self._find_fitting_step(load)
            self._begin(now_s)
        elif now_s - self._tight_s >= self._up_wait_s and self._step > 0:
            self._step -= 1
            self._up_s = now_s
            self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        """Measure afresh: what was measured at another size says nothing."""
        self._recent = Samples(keep=_KEPT)
        self._high_s = self._tight_s = now_s

    def _predict_growth(self) -> float:
        return (self.scales[self._step - 1] / self.scale) ** 2

    def _find_fitting_step(self, load: float) -> int:
        smaller = range(self._step + 1, len(self.scales))
        fits = (
            step for step in smaller if load * (self.scales[step] / self.scale) ** 2 < _TOO_MUCH
        )
        return next(fits, smaller[-1])
