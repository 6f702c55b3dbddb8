"""Noise goes, motion stays: the reduction on pictures whose noise and motion are known."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from realtime.picture.noise import FRAMES_REMEMBERED, NoiseReduction

SIZE = (122, 163)  # whole blocks and a rest


def textured(seed: int, size: tuple[int, int]) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(
        0, 256, (size[0] // 4, size[1] // 4, 3), dtype=np.uint8
    )
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def noisy(picture: np.ndarray, seed: int, levels: float = 2.0) -> np.ndarray:
    return np.clip(
        picture + np.random.default_rng(seed).normal(0, levels, picture.shape), 0, 255
    ).astype(np.uint8)


def flicker(frames: list[np.ndarray]) -> float:
    return np.mean([np.abs(now.astype(int) - before).mean() for before, now in pairwise(frames)])


def test_still_pictures_lose_most_of_their_noise():
    scene, noise = textured(0, SIZE), NoiseReduction()
    frames = [noisy(scene, n) for n in range(2 * FRAMES_REMEMBERED)]
    quiet = [noise.reduce(frame) for frame in frames]
    assert flicker(quiet[FRAMES_REMEMBERED:]) < 0.2 * flicker(frames)
    assert (
        np.abs(quiet[-1].astype(float) - scene).mean()
        < 0.4 * np.abs(frames[-1].astype(float) - scene).mean()
    )


@pytest.mark.parametrize("step_px", [1, 7])
def test_what_moves_leaves_nothing_behind(step_px: int):
    """Fine texture moves, whose blocks keep their mean; a trail would be what was there before."""
    scene, noise = textured(1, (SIZE[0], SIZE[1] + 12 * step_px)), NoiseReduction()
    for t in range(12):
        frame = np.ascontiguousarray(scene[:, step_px * t : step_px * t + SIZE[1]])
        quiet = noise.reduce(frame)
        assert np.abs(quiet.astype(int) - frame).mean() < 0.5


def test_a_change_of_light_is_followed_at_once_and_a_drift_without_end():
    noise = NoiseReduction()
    noise.reduce(np.full((*SIZE, 3), 100, np.uint8))
    assert (noise.reduce(np.full((*SIZE, 3), 112, np.uint8)) == 112).all()
    for level in range(112, 200):
        shown = noise.reduce(np.full((*SIZE, 3), level, np.uint8))
        assert np.abs(shown.astype(int) - level).max() <= 6


def test_full_swings_do_not_overflow():
    noise = NoiseReduction()
    for value in (0, 255, 0, 255):
        frame = np.full((*SIZE, 3), value, np.uint8)
        np.testing.assert_array_equal(noise.reduce(frame), frame)


def test_first_new_and_small_pictures_pass_as_they_are():
    noise, picture = NoiseReduction(), textured(2, SIZE)
    np.testing.assert_array_equal(noise.reduce(picture), picture)
    noise.reset()
    np.testing.assert_array_equal(noise.reduce(noisy(picture, 0)), noisy(picture, 0))
    smaller = noisy(picture, 1)[:100]
    np.testing.assert_array_equal(noise.reduce(smaller), smaller)
    for seed in range(2):
        tiny = noisy(picture, seed)[:15, :1].copy()
        np.testing.assert_array_equal(noise.reduce(tiny), tiny)


def test_the_callers_frame_is_neither_changed_nor_kept():
    noise, picture = NoiseReduction(), textured(3, SIZE)
    frame = picture.copy()
    noise.reduce(frame)
    frame[:] = 0
    np.testing.assert_array_equal(noise.reduce(picture.copy()), picture)


def test_what_is_kept_lets_another_go_on_as_if_nothing_had_been():
    one, other, scene = NoiseReduction(), NoiseReduction(), textured(4, SIZE)
    assert one.state() == {}
    for seed in range(4):
        one.reduce(noisy(scene, seed))
    kept = {name: part.copy() for name, part in one.state().items()}
    expected = [one.reduce(noisy(scene, seed)) for seed in range(4, 8)]
    other.restore(kept)
    np.testing.assert_array_equal(
        [other.reduce(noisy(scene, seed)) for seed in range(4, 8)], expected
    )


def test_two_beginnings_become_one():
    scene, one, other = textured(5, SIZE), NoiseReduction(), NoiseReduction()
    one.reduce(noisy(scene, 100))
    for seed in range(FRAMES_REMEMBERED + 10):
        shown = one.reduce(noisy(scene, seed))
        if seed >= 10:
            late = other.reduce(noisy(scene, seed))
    assert np.abs(shown.astype(int) - late).mean() < 0.3


@pytest.mark.parametrize("size", [(64, 96), SIZE, (15, 40)])
def test_the_same_numbers_on_a_gpu(size: tuple[int, int]):
    torch = pytest.importorskip("torch", reason="tensors need PyTorch")
    from realtime.picture.gpu.noise import GpuNoiseReduction

    scene = textured(6, (size[0], size[1] + 20))
    here, there = NoiseReduction(), GpuNoiseReduction()
    for n in range(12):
        frame = noisy(scene[:, max(0, n - 6) * 2 :][:, : size[1]], n)
        np.testing.assert_array_equal(
            there.reduce(torch.from_numpy(frame)).numpy(), here.reduce(frame)
        )
        if n == 8:
            kept = there.state()
            assert {name: part.tolist() for name, part in kept.items()} == {
                k: v.tolist() for k, v in here.state().items()
            }
            there.restore(kept)
