from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from training.clips import Clip
from training.config import StyleConfig, TrainingConfig
from training.motion import warp
from training.pairs import (
    PairSampler,
    _camera_of,
    _draw_canvases,
    draw_from_clip,
    draw_from_photos,
    draw_motion,
    relight,
)


def smooth_photo(seed: int, size: tuple[int, int] = (200, 260)) -> np.ndarray:
    noise = np.random.default_rng(seed).random((*size, 3), dtype=np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 4)
    return np.uint8(255 * (blurred - blurred.min()) / np.ptp(blurred))


def plain(seed: int) -> np.ndarray:
    """A photo without faces, as ``draw_from_photos`` takes it."""
    return np.dstack([smooth_photo(seed), np.zeros((200, 260), np.uint8)])


def residual(drawn: tuple) -> np.ndarray:
    """|after - before moved along the flow|, (H, W), and how much of it is visible."""
    before, after, flow, visible, *_ = (a.transpose(1, 2, 0) for a in drawn)
    return np.abs(after - warp(before, np.ascontiguousarray(flow))).max(2), visible[..., 0] > 0


@pytest.mark.parametrize("layers", [1, 2])
def test_the_drawn_flow_explains_the_second_view(monkeypatch, layers: int):
    """Without noise and light, what is visible is found again where the flow says; the front layer
    hides the rest.
    """
    monkeypatch.setattr("training.pairs.degrade", lambda image, random: image)
    monkeypatch.setattr("training.pairs._draw_light", lambda random: np.ones(3, np.float32))
    photos = [plain(1), plain(2)][:layers]
    hidden = []
    for seed in range(8):
        error, visible = residual(
            draw_from_photos(photos, 128, np.random.default_rng(seed), still_share=0.2)
        )
        assert visible.mean() > 0.5
        assert np.quantile(error[visible], 0.99) < 0.03  # interpolation
        hidden.append(error[~visible].max() if not visible.all() else 0)
    assert max(hidden) > 0.05


def test_light_is_known_and_noise_is_not_taken_for_it(monkeypatch):
    monkeypatch.setattr("training.pairs._draw_light", lambda random: np.full(3, 1.2, np.float32))
    _, after, _, _, change, *_ = draw_from_photos(
        [plain(1)], 128, np.random.default_rng(0), still_share=1.0
    )
    luminance = np.tensordot([0.2126, 0.7152, 0.0722], after, axes=1)
    dark = luminance < 0.7  # not clipped
    assert np.abs(change[0] - luminance * (1 - 1 / 1.2))[dark].mean() < 0.02


def test_motion_agrees_with_opencv():
    motion = draw_motion(np.random.default_rng(3), 64)
    assert motion.shape == (3, 3)
    corners = np.float32([[[0, 0], [63, 0], [63, 63], [0, 63]]])
    assert (
        np.abs(cv2.perspectiveTransform(corners, motion) - corners).max() < 20
    )  # small, as a hand moves


def test_a_clip_gives_real_motion_and_a_cut_gives_nothing():
    wide = smooth_photo(5, (400, 460))
    frames = [np.ascontiguousarray(wide[:, 2 * t : 2 * t + 400]) for t in range(10)]
    drawn = draw_from_clip(Clip(frames, "ours"), 128, np.random.default_rng(0))
    assert drawn is not None
    error, visible = residual(drawn)
    assert visible.mean() > 0.7 and error[visible].mean() < 0.02
    noise = [
        np.random.default_rng(k).integers(0, 255, (400, 400, 3), dtype=np.uint8) for k in range(2)
    ]
    assert draw_from_clip(Clip(noise, "ours"), 128, np.random.default_rng(0)) is None


def test_crops_of_a_photo_with_a_face_show_it():
    photo = np.dstack([smooth_photo(1, (300, 400)), np.zeros((300, 400), np.uint8)])
    photo[50:70, 310:330, 3] = 255
    faces = [
        draw_from_photos([photo], 128, np.random.default_rng(seed), still_share=0.5)[5]
        for seed in range(10)
    ]
    assert all(face.any() for face in faces)
    assert all(face.shape == (1, 128, 128) and face.mean() < 0.5 for face in faces)


def test_photos_of_faces_are_drawn_closer_too():
    photo = np.dstack([smooth_photo(1, (320, 320)), np.zeros((320, 320), np.uint8)])
    photo[144:176, 144:176, 3] = 255  # 64 px at 640 lines
    faces = [
        draw_from_photos([photo], 256, np.random.default_rng(seed), still_share=1)[5]
        for seed in range(20)
    ]
    widths_px = [face.max(axis=(0, 1)).sum() for face in faces]
    assert min(widths_px) < 64 < 100 < max(widths_px) <= 129


def test_a_config_may_ask_for_smaller_frames():
    photo = np.dstack([smooth_photo(1, (320, 320)), np.zeros((320, 320), np.uint8)])
    photo[144:176, 144:176, 3] = 255  # 25 to 100 px at the sizes below, faces drawn closer
    widths_px = [
        draw_from_photos([photo], 256, np.random.default_rng(seed), 1, (270, 500))[5]
        .max((0, 1))
        .sum()
        for seed in range(20)
    ]
    assert max(widths_px) <= 101


def test_the_canvas_moves_with_the_camera(monkeypatch):
    monkeypatch.setattr("training.pairs._LOST_SHARE", 0)
    right = np.eye(3)
    right[0, 2] = 8  # what is seen now was a cell to the right before
    before, after = _draw_canvases(right, 64, np.random.default_rng(0))
    assert before.shape == after.shape == (2, 9, 9)
    np.testing.assert_allclose(after[:, :, :-1], before[:, :, 1:], atol=1e-4)
    assert np.abs(after - before).mean() > 0.1
    monkeypatch.setattr("training.pairs._LOST_SHARE", 1)
    still = _draw_canvases(right, 64, np.random.default_rng(0))
    np.testing.assert_array_equal(*still)


def test_the_camera_of_a_flow_is_what_most_of_it_shows():
    motion = np.array([[1.02, -0.01, 3.0], [0.01, 1.02, -2.0], [0, 0, 1]])
    y, x = np.mgrid[:128, :128].astype(np.float32)
    flow = (np.stack([x, y, np.ones_like(x)], -1) @ motion.T)[..., :2] - np.stack([x, y], -1)
    flow[:40, :40] = (9, 9)  # somebody walks through
    seen = np.ones((128, 128), bool)
    np.testing.assert_allclose(_camera_of(flow.astype(np.float32), seen), motion, atol=0.02)
    np.testing.assert_array_equal(_camera_of(flow.astype(np.float32), ~seen), np.eye(3))


def test_pairs_drawn_ahead_are_those_drawn_when_asked_for(tmp_path: Path):
    for seed in range(3):
        cv2.imwrite(str(tmp_path / f"{seed}.png"), smooth_photo(seed, (400, 460)))
    style = StyleConfig("ink", "ink.png", "Ink", "nobody", "", "none", "here")
    config = TrainingConfig("test", "fast", (style,), "photos", (), crop_px=64, batch=1)
    drawn = []
    for ahead in (False, True):
        sampler = PairSampler(config, sorted(tmp_path.iterdir()), [], seed=5, ahead=ahead)
        drawn.append([sampler.next() for _ in range(4)])
        sampler.close()
    for one, other in zip(*drawn, strict=True):
        assert torch.equal(one.after, other.after) and torch.equal(one.flow, other.flow)
        assert torch.equal(one.canvas_after, other.canvas_after)


def test_a_photo_in_another_light_shows_the_same_otherwise():
    photo = plain(1)
    photo[50:90, 60:100, 3] = 255
    lit = [relight(photo, np.random.default_rng(seed)) for seed in range(6)]
    means = np.array([one[..., :3].mean((0, 1)) for one in lit])
    assert np.ptp(means.mean(1)) > 20  # of 255
    assert np.ptp(means - means.mean(1, keepdims=True)) > 5
    for one in lit:
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one[..., 3], photo[..., 3])
        assert np.corrcoef(one[..., 1].ravel(), photo[..., 1].ravel())[0, 1] > 0.8
