"""A style learnt from somebody else's network, or from pairs of pictures, by the command that users
type: on small pictures, with a small student.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import export.write
from engines import EngineOptions, find_model, open_engine
from tests.conftest import write_video
from tests.export.foreign_networks import write_network
from tests.small_frame import small_frame
from tests.small_network import CONFIG, write_small_model
from tests.training.test_vgg import caffe_state
from training.__main__ import main
from training.distil.pictures import draw_view, find_pairs, read_pair, split_pairs
from training.distil.student import Student
from training.pairs import draw_from_targets
from training.temporal import warp

SIDE = 64


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything at 64 to 96 px; the bundled network is a small one of two styles."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path / "models"))
    write_small_model(tmp_path / "gallery.onnx")
    save_file(caffe_state(), str(tmp_path / "vgg.safetensors"))
    for name, value in {
        "pictures.LINES_PX": 96,
        "student.CROP_PX": SIDE,
        "student.ROW_CROP_PX": SIDE,
        "student.OWN_NETWORK": CONFIG,
        "held_out._SHORT_PX": SIDE,
    }.items():
        monkeypatch.setattr(f"training.distil.{name}", value)
    bundled = tmp_path / "gallery.safetensors"
    monkeypatch.setattr("training.commands.distil.BUNDLED_WEIGHTS", bundled)
    monkeypatch.setattr("training.commands.distil._CHECKED_ON", 2)
    monkeypatch.setattr("training.evaluate.synthetic.SIZE", (96, 128))
    monkeypatch.setattr("training.evaluate.steadiness._LINES_PX", 96)
    monkeypatch.setattr(
        export.write,
        "check_frames",
        lambda pictures, sizes=((48, 64), (33, 47)), f=export.write.check_frames: f(
            pictures, [(min(h, 48), min(w, 64)) for h, w in sizes]
        ),
    )
    yield tmp_path
    torch.set_num_threads(threads)


def write_photos(folder: Path, count: int = 5) -> Path:
    folder.mkdir(parents=True)
    for seed in range(count):
        cv2.imwrite(str(folder / f"{seed}.png"), small_frame(100, 130, seed))
    return folder


def write_pairs(folder: Path, count: int = 5) -> Path:
    """Before, and its negative after."""
    write_photos(folder / "before", count)
    (folder / "after").mkdir()
    for path in (folder / "before").iterdir():
        cv2.imwrite(str(folder / "after" / f"{path.stem}.jpg"), 255 - cv2.imread(str(path)))
    return folder


def distil(*flags: str, minutes: str = "0.05") -> int:
    return main(["distil", "--minutes", minutes, "--vgg", "vgg.safetensors", *flags])


def forget_time(run: Path) -> None:
    """On a busy machine nothing would be left of the few seconds."""
    state = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**state, "spent_s": 0.0}))


def test_pairs_become_a_style(small: Path, capfd: pytest.CaptureFixture):
    write_pairs(small / "Negative")
    assert distil("--pairs", "Negative") == 0
    told = capfd.readouterr().out
    assert "a network of its own learns it" in told and "run_cam.py -s negative" in told
    places = [told.index(f"{number}/4 ") for number in (1, 2, 3, 4)]
    assert places == sorted(places)
    model = find_model(None, ["negative"])
    assert model.path == small / "models" / "negative.onnx" and model.canvas
    assert json.loads(model.metadata["training"])["distilled"]["pairs"] == "Negative"
    figures = json.loads((small / "runs" / "negative" / "report.json").read_text())
    assert figures["distance"] > 0 and figures["ratio"] > 0 and "teacher" not in figures
    assert cv2.imread(str(small / "runs" / "negative" / "report.jpg")).shape == (300, 900, 3)
    assert (small / "runs" / "negative" / "preview.jpg").is_file()
    with open_engine("onnxruntime", model, EngineOptions(device="cpu"), (48, 64)) as engine:
        painted = engine.infer(small_frame(48, 64)[None], np.eye(2, dtype=np.float32)[[1]])
    assert painted.shape == (1, 48, 64, 3)


def test_a_network_by_others_is_learnt_from(small: Path, capfd: pytest.CaptureFixture):
    write_network(small / "sharp.onnx", licence="MIT")
    write_photos(small / "photos")
    flags = ("sharp.onnx", "--photos", "photos", "--commercial-only", "--range", "0..1")
    assert distil(*flags) == 0
    told = capfd.readouterr().out
    assert "its teacher's: flicker" in told
    model = find_model(None, ["sharp_live"])
    assert model.styles[1].licence == "MIT (the file says so)"[: len(model.styles[1].licence)]
    run = small / "runs" / "sharp_live"
    targets = sorted((run / "pairs" / "after").iterdir())
    assert len(targets) >= 4
    assert json.loads((run / "report.json").read_text())["teacher"]["ratio"] > 0
    assert distil(*flags) == 2
    assert "holds a run already" in capfd.readouterr().err
    # Trained longer, from what it has: the targets are not painted again.
    stamps = {path: path.stat().st_mtime_ns for path in targets}
    step = torch.load(run / "checkpoint.pt", weights_only=True)["step"]
    forget_time(run)
    assert distil(*flags, "--resume") == 0
    assert torch.load(run / "checkpoint.pt", weights_only=True)["step"] > step
    assert {path: path.stat().st_mtime_ns for path in targets} == stamps
    assert distil(*flags, "--overwrite") == 0


def test_a_row_is_enough_for_what_the_bundled_network_paints(
    small: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """The teacher is one of its own styles, and the photos are frames of a clip."""
    monkeypatch.setattr("engines.models.BUNDLED_DIR", small)
    write_video(small / "clip.mp4")
    assert distil("second", "--photos", "clip.mp4", "--name", "again") == 0
    told = capfd.readouterr().out
    assert "a row it is" in told
    assert not (small / "models" / "again.onnx").exists()
    model = find_model(None, ["again"])
    assert model.name == "gallery" and model.rows[0].style.name == "again"
    row, own = model.rows[0].row, model.read_own_rows()
    assert np.abs(row - own[1]).mean() < np.abs(row - own[0]).mean()


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit], ids=["SIGINT", "SIGTERM"])
def test_a_signal_keeps_what_is_learnt(
    small: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, ends: type
):
    write_pairs(small / "sepia")

    def end(student: Student, losses: dict) -> None:
        if student.step == 3 and not student.config.rows_only:
            raise ends

    with monkeypatch.context() as patched:
        patched.setattr(Student, "_record", end)
        if ends is SystemExit:
            with pytest.raises(SystemExit):
                distil("--pairs", "sepia")
        else:
            assert distil("--pairs", "sepia") == 130
    assert "Go on with the same and --resume" in capsys.readouterr().out
    state = json.loads((small / "runs" / "sepia" / "run.json").read_text())
    assert state["rows_only"] is False and state["spent_s"] > 0
    forget_time(small / "runs" / "sepia")
    assert distil("--pairs", "sepia", "--resume") == 0
    assert "goes on after" in capsys.readouterr().out
    assert torch.load(small / "runs" / "sepia" / "checkpoint.pt", weights_only=True)["step"] > 3


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        ([], 2, "one of them"),
        (["sharp.onnx", "--pairs", "pairs"], 2, "one of them"),
        (["--pairs", "nowhere"], 2, "no such folder"),
        (["--pairs", "photos"], 2, "has no folders before/ and after/"),
        (["--pairs", "pairs", "--photos", "photos"], 2, "--photos is for a TEACHER"),
        (["--pairs", "few"], 2, "holds 2 pairs"),
        (["--pairs", "alone"], 2, "such as 3"),
        (["--pairs", "bent"], 4, "2.png is 130x100 and 2.jpg is 100x100"),
        (["--pairs", "pairs", "--minutes", "0"], 2, "--minutes must lie between"),
        (["--pairs", "pairs", "--name", "first"], 2, "is taken"),
        (["sharp.onnx", "--photos", "nowhere"], 2, "no such folder or clip"),
        (["sharp.onnx", "--photos", "empty", "--range", "0..1"], 2, "holds 0 photos"),
        (["sharp.onnx", "--photos", "one", "--range", "0..1"], 2, "holds 1 photos"),
        (["sharp.onnx", "--photos", "photos", "--commercial-only"], 4, "--commercial-only"),
        (["first", "--photos", "photos", "--style", "original"], 2, "nothing that could be learnt"),
        (["gone.pth"], 2, "there is no such file"),
        (["nobody"], 2, "there is no model 'nobody'"),
        (["vgg.safetensors", "--photos", "photos"], 4, "known"),
    ],
)
def test_says_what_is_wrong_and_writes_no_model(
    small: Path, capsys: pytest.CaptureFixture, monkeypatch, flags: list[str], code: int, words: str
):
    monkeypatch.setattr("engines.models.BUNDLED_DIR", small)
    (small / "teachers").mkdir()
    write_network(small / "sharp.onnx", licence="for research only")
    write_photos(small / "photos")
    write_photos(small / "one", 1)
    (small / "empty").mkdir()
    for name, count in (("pairs", 5), ("few", 2), ("alone", 5), ("bent", 5)):
        write_pairs(small / name, count)
    (small / "alone" / "after" / "3.jpg").unlink()
    cv2.imwrite(str(small / "bent" / "after" / "2.jpg"), small_frame(100, 100))
    shutil.move(small / "sharp.onnx", small / "teachers" / "sharp.onnx")
    flags = [flag.replace("sharp.onnx", "teachers/sharp.onnx") for flag in flags]
    assert distil(*flags) == code
    assert words in capsys.readouterr().err
    assert not (small / "models").exists()


def test_both_pictures_move_alike_and_noise_is_the_photos_alone(monkeypatch: pytest.MonkeyPatch):
    photo = cv2.GaussianBlur(small_frame(150, 190), (0, 0), 5)
    picture = np.dstack([photo, 255 - photo])
    for seed in range(6):
        random = np.random.default_rng(seed)
        pictures = [picture] * (1 + seed % 2)
        drawn = [torch.tensor(a)[None] for a in draw_from_targets(pictures, SIDE, random, 0.3)]
        _, after, flow, visible, change, face, _, _, target_before, target_after = drawn
        seen = visible[:, 0] > 0
        moved = (target_after - warp(target_before, flow)).abs().amax(1)
        assert float(moved[seen].quantile(0.95)) < 0.03
        assert not change.any() and not face.any()
        assert float((after + target_after - 1).abs().mean()) < 0.1  # one is the other's negative


def test_views_of_a_photo_differ_and_can_be_repeated(small: Path):
    file = next(write_photos(small / "photos").iterdir())
    first, again = draw_view(file, 0, 1), draw_view(file, 1, 1)
    np.testing.assert_array_equal(first, draw_view(file, 0, 1))
    assert (
        first.shape == again.shape == (96, 96, 3) and np.abs(first.astype(int) - again).mean() > 3
    )


def test_pairs_of_one_shape_are_brought_to_one_size(small: Path):
    write_pairs(small / "pairs", 12)
    cv2.imwrite(str(small / "pairs" / "after" / "1.jpg"), small_frame(200, 260))
    learnt, held = split_pairs(pairs := find_pairs(small / "pairs"))
    assert len(learnt) + len(held) == 12 and held
    assert all(read_pair(pair).shape == (96, 125, 6) for pair in pairs)
