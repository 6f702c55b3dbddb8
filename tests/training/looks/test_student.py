"""The student of the looks: what it is shown, and that it learns from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from msgspec.structs import replace
from safetensors.torch import save_file

from engines.errors import UsageError
from tests.small_frame import small_frame
from tests.training.test_vgg import caffe_state
from training.distil.student import CROP_PX
from training.looks import student as looks_student
from training.looks.filters import LOOKS
from training.looks.student import LookSampler, begin
from training.looks.targets import draw_targets, read_targets
from training.vgg import load_vgg


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.distil.pictures.LINES_PX", CROP_PX)
        yield _drawn(tmp_path_factory)


def _drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos, folder = (tmp_path_factory.mktemp(name) for name in ("photos", "targets"))
    for seed in range(4):
        cv2.imwrite(str(photos / f"{seed}.png"), small_frame(96, 128, seed)[..., ::-1])
    draw_targets(photos, folder, 4)
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_every_photo_is_drawn_in_every_look_once(targets: Path):
    pictures = read_targets(targets)
    assert len(pictures) == 4 and pictures[0].shape[2] == 3 * (1 + len(LOOKS))
    kept = (targets / "ink" / "0000.png").stat().st_mtime_ns
    draw_targets(targets / "before", targets, 4)
    assert (targets / "ink" / "0000.png").stat().st_mtime_ns == kept


def test_few_photos_are_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="4 are the fewest"):
        draw_targets(tmp_path, tmp_path / "targets", 4)


def test_a_sample_is_a_photo_and_the_looks_that_its_mix_names(targets: Path):
    pictures = read_targets(targets)
    config = begin_small(targets).config
    sampler = LookSampler(replace(config, still_share=1.0, layer_share=0.0), pictures, 0, False)
    seen_blend = False
    for _ in range(20):
        pair = sampler.next()
        mix = pair.mix[0].numpy()
        assert mix.sum() == pytest.approx(1) and (mix >= 0).all()
        seen_blend |= (mix > 0).sum() == 2
        target = pair.target_before[0].numpy().transpose(1, 2, 0)
        # Somewhere in one of the photos, as it is or mirrored, lies just this.
        drawn = [_in_mix(picture, mix) for picture in pictures]
        assert min(_nearest(target, w) for d in drawn for w in (d, d[:, ::-1])) < 0.02
    assert seen_blend


def _in_mix(picture: np.ndarray, mix: np.ndarray) -> np.ndarray:
    looks = np.split(picture.astype(float) / 255, 1 + len(LOOKS), axis=2)[1:]
    return sum(share * look for share, look in zip(mix, looks, strict=True))


def _nearest(target: np.ndarray, whole: np.ndarray) -> float:
    found = cv2.matchTemplate(
        np.float32(whole), np.ascontiguousarray(target, np.float32), cv2.TM_SQDIFF
    )
    return float(np.sqrt(found.min() / target.size))


def test_it_learns_and_goes_on(targets: Path, tmp_path: Path):
    student = begin_small(targets, tmp_path)
    student.config = replace(student.config, steps=2)
    student.fit(lambda *_: None)
    again = begin_small(targets, tmp_path)
    again.resume()
    assert again.step == 2
    names = [style["name"] for style in json.loads(again.metadata()["styles"])]
    assert names == ["original", *LOOKS]


def begin_small(targets: Path, folder: Path | None = None) -> looks_student.LookStudent:
    path = targets / "vgg.safetensors"
    save_file(caffe_state(), str(path))
    return begin(targets, read_targets(targets), load_vgg(path), folder or targets / "run", "cpu")
