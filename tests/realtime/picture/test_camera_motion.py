"""The camera's motion: pictures moved by a known camera, and what must not be taken for motion."""

import functools
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest
from skimage import data

from realtime.picture.camera_motion import CameraMotion

SIZE = (240, 320)
PHOTOS = ("astronaut", "coffee", "chelsea")


def camera(x: float = 0, y: float = 0, zoom: float = 1, turn: float = 0) -> np.ndarray:
    """The view of a camera that has gone (x, y) short sides; turn in degrees."""
    angle = np.radians(turn)
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


@functools.cache
def photo_named(name: str) -> np.ndarray:
    picture: np.ndarray = getattr(data, name)()
    return picture


def shot(photo: str, view: np.ndarray, size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """What a camera with ``view`` sees of ``photo``, with a sensor's noise."""
    picture = photo_named(photo)
    height, width = size
    # At the network's size a short side is 240 pixels of the photo, whatever the frame has.
    unit, frame = 240.0, np.array([(width - 1) / 2, (height - 1) / 2])
    turn = view[:, :2] * unit / min(size)
    middle = np.array(picture.shape[1::-1]) / 2 + view[:, 2] * unit
    seen = cv2.warpAffine(
        picture,
        np.column_stack([turn, middle - turn @ frame]),
        size[::-1],
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT,
    )
    return noisy(seen, seed)


def noisy(picture: np.ndarray, seed: int, levels: float = 3.0) -> np.ndarray:
    size = picture.shape[:2]
    noise = np.roll(grain(size), 7919 * seed) * np.float32(levels)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@functools.cache
def grain(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((*size, 3), np.float32)


def error(found: np.ndarray, view: np.ndarray) -> float:
    """By how many short sides two views differ at most, over the corners of a 4:3 frame."""
    corners = np.array([[x, y, 1] for x in (-0.66, 0.66) for y in (-0.5, 0.5)])
    return float(np.hypot(*((found - view) @ corners.T)).max())


PATHS = {
    "pan": lambda t: camera(x=0.01 * t, y=-0.003 * t),
    "slow pan": lambda t: camera(x=0.0006 * t),
    "fast pan": lambda t: camera(x=0.6 * np.sin(t / 6)),
    "zoom in": lambda t: camera(zoom=0.993**t),
    "zoom out": lambda t: camera(zoom=1.006**t),
    "turn": lambda t: camera(turn=0.7 * t),
    "handheld": lambda t: camera(
        0.02 * np.sin(t / 2), 0.015 * np.sin(t / 3), 1 + 0.02 * np.sin(t / 9), np.sin(t / 5)
    ),
    "all": lambda t: camera(0.004 * t, 0.002 * t, 0.997**t, 0.3 * t),
}


@pytest.mark.parametrize("path", PATHS)
def test_the_view_goes_with_the_camera(path: str):
    photo = PHOTOS[list(PATHS).index(path) % len(PHOTOS)]
    motion, off = CameraMotion(), []
    for t in range(60):
        view = camera(*np.zeros(2)) if t == 0 else PATHS[path](t)
        off.append(error(motion.follow(shot(photo, view, seed=t)), view))
    assert off[0] == 0 and max(off) < 0.03  # the zoom is half of all


@pytest.mark.parametrize("width_px", [70, 140])
@pytest.mark.parametrize("room", ["astronaut", "chelsea"])
def test_behind_somebody_who_moves_the_view_stays(room: str, width_px: int):
    """Bit for bit, although most of the corners are those of the somebody."""
    motion, somebody = CameraMotion(), photo_named("coffee")[:240, 100 : 100 + width_px]
    for t in range(60):
        frame = shot(room, camera(), seed=t)
        left = int(90 + 60 * np.sin(t / 7))
        swaying = np.roll(somebody, int(25 * np.sin(t / 4)), 0)
        frame[:, left : left + width_px] = noisy(swaying, 1000 + t)
        np.testing.assert_array_equal(motion.follow(frame), np.eye(2, 3))


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("light", ["steady", "flicker", "exposure"])
def test_a_camera_that_stands_still_has_one_view(photo: str, light: str):
    factor = {
        "steady": lambda t: 1.0,
        "flicker": lambda t: 1 + 0.2 * (-1) ** t,
        "exposure": lambda t: 0.5 + t / 100,
    }[light]
    motion, still = CameraMotion(), shot(photo, camera()).astype(float)
    for t in range(60):
        view = motion.follow(noisy(np.clip(still * factor(t), 0, 255), t, levels=6))
        np.testing.assert_array_equal(view, np.eye(2, 3))


def test_after_a_pan_the_view_rests():
    motion, views = CameraMotion(), []
    for t in range(60):
        views.append(motion.follow(shot("coffee", camera(x=0.01 * min(t, 20)), seed=t)))
    assert all((now == before).all() for before, now in pairwise(views[30:]))
    assert error(views[-1], camera(x=0.2)) < 0.01


def test_after_a_cut_the_world_is_another():
    motion, views = CameraMotion(), []
    for photo in ("astronaut", "coffee", "chelsea", "astronaut"):
        for t in range(5):
            views.append(motion.follow(shot(photo, camera(x=0.01 * t), seed=t)))
    worlds = [round(view[0, 2]) for view in views]
    assert worlds == [0] * 5 + [1000] * 5 + [2000] * 5 + [3000] * 5
    np.testing.assert_array_equal(views[5], [[1, 0, 1000], [0, 1, 0]])
    motion.reset()
    np.testing.assert_array_equal(motion.follow(shot("coffee", camera())), np.eye(2, 3))


def test_a_hand_before_the_lens_is_no_cut():
    motion = CameraMotion()
    for t in range(4):
        before = motion.follow(shot("coffee", camera(x=0.01 * t), seed=t))
    for t in range(4, 8):
        dark = noisy(np.full((*SIZE, 3), 20), t, 1.0)
        np.testing.assert_array_equal(motion.follow(dark), before)
    assert error(motion.follow(shot("coffee", camera(x=0.04))), camera(x=0.04)) < 0.005


def test_plain_frames_have_the_view_of_the_start():
    motion = CameraMotion()
    for t in range(5):
        wall = np.full((*SIZE, 3), 120 + 20 * t)
        np.testing.assert_array_equal(motion.follow(noisy(wall, t, 2.0)), np.eye(2, 3))
    np.testing.assert_array_equal(motion.follow(shot("coffee", camera())), np.eye(2, 3))
    assert error(motion.follow(shot("coffee", camera(x=0.05))), camera(x=0.05)) < 0.005


def test_what_flickers_without_end_is_cut_once_at_most():
    motion = CameraMotion()
    for t in range(10):
        random = np.random.default_rng(t).integers(0, 256, (15, 20, 3), np.uint8)
        view = motion.follow(cv2.resize(random, SIZE[::-1], interpolation=cv2.INTER_CUBIC))
    assert view[0, 2] <= 1000


def test_another_size_goes_on_from_where_it_was():
    motion = CameraMotion()
    sizes = [SIZE] * 8 + [(480, 640)] * 8 + [(176, 232)] * 8 + [(96, 128)] * 8 + [SIZE] * 8
    for t, size in enumerate(sizes):
        view = camera(0.01 * t, 0.002 * t, 0.998**t)
        frame = cv2.resize(shot("coffee", view, SIZE, t), size[::-1], interpolation=cv2.INTER_AREA)
        assert error(motion.follow(frame), view) < 0.02


def test_still_at_another_size_keeps_the_view():
    motion = CameraMotion()
    for t, size in enumerate([SIZE, (480, 640), (176, 232), (60, 80), SIZE]):
        frame = cv2.resize(
            shot("coffee", camera(), (480, 640), t), size[::-1], interpolation=cv2.INTER_AREA
        )
        np.testing.assert_array_equal(motion.follow(frame), np.eye(2, 3))


def events(t: int) -> np.ndarray:
    """A pan, a wall, a cut, rest, and another size, frame by frame."""
    if t in (9, 10):
        return np.full((*SIZE, 3), 90, np.uint8)
    photo, size = ("coffee" if t < 16 else "astronaut"), (SIZE if t < 30 else (176, 232))
    return shot(photo, camera(x=0.02 * min(t, 24), turn=0.2 * t if t < 24 else 0), size, t)


def test_the_state_goes_on_bit_for_bit():
    straight, views, states = CameraMotion(), [], [{}]
    for t in range(36):
        views.append(straight.follow(events(t)))
        states.append(straight.state())
    assert CameraMotion().state() == {}
    for t, state in enumerate(states[:-1]):
        resumed = CameraMotion()
        resumed.follow(events(35))
        resumed.restore({name: array.copy() for name, array in state.items()})
        for later in range(t, min(t + 4, 36)):
            np.testing.assert_array_equal(resumed.follow(events(later)), views[later])


def test_what_is_remembered_belongs_to_the_caller():
    motion = CameraMotion()
    view = motion.follow(shot("coffee", camera()))
    view[:] = 7
    for array in motion.state().values():
        array[...] = 0
    np.testing.assert_array_equal(motion.follow(shot("coffee", camera())), np.eye(2, 3))


@pytest.mark.parametrize(
    "size", [(1, 1), (15, 400), (16, 3000), (3000, 16), (17, 17), (1081, 1919)]
)
def test_any_size(size: tuple[int, int]):
    motion = CameraMotion()
    for seed in range(3):
        frame = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        assert np.isfinite(motion.follow(frame)).all()


def test_a_frame_takes_little_time():
    """A millisecond on one core of a laptop; five here, since machines are busy."""
    frames = [shot("coffee", camera(x=0.01 * t), (480, 640), t) for t in range(20)]
    motion, threads, times_ms = CameraMotion(), cv2.getNumThreads(), []
    cv2.setNumThreads(1)
    try:
        for frame in frames:
            began_s = time.thread_time()
            motion.follow(frame)
            times_ms.append(1000 * (time.thread_time() - began_s))
    finally:
        cv2.setNumThreads(threads)
    assert np.median(times_ms) < 5
