"""Optical flow of a clip, where it can be trusted, and how much a picture changes along it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_STILL_LEVELS = 2  # of 255: an input that moves by less stands still


@dataclass(frozen=True)
class Motion:
    """From each pixel of a later frame to where it was ``gap`` frames before.

    flow: (H, W, 2) fp32, pixels to the right and down. visible: (H, W) bool, where the flow holds
    and nothing was covered.
    """

    flow: np.ndarray
    visible: np.ndarray


def optical_flow(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the optical flow from ``now`` to ``before``: (H, W, 2) fp32 pixels.

    Dense Inverse Search (Kroeger et al. 2016), OpenCV's medium preset.
    """
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return search.calc(
        cv2.cvtColor(now, cv2.COLOR_RGB2GRAY), cv2.cvtColor(before, cv2.COLOR_RGB2GRAY), None
    )


def estimate_motion(now: np.ndarray, before: np.ndarray) -> Motion:
    """Estimate the motion between two (H, W, 3) uint8 RGB frames.

    Flow, and the forward-backward check of Sundaram et al. 2010, section 3: visible where |w +
    w_back|^2 < 0.01 (|w|^2 + |w_back|^2) + 0.5, and the flow ends inside the picture.
    """
    flow, back = optical_flow(now, before), optical_flow(before, now)
    back_here = warp(back, flow)
    disagreement = np.square(flow + back_here).sum(2)
    energy = np.square(flow).sum(2) + np.square(back_here).sum(2)
    x, y = _targets(flow)
    height, width = flow.shape[:2]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return Motion(flow, (disagreement < 0.01 * energy + 0.5) & inside)


def warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Draw ``image`` (H, W, C) of the earlier frame where its parts are now; bilinear."""
    return cv2.remap(image, *_targets(flow), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def warp_error(now: np.ndarray, before: np.ndarray, motion: Motion) -> float:
    """Return the mean square over visible pixels of now - warp(before).

    Both are (H, W, 3) uint8, taken as 0..1 (Lai et al. 2018, eq. 5). NaN if nothing is visible.
    """
    seen = motion.visible.astype(np.uint8)
    count = cv2.countNonZero(seen)
    warped = warp(
        before.astype(np.float32), motion.flow
    )  # not rounded: that alone would be a third of a level of noise
    total = cv2.norm(now.astype(np.float32), warped, cv2.NORM_L2SQR, seen)
    return total / (now.shape[2] * count * 255**2) if count else float("nan")


def static_change(
    now: np.ndarray, before: np.ndarray, input_now: np.ndarray, input_before: np.ndarray
) -> float:
    """Return the mean |now - before|, 0..255, where the input stands still.

    These are the pixels at which no channel of the input changed by 2 of 255 or more. All (H, W, 3)
    uint8. NaN if the whole input moves.
    """
    still = cv2.inRange(cv2.absdiff(input_now, input_before), (0, 0, 0), (_STILL_LEVELS - 1,) * 3)
    return (
        sum(cv2.mean(cv2.absdiff(now, before), still)[:3]) / 3
        if cv2.countNonZero(still)
        else float("nan")
    )


def _targets(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return x, y
