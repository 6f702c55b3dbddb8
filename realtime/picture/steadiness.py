"""--stability: blends each painting with the last one, moved along the picture's own motion.

Only where that motion is sure. Online and without looking ahead; the consistency weights follow the
idea of Shekhar et al. 2023, section 3.2: what the input shows tells where the last painting still
holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from realtime.frame import FrameMemory
from realtime.picture.opencv import import_opencv

_import_opencv = partial(import_opencv, "--stability needs", ", or leave --stability out")
_MOST = 0.95  # of the last painting, at stability 1; with all of it, nothing new would be seen
# Short side from which motion is sought at half size: a quarter of the work, and hands are still
# found.
_HALVED_FROM_PX = 320
_CHECK = (0.01, 0.5)  # of Sundaram et al. 2010, section 3, the second in pixels of the picture
_AREA = (3, 3)  # pixels at the flow's size over which the change is judged
_GRAIN = (5, 5)  # pixels at the flow's size over which noise is averaged
_REST_AREA = (15, 15)  # pixels at the flow's size that rest or move as one
# An area rests if standing still leaves at most so many times what the flow leaves of it.
_REST_SHARE = 1.3
_SIGMA = 12.0  # 8-bit levels of difference along the motion at which the hold has mostly let go
_CUT_FOUND = 0.2  # of the picture: with less of it found again, it is another shot
# Of mean luma from one frame to the next: exposure has changed, and all of the painting with it.
_JUMP_LEVELS = 8.0
_MOST_APART = 64.0  # levels, between two paintings of one place that could be held


def frames_remembered(stability: float) -> int:
    """Return after how many frames paintings that began differently are less than a level apart.

    That is wherever both were held.
    """
    share = _share(stability)
    return math.ceil(math.log(_MOST_APART) / -math.log(share)) if share else 0


def _share(stability: float) -> float:
    """Return the share of the last painting where motion is sure.

    A stability of 0.5 already gives fifteen sixteenths of the most.
    """
    return _MOST * (1 - (1 - stability) ** 4)


@dataclass
class _Last:
    """The last painting and its input."""

    luma: np.ndarray
    """(h, w) uint8 at the flow's size."""
    shown: np.ndarray
    """(H, W, 3) fp32 0..255, the painting as it went out but for the rounding.

    With bytes, a share of 0.95 would never come nearer than nine levels to a painting that has
    changed.
    """


class Steadiness:
    """Remembers the painting shown last and its input, both at the network's size. One thread."""

    def __init__(self) -> None:
        self._last: _Last | None = None

    def reset(self) -> None:
        """Begin anew with the next painting."""
        self._last = None

    def state(self) -> FrameMemory:
        """Return what is remembered, as copies; empty at the start. ``restore`` takes it back."""
        if self._last is None:
            return {}
        return {"luma": self._last.luma.copy(), "shown": self._last.shown.copy()}

    def restore(self, state: FrameMemory) -> None:
        """Go on from what ``state`` returned; from {} as at the start."""
        self._last = _Last(state["luma"], state["shown"]) if "shown" in state else None

    def hold(self, frame: np.ndarray, painting: np.ndarray, stability: float) -> np.ndarray:
        """Return ``painting`` (H, W, 3) uint8 of ``frame`` (H, W, 3), mixed with the last one.

        Each pixel is mixed with the one that it was in the last painting. The share of the last one
        is 0.95 * (1 - (1 - stability)^4) * exp(-(d / sigma)^2), d the change of the input along its
        motion, and 0 where flow there and back disagree. Cuts, jumps of exposure and a new size
        start anew.

        Raises EngineUnavailable if OpenCV, which finds the motion, does not load.
        """
        cv2 = _import_opencv()
        height, width = painting.shape[:2]
        luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        scale = _flow_scale(luma.shape)
        small = cv2.resize(luma, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA)
        last = self._last
        shown = painting.astype(np.float32)
        if last is not None and last.shown.shape == painting.shape and min(small.shape) >= 16:
            found = _find_motion(small, last.luma, _CHECK[1] / scale**2)
            if found is not None:
                flow, weight = found
                weight = cv2.resize(weight * np.float32(_share(stability)), (width, height))
                moved = cv2.remap(
                    last.shown,
                    *_targets(cv2.resize(flow, (width, height)) * scale),
                    cv2.INTER_LINEAR,
                )
                shown = cv2.blendLinear(moved, shown, weight, 1 - weight)
        self._last = _Last(small, shown)
        return np.rint(shown).astype(np.uint8)


def _find_motion(
    now: np.ndarray, before: np.ndarray, apart: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the flow from ``now`` to ``before``, both (h, w) uint8, and how far to trust it.

    The flow is (h, w, 2) pixels, the trust (h, w) fp32 0..1 of each pixel. None for a cut and for a
    jump of exposure. apart: squared pixels by which flow there and back may disagree.
    """
    cv2 = _import_opencv()
    if abs(float(cv2.mean(now)[0]) - float(cv2.mean(before)[0])) > _JUMP_LEVELS:
        return None
    flow, back = _flow(now, before), _flow(before, now)
    x, y = _targets(flow)
    back_here = cv2.remap(back, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    energy = np.square(flow).sum(2) + np.square(back_here).sum(2)
    sure = np.square(flow + back_here).sum(2) < _CHECK[0] * energy + apart
    sure &= (x >= 0) & (x <= now.shape[1] - 1) & (y >= 0) & (y <= now.shape[0] - 1)
    moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change, still = _mean_difference(now, moved, _AREA), _mean_difference(now, before, _AREA)
    # An even wall has noise and no motion: the flow explains the noise, but not what is left when
    # that is averaged. A slow pan moves all by less than a pixel, which single pixels cannot tell
    # from standing still.
    smooth_now, smooth_moved, smooth_before = (
        cv2.blur(luma.astype(np.float32), _GRAIN) for luma in (now, moved, before)
    )
    by_flow = _mean_difference(smooth_now, smooth_moved, _REST_AREA)
    by_rest = _mean_difference(smooth_now, smooth_before, _REST_AREA)
    rests = by_rest <= by_flow * _REST_SHARE
    flow[rests] = 0
    sure = cv2.erode(sure.astype(np.uint8), np.ones(_AREA, np.uint8)).astype(bool) | rests
    weight = np.exp(-np.square(np.where(rests, still, change) / _SIGMA)) * sure
    return (flow, weight.astype(np.float32)) if (weight > 0.1).mean() > _CUT_FOUND else None


def _mean_difference(one: np.ndarray, other: np.ndarray, area: tuple[int, int]) -> np.ndarray:
    """Return the mean difference of (h, w) pictures over ``area``: (h, w) fp32 levels."""
    cv2 = _import_opencv()
    difference: np.ndarray = cv2.blur(cv2.absdiff(one, other).astype(np.float32), area)
    return difference


def _flow(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the optical flow (h, w, 2) from ``one`` to ``other``, in pixels.

    By a search of its own: one that has searched before finds other flows, and --resume would paint
    other pixels. The medium preset: the fast one stops at an eighth of the picture's size and
    misses hands.
    """
    cv2 = _import_opencv()
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: np.ndarray = search.calc(one, other, None)
    return flow


def _flow_scale(size: tuple[int, ...]) -> int:
    """Return how many times larger a picture of (height, width) is than the flow sought in it."""
    return 2 if min(size) >= _HALVED_FROM_PX else 1


def _targets(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns and rows, (h, w) each, that ``flow`` leads to."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return x, y
