"""Paint on what stands still is held, on what moves it is new; a new style is there at once."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.picture.noise import NoiseReduction, RecursiveMean
from realtime.picture.rest import FRAMES_REMEMBERED, PaintingAtRest
from tests.realtime.picture.test_noise import SIZE, flicker, noisy, textured

STYLE, OTHER = np.float32([1, 0]), np.float32([0, 1])


def run(
    rest: PaintingAtRest, frames: list[np.ndarray], paintings: list[np.ndarray]
) -> list[np.ndarray]:
    noise = NoiseReduction()
    held = []
    for frame, painting in zip(frames, paintings, strict=True):
        noise.reduce(frame)
        held.append(rest.hold(painting, noise.gains, STYLE).copy())
    return held


def restless(count: int, levels: float = 12) -> list[np.ndarray]:
    painting = textured(3, SIZE)
    return [noisy(painting, seed, levels) for seed in range(count)]


def test_where_the_frame_stands_still_paint_hardly_flickers():
    frames, paintings = [textured(0, SIZE)] * 40, restless(40)
    held = run(PaintingAtRest(RecursiveMean()), frames, paintings)
    assert flicker(held[20:]) < 0.35 * flicker(paintings[20:])
    assert np.abs(held[-1].astype(float) - textured(3, SIZE)).mean() < 5  # and is no other picture


def test_where_it_moves_paint_is_new():
    scene, paintings = textured(1, (SIZE[0], SIZE[1] + 60)), restless(8)
    frames = [np.ascontiguousarray(scene[:, 7 * t : 7 * t + SIZE[1]]) for t in range(8)]
    held = run(PaintingAtRest(RecursiveMean()), frames, paintings)
    for shown, painting in zip(held, paintings, strict=True):
        assert np.abs(shown.astype(int) - painting).mean() < 0.5


def test_a_hand_that_leaves_takes_its_paint_along():
    """What it uncovers moved too, so it is painted anew and nothing of the hand stays."""
    wall = np.full((*SIZE, 3), 90, np.uint8)
    hand = wall.copy()
    hand[20:60, 20:60] = 200
    held = run(PaintingAtRest(RecursiveMean()), [hand, hand, wall, wall], [hand, hand, wall, wall])
    np.testing.assert_array_equal(held[2], wall)


@pytest.mark.parametrize("made_with", [OTHER, np.float32([1, 0, 0])])
def test_another_style_is_there_at_once(made_with):
    rest = PaintingAtRest(RecursiveMean())
    run(rest, [textured(0, SIZE)] * 3, restless(3))
    other, still = textured(5, SIZE), np.full((30, 40), 7, np.int16)
    np.testing.assert_array_equal(rest.hold(other, still, made_with), other)


def test_what_is_remembered_goes_on_alike():
    frames, paintings = [noisy(textured(0, SIZE), s) for s in range(8)], restless(8)
    noise, whole, begun = NoiseReduction(), PaintingAtRest(RecursiveMean()), None
    for number, (frame, painting) in enumerate(zip(frames, paintings, strict=True)):
        noise.reduce(frame)
        shown = whole.hold(painting, noise.gains, STYLE).copy()
        if number == 4:
            begun = PaintingAtRest(RecursiveMean())
            begun.restore(whole.state())
        elif begun:
            np.testing.assert_array_equal(begun.hold(painting, noise.gains, STYLE), shown)
    assert not PaintingAtRest(RecursiveMean()).state()


def test_paintings_that_began_differently_become_one():
    still = np.full((30, 40), 7, np.int16)
    rests = [PaintingAtRest(RecursiveMean()) for _ in range(2)]
    for rest, level in zip(rests, (60, 124), strict=True):
        rest.hold(np.full((*SIZE, 3), level, np.uint8), None, STYLE)
    for _ in range(FRAMES_REMEMBERED):
        painting = np.full((*SIZE, 3), 80, np.uint8)
        shown = [rest.hold(painting, still, STYLE).astype(int) for rest in rests]
    assert np.abs(shown[0] - shown[1]).max() <= 1


def test_a_gpu_does_the_same():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
    from realtime.picture.gpu.noise import GpuNoiseReduction, GpuRecursiveMean

    scene, paintings = textured(1, (SIZE[0], SIZE[1] + 60)), restless(8)
    frames = [np.ascontiguousarray(scene[:, : SIZE[1]])] * 4
    frames += [np.ascontiguousarray(scene[:, 7 * t : 7 * t + SIZE[1]]) for t in range(4)]
    noise, rest = GpuNoiseReduction(), PaintingAtRest(GpuRecursiveMean())
    on_cpu = run(PaintingAtRest(RecursiveMean()), frames, paintings)
    for frame, painting, wanted in zip(frames, paintings, on_cpu, strict=True):
        noise.reduce(torch.from_numpy(frame))
        shown = rest.hold(torch.from_numpy(painting), noise.gains, STYLE)
        np.testing.assert_array_equal(shown.numpy(), wanted)
