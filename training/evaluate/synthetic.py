"""A clip whose motion is known exactly: a photo seen by a camera that pans, turns and zooms."""

from __future__ import annotations

import math

import cv2
import numpy as np

from training.motion import Motion

SIZE = (480, 640)  # (height, width)
_ROOM = (
    1.5  # the photo covers so many times the frame, so that the camera never sees past its edges
)
_PAN_PX = (40.0, 26.0)  # at most 6 px a frame to the side
_TURN_DEG, _ZOOM = 3.0, 0.06
_PERIODS = (
    40.0,
    27.0,
    50.0,
    35.0,
)  # of pan x, pan y, turn and zoom, in frames: they do not repeat together
_NOISE_LEVELS = 2.0  # standard deviation of a good camera's noise, of 255


def synthetic_clip(photo: np.ndarray, frames: int) -> list[np.ndarray]:
    """Return ``frames`` pictures of (480, 640, 3) uint8 RGB made from ``photo``.

    photo: (H, W, 3) uint8 RGB. Each picture has noise of its own.
    """
    height, width = SIZE
    scale = _ROOM * max(height / photo.shape[0], width / photo.shape[1])
    large = cv2.resize(
        photo,
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA,
    )
    random = np.random.default_rng(0)
    views = (
        cv2.warpPerspective(
            large,
            to_photo(t, large.shape[:2]),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        )
        for t in range(frames)
    )
    return [
        np.clip(np.rint(view + random.normal(0, _NOISE_LEVELS, view.shape)), 0, 255).astype(
            np.uint8
        )
        for view in views
    ]


def to_photo(frame: int, photo_size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return the (3, 3) homography from pixels of frame number ``frame`` to those of the photo.

    photo_size: (height, width).
    """
    pan_x, pan_y, turn, zoom = (math.sin(2 * math.pi * frame / period) for period in _PERIODS)
    angle, scale = math.radians(_TURN_DEG * turn), 1 + _ZOOM * zoom
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    (height, width), (photo_height, photo_width) = SIZE, photo_size
    middle = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1]])
    x, y = (photo_width - 1) / 2 + _PAN_PX[0] * pan_x, (photo_height - 1) / 2 + _PAN_PX[1] * pan_y
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]]) @ middle


def exact_motion(now: int, before: int) -> Motion:
    """Return the motion between two frames of ``synthetic_clip``, by number.

    Visible is all that lay inside the earlier frame.
    """
    height, width = SIZE
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    points = np.stack([x, y, np.ones_like(x)])
    mapped = np.tensordot(np.linalg.inv(to_photo(before)) @ to_photo(now), points, axes=1)
    source = mapped[:2] / mapped[2]
    visible = (
        (source[0] >= 0) & (source[0] <= width - 1) & (source[1] >= 0) & (source[1] <= height - 1)
    )
    return Motion(np.stack([source[0] - x, source[1] - y], -1).astype(np.float32), visible)
