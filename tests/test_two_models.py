"""stylize_video.py with styles of two models: each alone, one after the other, never blended."""

from __future__ import annotations

import argparse
import json
import shutil
import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_video
from engines import EngineOptions, Models, find_models, open_engine
from engines.errors import UsageError
from realtime.controls.desk import Desk
from realtime.controls.show import Source, read_show
from realtime.files.flags import open_crew
from realtime.files.painter import plan_painting
from realtime.files.replay import models_for
from realtime.frame import LiveFrame
from realtime.live.command_line import parse_args
from realtime.live.flags import models_and_state, models_at_first
from realtime.live.run import initial_state
from realtime.live.show_recorder import ShowRecorder
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.stylizer import Stylizer
from realtime.timeline import Timeline
from tests.conftest import write_video

GREY = np.full((48, 64, 3), 100, np.uint8)


@pytest.fixture(autouse=True)
def models(tiny_model, inky_model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Models:
    """Both are the user's, and no other is installed."""
    monkeypatch.setattr("engines.models.BUNDLED_DIR", tmp_path / "none")
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    for model in (inky_model, tiny_model):
        shutil.copyfile(model.path, tmp_path / "models" / model.path.name)
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clip.mp4", pts=[100 * n for n in range(30)], pixels=lambda _: GREY)
    return Models((tiny_model, inky_model))


def stylize(*flags: str) -> int:
    return stylize_video.main(["clip.mp4", "-y", *flags, "--engine", "onnxruntime"])


def levels(name: str) -> list[int]:
    with VideoFile(Path(name)) as video:
        return [int(np.asarray(frame.pixels).mean() + 0.5) for frame in video.frames()]


def test_each_style_is_painted_by_its_model(capsys: pytest.CaptureFixture[str]):
    assert stylize("-s", "sepia", "-s", "dim") == 0
    assert levels("clip_sepia.mp4")[0] == pytest.approx(155, abs=2)
    assert levels("clip_dim.mp4")[0] == pytest.approx(50, abs=2)
    with pytest.raises(
        UsageError, match=r"^sepia is a style of the model inky and dim of tiny, .*"
    ):
        stylize("-s", "sepia:0.5,dim:0.5")
    with pytest.raises(UsageError, match="do not blend"):
        stylize("--style-schedule", "0:sepia 1:dim,wash")
    with pytest.raises(UsageError, match="do not blend"):
        stylize("-s", "sepia", "--behind", "dim,wash")
    with pytest.raises(UsageError, match="there is no style 'sepia'"):
        stylize("-s", "sepia", "--model", "tiny")


def test_a_schedule_fades_from_model_to_model_by_mixing_both_paintings():
    assert stylize("--style-schedule", "0:dim 1:sepia/1s", "-o", "out.mp4") == 0
    found = levels("out.mp4")
    assert found[:11] == [found[0]] * 11 and found[20:] == [found[20]] * 10
    assert found == sorted(found)
    assert [found[at] for at in (0, 15, 20)] == pytest.approx([50, 102, 155], abs=3)


def test_every_style_is_on_the_sheet(capsys: pytest.CaptureFixture[str]):
    assert stylize("--sheet", "sheet.png") == 0
    assert "sheet.png: 5 styles of " in capsys.readouterr().err
    sheet = np.asarray(Image.open("sheet.png"))
    assert {50, 100, 155} <= {int(level) for level in np.unique(sheet[::7, ::7])}


def test_a_cluster_has_one_model():
    args = argparse.Namespace(cluster="auto", replay=None, device="auto")
    both = find_models(None, []).needed_for([["dim"], ["sepia"]])
    with pytest.raises(UsageError, match=r"--cluster: paints with one model, .* tiny and inky"):
        open_crew(args, both, [(Path("a.mp4"), Path("b.mp4"))])


def test_a_show_over_both_models_is_painted_again(models: Models):
    desk = Desk(initial_state(models, Look((("dim", 1.0),), denoise=False), mirror=False))
    fingerprint = VideoFile(Path("clip.mp4")).info.fingerprint()
    name = uuid.uuid4().hex
    recorder = ShowRecorder(
        Path("show.jsonl"), name, Source("clip.mp4", fingerprint), desk, lambda: models
    )
    for index, style in ((0, None), (10, "sepia"), (20, "negative")):
        if style:
            desk.perform("style", style)
        performed = desk.state.performed
        at_s = index / 10
        recorder.put(LiveFrame(GREY, index, at_s, performed=performed, file_s=at_s), GREY)
    recorder.close()
    show = read_show(Path("show.jsonl"))
    assert show.head.model == "tiny/inky" and models_for(show, None).name == "tiny/inky"
    assert json.loads(Path("show.jsonl").read_text().splitlines()[1])["value"] == "sepia"
    assert stylize("--replay", "show.jsonl", "-o", "again.mp4") == 0
    found = levels("again.mp4")
    assert [found[at] for at in (5, 16, 29)] == pytest.approx([50, 155, 155], abs=3)


def test_live_begins_with_the_model_of_its_style(capsys: pytest.CaptureFixture[str]):
    def begun(*flags: str) -> tuple[str, tuple[str, ...], str]:
        args = parse_args(["--headless", "--source", "test", *flags])
        found, state = models_and_state(args, mirrored=False)
        first, *_ = models_at_first(found, state.look)
        return first.name, state.styles, state.look.label

    every = {"negative", "dim", "sepia", "wash"}
    first, styles, label = begun("-s", "wash")
    assert (first, {*styles}, label) == ("inky", every, "wash")
    assert begun("--model", "inky") == ("inky", ("sepia", "wash"), "sepia")
    first, styles, label = begun("--style-schedule", "0:sepia 5:dim")
    assert (first, label) == ("inky", "sepia")
    with pytest.raises(UsageError, match="do not blend"):
        begun("-s", "sepia,dim")
    with pytest.raises(UsageError, match="do not blend"):
        begun("-s", "sepia", "--style-schedule", "5:sepia,dim")


def test_going_on_knows_every_model(models: Models):
    first, second = (
        open_engine("onnxruntime", model, EngineOptions(threads=1), (48, 64))
        for model in models.files
    )
    stylizer = Stylizer(first, Look((("dim", 1.0),)), models=models)
    alone = plan_painting(stylizer, (48, 64), Timeline(), False)
    stylizer.engines = (first, second)
    both = plan_painting(stylizer, (48, 64), Timeline(), False)
    assert both.model.split()[0] == alone.model and len(both.model.split()) == 2
    first.close()
    second.close()
