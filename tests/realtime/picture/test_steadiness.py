from itertools import pairwise

import cv2
import numpy as np
import pytest

from realtime.picture.steadiness import Steadiness, frames_remembered

SIZE = (120, 160)


def shimmering(seed: int) -> np.ndarray:
    """A painting that changes although the picture does not."""
    return np.clip(np.random.default_rng(seed).normal(128, 12, (*SIZE, 3)), 0, 255).astype(np.uint8)


def still(seed: int) -> np.ndarray:
    """A still picture with a camera's noise."""
    return np.clip(np.random.default_rng(seed).normal(100, 2, (*SIZE, 3)), 0, 255).astype(np.uint8)


def shimmer(paintings: list[np.ndarray]) -> float:
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairwise(paintings)]))


def test_still_areas_do_not_shimmer():
    steady = Steadiness()
    held = [steady.hold(still(i), shimmering(100 + i), 0.9) for i in range(20)]
    assert shimmer(held[5:]) < 0.3 * shimmer([shimmering(100 + i) for i in range(20)])


def test_what_moves_does_not_ghost():
    steady = Steadiness()
    dark, light = np.full((*SIZE, 3), 20, np.uint8), np.full((*SIZE, 3), 220, np.uint8)
    for _ in range(5):
        steady.hold(dark, dark, 1.0)
    np.testing.assert_array_equal(steady.hold(light, light, 1.0), light)


def textured(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random((*SIZE, 3), dtype=np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.uint8(255 * (blurred - blurred.min()) / np.ptp(blurred))


def test_paint_moves_with_the_picture():
    """A scene that pans: what shimmers on it is held along the motion, and nothing is smeared."""
    scene = np.tile(textured(1), (1, 2, 1))
    steady, held, free = Steadiness(), [], []
    for t in range(12):
        frame = np.ascontiguousarray(scene[:, 3 * t : 3 * t + SIZE[1]])
        noise = np.random.default_rng(t).normal(0, 10, frame.shape)
        painting = np.clip(255.0 - frame + noise, 0, 255).astype(np.uint8)
        shown = steady.hold(frame, painting, 0.8)
        inner = np.s_[20:-20, 20:-40]
        held.append(np.abs(shown[inner] - (255.0 - frame[inner])).mean())
        free.append(np.abs(painting[inner] - (255.0 - frame[inner])).mean())
    assert np.mean(held[6:]) < 0.65 * np.mean(free[6:])


def test_paint_goes_along_with_a_slow_pan():
    """A third of a pixel a frame is less than single pixels tell, but adds up to ten pixels."""
    wall = cv2.GaussianBlur(textured(3), (0, 0), 4)
    paint, steady = textured(4), Steadiness()
    for t in range(30):
        shift = np.float32([[1, 0, -t / 3], [0, 1, 0]])
        frame, painting = (
            np.rint(
                cv2.warpAffine(
                    picture.astype(np.float32), shift, SIZE[::-1], borderMode=cv2.BORDER_REFLECT
                )
            ).astype(np.uint8)
            for picture in (wall, paint)
        )
        shown = steady.hold(frame, painting, 1.0)
    inner = np.s_[20:-20, 20:-20]
    assert np.abs(shown[inner].astype(int) - painting[inner]).mean() < 8


def test_paint_moves_with_something_small():
    """A hand, a fortieth of the picture, crosses a still scene: its paint is held as well."""
    scene, hand = textured(5), np.uint8(0.6 * textured(6)[:44, :44])
    steady, held, free = Steadiness(), [], []
    for t in range(16):
        frame, place = scene.copy(), np.s_[40:84, 8 + 5 * t : 52 + 5 * t]
        frame[place] = hand
        noise = np.random.default_rng(t).normal(0, 10, frame.shape)
        painting = np.clip(255.0 - frame + noise, 0, 255).astype(np.uint8)
        shown = steady.hold(frame, painting, 0.5)
        held.append(np.abs(shown[place] - (255.0 - frame[place]))[10:-10, 10:-10].mean())
        free.append(np.abs(painting[place] - (255.0 - frame[place]))[10:-10, 10:-10].mean())
    assert np.mean(held[6:]) < 0.4 * np.mean(free[6:])


def test_what_was_covered_is_painted_anew():
    """A dark square moves over the scene: where it was, nothing of it is left."""
    scene, steady = textured(2) // 2 + 127, Steadiness()
    for t in range(6):
        frame = scene.copy()
        frame[40:80, 20 + 12 * t : 60 + 12 * t] = 0
        shown = steady.hold(frame, frame, 1.0)
    trail = np.s_[44:76, 72:78]  # under the square one frame ago
    assert np.abs(shown[trail].astype(int) - scene[trail]).mean() <= 4


@pytest.mark.parametrize(("stability", "levels"), [(0.5, 8), (1.0, 18)])
def test_a_slow_drift_is_followed(stability: float, levels: int):
    steady = Steadiness()
    for level in range(60, 161):
        picture = np.full((*SIZE, 3), level, np.uint8)
        shown = steady.hold(picture, picture, stability)
    assert abs(int(shown[60, 80, 0]) - 160) <= levels


@pytest.mark.parametrize("stability", [0.5, 1.0])
def test_nothing_of_an_old_painting_stays(stability: float):
    """Rounded to bytes, a share of 0.95 would never make up for nine levels."""
    steady = Steadiness()
    old, new = (np.full((*SIZE, 3), level, np.uint8) for level in (100, 109))
    steady.hold(still(0), old, stability)
    for i in range(frames_remembered(stability)):
        shown = steady.hold(still(i), new, stability)
    assert np.abs(shown.astype(int) - new).max() <= 1


def test_reset_and_a_new_size_start_anew():
    steady = Steadiness()
    steady.hold(still(0), shimmering(0), 1.0)
    steady.reset()
    np.testing.assert_array_equal(steady.hold(still(1), shimmering(1), 1.0), shimmering(1))
    small = shimmering(2)[:60, :80].copy()
    np.testing.assert_array_equal(steady.hold(still(2)[:60, :80].copy(), small, 1.0), small)


def test_what_is_kept_lets_another_go_on_as_if_nothing_had_been():
    one, other = Steadiness(), Steadiness()
    assert one.state() == {}
    for i in range(3):
        one.hold(still(i), shimmering(i), 0.9)
    kept = one.state()
    expected = [one.hold(still(i), shimmering(i), 0.9) for i in (3, 4)]
    other.restore(kept)
    np.testing.assert_array_equal(
        [other.hold(still(i), shimmering(i), 0.9) for i in (3, 4)], expected
    )
