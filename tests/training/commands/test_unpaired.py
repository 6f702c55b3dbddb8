"""Two folders become two styles, by the command that users type: small pictures, small networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import export.write
from engines import EngineOptions, find_model, load_model, open_engine
from engines.networks.weights import load_weights
from tests.small_frame import small_frame
from tests.training.test_vgg import caffe_state
from tests.training.unpaired.test_pictures import write_pictures
from tests.training.unpaired.test_trainer import SMALL
from training.__main__ import main
from training.preview import stylise_photo
from training.unpaired.trainer import UnpairedTrainer


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path / "models"))
    for name, kind in SMALL.items():
        monkeypatch.setitem(kinds(), name, kind)
    monkeypatch.setattr("training.unpaired.trainer._PREVIEWS", 1)
    monkeypatch.setattr("training.commands.unpaired._CHECKED_ON", 2)
    monkeypatch.setattr("training.commands.unpaired._TIMED_STEPS", 1)
    monkeypatch.setattr("training.commands.unpaired._TIMED_FRAME", (48, 64))
    monkeypatch.setattr("training.evaluate.kernel_distance._SHORT_PX", 32)
    monkeypatch.setattr(
        export.write,
        "check_frames",
        lambda pictures, sizes=((48, 64), (33, 47)), f=export.write.check_frames: f(
            pictures, [(min(h, 48), min(w, 64)) for h, w in sizes]
        ),
    )
    monkeypatch.setattr(export.write, "write_int8", lambda *_: None)  # it has tests of its own
    write_pictures(tmp_path / "photos")
    write_pictures(tmp_path / "Warm", first=10, colour=60)
    yield tmp_path
    torch.set_num_threads(threads)


def kinds() -> dict:
    from training.unpaired.kinds import KINDS

    return KINDS


def unpaired(*flags: str, minutes: str = "0.05") -> int:
    return main(["unpaired", "photos", "Warm", "--size", "64", "--minutes", minutes, *flags])


def test_two_folders_become_two_styles(small: Path, capfd: pytest.CaptureFixture):
    save_file(caffe_state(), str(small / "vgg.safetensors"))
    assert unpaired("--vgg", "vgg.safetensors") == 0
    told = capfd.readouterr().out
    places = [told.index(f"{number}/4 ") for number in (1, 2, 3, 4)]
    assert places == sorted(places)
    assert "palette and texture" in told and "a step takes" in told and "run_cam.py -s warm" in told
    assert "% of what lies between untouched photos and Warm is gone" in told
    run = small / "runs" / "warm"
    figures = json.loads((run / "report.json").read_text())
    assert figures["untouched"] > 0 and figures["steps"] > 0 and figures["frame_ms"] > 0
    assert list((run / "previews").iterdir())
    frame = small_frame(48, 64)
    for name, way in (("warm", "there"), ("warm_back", "back")):
        model = find_model(None, [name])
        assert model.path == small / "models" / f"{name}.onnx" and model.canvas
        assert json.loads(model.metadata["training"])["unpaired"]["size_px"] == 64
        network, _ = load_weights(run / f"{way}.safetensors")
        expected = stylise_photo(network, frame, 0, 1).astype(int)
        with open_engine("onnxruntime", model, EngineOptions(device="cpu"), (48, 64)) as engine:
            painted = engine.infer(frame[None], np.array([[0, 1]], np.float32))
        assert np.abs(painted[0] - expected).mean() < 0.5


@pytest.mark.parametrize("family", [pytest.param("resnet", marks=pytest.mark.slow), "ugatit-light"])
def test_heavy_ones_are_said_to_be_heavy(
    small: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, family: str
):
    def fit_for(trainer: UnpairedTrainer, seconds: float, on_step: Callable) -> None:
        trainer.take_step()
        trainer.save()

    monkeypatch.setattr(UnpairedTrainer, "fit_for", fit_for)
    assert unpaired("--family", family, "--name", "film") == 0
    told = capfd.readouterr().out
    assert "nothing of use on a CPU" in told and "film is heavy" in told
    assert "python -m training distil film --photos photos --name film_live" in told
    for name, way in (("film", "there"), ("film_back", "back")):
        model = load_model(small / "models" / f"{name}.onnx")
        network, _ = load_weights(small / "runs" / "film" / f"{way}.safetensors")
        expected = stylise_photo(network, small_frame(48, 64), 0, 1).astype(int)
        style = np.array([[0, 1]], np.float32)
        with open_engine("openvino", model, EngineOptions(device="cpu"), (48, 64)) as engine:
            painted = engine.infer(small_frame(48, 64)[None], style)[0]
        assert np.abs(painted - expected).mean() < 0.255


@pytest.mark.parametrize("ends", [KeyboardInterrupt, SystemExit], ids=["SIGINT", "SIGTERM"])
def test_a_signal_keeps_what_is_learnt(
    small: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, ends: type
):
    end_at(monkeypatch, 2, ends)
    if ends is SystemExit:
        with pytest.raises(SystemExit):
            unpaired()
    else:
        assert unpaired() == 130
    assert "Go on with the same and --resume" in capsys.readouterr().out
    assert (small / "runs" / "warm" / "checkpoint.pt").is_file()
    assert not (small / "models").exists()


def end_at(monkeypatch: pytest.MonkeyPatch, step: int, ends: type) -> None:
    def end(trainer: UnpairedTrainer, losses: dict) -> None:
        if trainer.step == step:
            raise ends

    monkeypatch.setattr(UnpairedTrainer, "_record", end)


def test_a_run_goes_on(small: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    written = []
    monkeypatch.setattr("training.commands.unpaired._install", lambda t, way: written.append(way))
    monkeypatch.setattr("training.commands.unpaired._report", lambda *_: None)
    monkeypatch.setattr("training.commands.unpaired._say_next", lambda *_: None)
    with monkeypatch.context() as patched:
        end_at(patched, 2, KeyboardInterrupt)
        assert unpaired() == 130
    checkpoint = small / "runs" / "warm" / "checkpoint.pt"
    state = torch.load(checkpoint, weights_only=True)
    assert state["step"] == 2
    torch.save({**state, "spent_s": 2.9}, checkpoint)
    assert unpaired() == 2
    assert "holds a run already" in capsys.readouterr().err
    assert unpaired("--resume", "--seed", "3") == 4
    assert "of another run" in capsys.readouterr().err and not written
    assert unpaired("--resume") == 0
    assert "goes on after 2 steps" in capsys.readouterr().out
    assert torch.load(checkpoint, weights_only=True)["step"] > 2
    assert unpaired("--resume") == 0  # nothing is left: it writes the models again
    assert "with more --minutes it trains longer" in capsys.readouterr().out
    assert written == [0, 1, 0, 1]
    assert unpaired("--overwrite") == 0
    assert "goes on" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["nowhere", "Warm"], 2, "nowhere: no such folder of pictures"),
        (["photos", "photos/../photos"], 2, "is the first folder again"),
        (["empty", "Warm"], 2, "holds 0 pictures"),
        (["photos", "one"], 2, "holds 1 pictures that can be read"),
        (["photos", "broken"], 2, "holds 2 pictures that can be read"),
        (["photos", "Warm", "--minutes", "0"], 2, "--minutes must lie between"),
        (["photos", "Warm", "--size", "100"], 2, "--size must be a multiple of 32"),
        (["photos", "Warm", "--seed", "-1"], 2, "--seed must be 0 or more"),
        (["photos", "Warm", "--resume"], 4, "there is no checkpoint to resume from"),
        (["photos", "Warm", "--resume", "--overwrite"], 2, "give one of them"),
        (["photos", "Warm", "--vgg", "nowhere.pth"], 4, "nowhere.pth: no such file"),
        (["photos", "Warm", "--name", "great_wave"], 2, "is taken"),
    ],
)
def test_says_what_is_wrong_and_writes_nothing(
    small: Path, capsys: pytest.CaptureFixture, flags: list[str], code: int, words: str
):
    (small / "empty").mkdir()
    write_pictures(small / "one", 1)
    for number in range(9):
        (write_pictures(small / "broken", 2) / f"x{number}.jpg").write_bytes(b"no picture")
    assert main(["unpaired", *flags]) == code
    assert words in capsys.readouterr().err
    assert not (small / "models").exists() and not (small / "runs").exists()
