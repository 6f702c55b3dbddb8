"""--refine: what is painted afterwards is another picture, and the same one each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_video
from engines.errors import EngineUnavailable, UsageError
from engines.folders import cache_dir
from tests.conftest import write_video
from tests.small_frame import small_frame

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEBRUSH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Image.fromarray(small_frame(120, 160, 3)).save("style.png")
    Image.fromarray(small_frame(96, 128, 4)).save("photo.png")
    write_video(Path("clip.mp4"), size=(96, 128))
    return tmp_path


def paint(source: str, output: str, *flags: str) -> np.ndarray:
    command = [source, "-y", "-o", output, "-s", "style.png", "--engine", "onnxruntime", *flags]
    assert stylize_video.main(command) == 0
    with Image.open(output) as picture:
        return np.asarray(picture).astype(int)


def test_a_refined_row_is_kept_for_the_next_time(folder: Path):
    pytest.importorskip("torch", reason="refining is training")
    from safetensors.torch import save_file

    from tests.training.test_vgg import caffe_state

    save_file(caffe_state(), "vgg.safetensors")
    refine = ("--refine", "2", "--vgg", "vgg.safetensors")
    plain = paint("photo.png", "plain.png")
    refined = paint("photo.png", "refined.png", *refine)
    assert np.abs(plain - refined).mean() > 0.05
    kept = list((cache_dir() / "refined").glob("*.row"))
    assert len(kept) == 1
    made_ns = kept[0].stat().st_mtime_ns
    np.testing.assert_array_equal(paint("photo.png", "again.png", *refine), refined)
    assert kept[0].stat().st_mtime_ns == made_ns


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["photo.png", "-s", "style.png", "--refine", "0"], "more than 0"),
        (["photo.png", "-s", "great_wave", "--refine", "5"], "-s picture.jpg"),
    ],
)
def test_what_cannot_be_refined_is_said(folder: Path, flags: list[str], says: str):
    with pytest.raises(UsageError, match=says):
        stylize_video.main([*flags, "-o", "out.png"])
    assert not Path("out.png").exists()


def test_why_training_failed_is_said(folder: Path):
    pytest.importorskip("torch", reason="refining is training")
    Path("vgg.safetensors").write_bytes(b"no weights")
    flags = ["--refine", "2", "--vgg", "vgg.safetensors", "--engine", "onnxruntime"]
    with pytest.raises(EngineUnavailable, match="neither VGG16"):
        stylize_video.main(["clip.mp4", "-s", "style.png", "-o", "out.mp4", *flags])
    assert not Path("out.mp4").exists()
