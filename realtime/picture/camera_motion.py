"""Follows the camera, so that the canvas of noise stays on the scene when the camera moves.

Every frame is compared with a keyframe, not with the frame before it: tiny motions add up instead
of being rounded away. Points are followed by the method of Lucas and Kanade (Bouguet's pyramids),
and a similarity is fitted to them by RANSAC (Fischler and Bolles 1981). A camera that may be
standing still is taken to be: the canvas must not creep behind somebody who moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from realtime.frame import FrameMemory
from realtime.picture.opencv import import_opencv

_import_opencv = partial(import_opencv, "The canvas follows the camera with")
_SMALL_PX = 160 * 120  # of the picture in which points are followed
_LEAST_SIDE_PX = 16  # a smaller picture says nothing of motion
_CELL_PX = 14  # squares of the small picture; each gives its best corner
_BLUR_PX = 31  # over which light is levelled out
_DARK = 16.0  # levels under which ratios of light are noise
_CONTRAST = 120.0  # levels of the flattened picture for e times the light
_CORNER = 2e-4  # least eigenvalue of a corner, of a flattened picture in 0..1
_WINDOW_PX = (11, 11)
_LEVELS = 3  # halvings of the small picture: steps of a tenth of its width are found
_MOST_ERROR = 20.0  # levels of the flattened picture, mean over a window, of a point that is found
_STILL_PX = 0.2  # of the small picture: less is noise, until it adds up
_REST_FRAMES = 8  # that a camera has not moved for, and is followed no more until it moves again
_STILL_SHARE = 0.15  # of the points found, times their spread; if these rest, the camera does
_FIT_PX = 0.75  # of the small picture, by which a point may miss the similarity
_LAYER_SHARE = 0.7  # of the points that moved as one in the last frame; they still do
_LEAST_POINTS = 10  # of a similarity that is believed
_SURE_SHARE = 0.3  # of the points must follow one similarity
_RENEWED_SHARE = 0.6  # of the points: with fewer found again the keyframe is old
_CUT_FOUND = 0.25  # of the points; a shot that was cut has less of the one before
_SAME_SHOT = 0.5  # correlation of two coarse pictures of one shot
_COARSE = (16, 12)  # (columns, rows) of these
_CUT_UNITS = 1000.0  # short sides between the worlds of two shots
_MOST_ZOOM = 16.0  # beyond it, either way, the world starts anew: numbers stay finite

_AT_REST = np.eye(2, 3)


@dataclass
class _Key:
    """The frame that others are compared with."""

    flat: np.ndarray
    """(h, w) uint8, as from ``_flattened``."""
    points: np.ndarray
    """(n, 2) fp32 x, y in pixels of ``flat``: its corners."""
    view: np.ndarray
    """(2, 3) fp64, as ``CameraMotion.follow`` returned it."""


class CameraMotion:
    """Remembers a keyframe, the frame before, and where the camera has gone since. One thread."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew with the next frame: its view is the identity."""
        self._key: _Key | None = None
        self._last = np.empty((0, 0), np.uint8)  # the last frame with points, flattened
        self._motion = _AT_REST  # in pixels of the small picture, from the key to the last frame
        self._held = np.empty((0, 2), np.float32)  # where the key's points lay when it moved last
        self._calm = _REST_FRAMES  # frames since then
        self._layer = np.empty(0, bool)  # which of them moved as the camera does
        self._view = _AT_REST
        self._cuts = 0
        self._lost = False  # whether nothing was found again in the last frame

    def state(self) -> FrameMemory:
        """Return what is remembered, as copies; empty at the start. ``restore`` takes it back."""
        if self._key is None:
            return {}
        state = {
            "key": self._key.flat,
            "key_view": self._key.view,
            "last": self._last,
            "held": self._held,
            "motion": self._motion,
            "calm": np.array(self._calm),
            "layer": self._layer,
            "view": self._view,
            "cuts": np.array(self._cuts),
            "lost": np.array(self._lost),
        }
        return {name: array.copy() for name, array in state.items()}

    def restore(self, state: FrameMemory) -> None:
        """Go on from what ``state`` returned; from {} as at the start."""
        self.reset()
        if "key" in state:
            self._key = _Key(state["key"], _corners(state["key"]), state["key_view"])
            self._last, self._held = state["last"], state["held"]
            self._motion, self._view = state["motion"], state["view"]
            self._calm, self._layer = int(state["calm"]), state["layer"]
            self._cuts, self._lost = int(state["cuts"]), bool(state["lost"])

    def follow(self, frame: np.ndarray) -> np.ndarray:
        """Return the view of ``frame`` (h, w, 3) uint8 RGB: (2, 3) fp64, a similarity.

        It maps points of the frame to the world: x to the right and y down from the frame's middle,
        in short sides of the frame. The first frame's view is the identity. A frame without points
        has the view of the frame before. After a cut the world starts anew, 1000 short sides
        further to the right than after the last one.

        Raises EngineUnavailable if OpenCV, which finds the motion, does not load.
        """
        flat = _flattened(frame)
        if min(flat.shape) < _LEAST_SIDE_PX:
            return self._view.copy()
        if self._key is None:
            self._last = flat
            self._start_key(flat)
        elif self._last.shape != flat.shape:
            cv2 = _import_opencv()
            self._last = cv2.resize(self._last, flat.shape[::-1], interpolation=cv2.INTER_AREA)
            self._start_key(self._last)
        if not (self._found_in(flat) or self._found_from_last(flat)):
            self._lose(flat)
        return self._view.copy()

    def _found_in(self, flat: np.ndarray) -> bool:
        """Set the view of ``flat``; False, and nothing set, if the keyframe is not found in it."""
        key = self._key
        if key is None or len(key.points) < _LEAST_POINTS:
            return False
        now = _followed(key, flat, self._motion)
        resting = _distances(now, self._held) < _STILL_PX
        rests = np.count_nonzero(resting)
        found = np.count_nonzero(np.isfinite(now[:, 0]))
        still = rests * _spread(key.points[resting], key.points) >= _STILL_SHARE * found > 0
        if not (still and self._calm >= _REST_FRAMES):
            motion, fits = _similarity(key.points, now, self._layer)
            sure = np.count_nonzero(fits) >= max(_LEAST_POINTS, _SURE_SHARE * len(now))
            still |= not (sure and np.count_nonzero(fits) > 2 * rests)
            if still and 2 * rests < _LEAST_POINTS:
                return False
            # A slow pan must not go in steps: who stopped a moment ago may still be moving.
            layer = self._layer & np.isfinite(now[:, 0])
            alike = np.count_nonzero(fits & layer) >= _LAYER_SHARE * np.count_nonzero(layer)
            if not still or (sure and alike):
                self._layer = fits | (self._layer & np.isnan(now[:, 0]))
                self._motion = motion
                self._view = _joined(key.view, _in_units(motion, flat.shape))
        if still:  # points that were lost rest where they are seen again
            self._held = np.where(np.isfinite(self._held), self._held, now)
            self._calm = min(self._calm + 1, _REST_FRAMES)
        else:
            self._held, self._calm = now, 0
        if found < _RENEWED_SHARE * len(now):
            self._start_key(flat)
        self._last, self._lost = flat, False
        if not 1 / _MOST_ZOOM < np.hypot(*self._view[:, 0]) < _MOST_ZOOM:
            self._start_world(flat)
        return True

    def _found_from_last(self, flat: np.ndarray) -> bool:
        """As ``_found_in``, from the frame before in place of the keyframe."""
        if self._key is None or np.array_equal(self._key.flat, self._last):
            return False
        self._start_key(self._last)
        return self._found_in(flat)

    def _lose(self, flat: np.ndarray) -> None:
        """Keep the view of a frame in which nothing was found again, unless a new shot begins."""
        points = len(_corners(flat))
        if self._key is None or points < _LEAST_POINTS:
            return  # a hand before the lens: what is behind it may be found again
        # Only what could be followed can be cut: rain or snow on the screen is lost every frame.
        if not self._lost and len(self._key.points) >= _LEAST_POINTS:
            found = np.isfinite(_followed(self._key, flat, self._motion)[:, 0])
            is_cut = found.mean() < _CUT_FOUND and _likeness(flat, self._last) < _SAME_SHOT
        else:
            is_cut = False
        if is_cut:
            self._start_world(flat)
        else:
            self._start_key(flat)
        self._last, self._lost = flat, True

    def _start_world(self, flat: np.ndarray) -> None:
        self._cuts += 1
        self._view = np.array([[1.0, 0.0, _CUT_UNITS * self._cuts], [0.0, 1.0, 0.0]])
        self._calm = _REST_FRAMES
        self._start_key(flat)

    def _start_key(self, flat: np.ndarray) -> None:
        """Compare with ``flat``, which has the view that is set, from now on."""
        self._key = _Key(flat, _corners(flat), self._view)
        self._held, self._motion = self._key.points, _AT_REST
        self._layer = np.ones(len(self._held), bool)


def _flattened(frame: np.ndarray) -> np.ndarray:
    """Return ``frame`` (H, W, 3) uint8 RGB small and without its light: (h, w) uint8.

    The logarithm of luma less its mean around: a factor of exposure falls away, and so does
    flicker.
    """
    cv2 = _import_opencv()
    height, width = frame.shape[:2]
    scale = min(1.0, (_SMALL_PX / (height * width)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    luma = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    if scale < 0.5:  # in one step it takes three times as long, unless the sides divide
        luma = cv2.resize(luma, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    luma = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    log = np.log(np.arange(256, dtype=np.float32) + np.float32(_DARK))[luma]
    log -= cv2.blur(log, (_BLUR_PX, _BLUR_PX))
    flat: np.ndarray = cv2.convertScaleAbs(log, alpha=_CONTRAST, beta=128)
    return flat


def _corners(flat: np.ndarray) -> np.ndarray:
    """Return the best corner of each cell of ``flat`` that has one: (n, 2) fp32 x, y in pixels."""
    cv2 = _import_opencv()
    rows, columns = (side // _CELL_PX for side in flat.shape)
    strength = cv2.cornerMinEigenVal(flat, 5)[: rows * _CELL_PX, : columns * _CELL_PX]
    cells = strength.reshape(rows, _CELL_PX, columns, _CELL_PX).transpose(0, 2, 1, 3)
    cells = cells.reshape(rows, columns, _CELL_PX * _CELL_PX)
    best = cells.argmax(2)
    row, column = np.nonzero(cells.max(2) > _CORNER)
    y, x = np.divmod(best[row, column], _CELL_PX)
    points: np.ndarray = np.stack([column * _CELL_PX + x, row * _CELL_PX + y], 1)
    return points.astype(np.float32)


def _followed(key: _Key, flat: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return where the points of ``key`` lie in ``flat``: (n, 2) fp32, NaN where not found.

    motion: (2, 3) pixels, from where to search.
    """
    cv2 = _import_opencv()
    search = {
        "winSize": _WINDOW_PX,
        "maxLevel": _LEVELS,
        "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.01),
        "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
    }
    points = key.points[:, None]
    guess = cv2.transform(points, motion)
    there, found, error = cv2.calcOpticalFlowPyrLK(key.flat, flat, points, guess, **search)
    now: np.ndarray = there[:, 0]
    lost = (found[:, 0] == 0) | (error[:, 0] > _MOST_ERROR)
    lost |= ((now < 0) | (now > np.array(flat.shape[::-1]) - 1)).any(1)
    now[lost] = np.nan
    return now


def _distances(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how far (n, 2) points are apart: (n,), NaN where one of the two is."""
    distances: np.ndarray = np.hypot(*(points - others).T)
    return distances


def _spread(some: np.ndarray, points: np.ndarray) -> float:
    """Return how far apart ``some`` of (n, 2) ``points`` lie: 1 as far as all of them, 0 in one.

    A room rests on all sides of who moves in it; who is followed by a camera rests in one place.
    """
    return float((some.var(0).sum() / points.var(0).sum()) ** 0.5) if len(some) else 0.0


def _similarity(
    before: np.ndarray, now: np.ndarray, layer: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the similarity (2, 3) from ``before`` to ``now``, (n, 2) each, and who follows it.

    That is (n,) bool. Points that are NaN are left out. layer: (n,) bool, the points that followed
    the last one; while most of them move as one, theirs is taken: behind somebody near, the room
    moves in another way, and the canvas must not jump from one to the other.
    """
    cv2 = _import_opencv()
    found = np.isfinite(now[:, 0])
    motion, fits = _AT_REST, np.zeros(len(now), bool)
    for among in (found & layer, found):
        if np.count_nonzero(among) >= _LEAST_POINTS:
            fitted, _ = cv2.estimateAffinePartial2D(
                before[among], now[among], method=cv2.RANSAC, ransacReprojThreshold=_FIT_PX
            )
            if fitted is not None:
                motion = fitted
                fits = _distances(before @ motion[:, :2].T + motion[:, 2], now) < _FIT_PX
                if np.count_nonzero(fits & among) >= _LAYER_SHARE * np.count_nonzero(among):
                    break
    return motion, fits


def _in_units(motion: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return the (2, 3) ``motion`` of pixels backwards and in short sides from the middle.

    size: (height, width) of the picture.
    """
    middle = (np.array(size[::-1]) - 1) / 2
    turn = motion[:, :2]
    shift = (turn @ middle + motion[:, 2] - middle) / min(size)
    back = np.linalg.inv(turn)
    return np.column_stack([back, -back @ shift])


def _joined(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Return the (2, 3) map that goes through ``inner``, then through ``outer``."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return how alike two (h, w) pictures are from afar: -1 to 1, a correlation."""
    cv2 = _import_opencv()
    coarse = [cv2.resize(flat, _COARSE, interpolation=cv2.INTER_AREA) for flat in (one, other)]
    return float(cv2.matchTemplate(*coarse, cv2.TM_CCOEFF_NORMED)[0, 0])
