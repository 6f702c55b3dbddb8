"""Styles that are refined while a live run goes on, with a stand-in for the training."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from engines import EngineOptions, ModelFile, find_models, open_engine
from engines.errors import EngineUnavailable, UsageError
from engines.style_row import StyleRow, read_row
from realtime.frame import LiveFrame
from realtime.live import refinement
from realtime.live.command_line import parse_args
from realtime.live.engine_sizes import EngineSizes
from realtime.live.flags import models_and_state, refine_from
from realtime.live.painter import REFINED_FADE_S, LivePainter
from realtime.live.refinement import DEFAULT_S, Refinement, RefineOptions
from realtime.live.sources.synthetic import Synthetic
from tests.realtime.live.test_picture_styles import BLUE, FIRST, RED, SIZE, Show
from tests.realtime.live.test_run import Screen, live
from tests.small_frame import small_frame
from tests.stand_in_predictor import use_predictor, write_model_and_predictor


class Training:
    """In place of ``Refining``: it finds what is put into ``found``."""

    runs: ClassVar[list[Training]] = []

    def __init__(self, wanted: refinement.Refinable, seconds: float, is_beside: bool) -> None:
        assert is_beside
        self.wanted, self.seconds, self.stopped = wanted, seconds, False
        self.found: queue.SimpleQueue[tuple[StyleRow, float] | Exception | None]
        self.found = queue.SimpleQueue()
        Training.runs.append(self)

    def rows(self) -> Iterator[tuple[StyleRow, float]]:
        while (found := self.found.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found

    def stop(self) -> None:
        self.stopped = True
        self.found.put(None)

    def find(self, share: float) -> None:
        row = self.wanted.start
        self.found.put((replace(row, row=row.row + (1 - share), digest=f"{share}"), share))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return write_model_and_predictor(tmp_path_factory.mktemp("small"))


@pytest.fixture(autouse=True)
def stand_ins(model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_predictor(model, tmp_path / "models", monkeypatch)
    monkeypatch.setattr(refinement, "Refining", Training)
    monkeypatch.setattr(refinement, "require_training", lambda: None)
    Training.runs = []


class RefinedShow(Show):
    """With what refines, and a clock that every frame puts forward by a second."""

    def __init__(self, engine) -> None:
        super().__init__(engine)
        self.now_s = 0.0
        options = RefineOptions(20, 1.0)
        self.refinement = Refinement(self.pictures, options, lambda: self.now_s)

    def follow(self) -> None:
        self.now_s += 1
        self.refinement.look_at(LiveFrame(small_frame(60, 90, int(self.now_s)), 0, self.now_s))
        self.pictures.follow(self.desk)
        self.refinement.follow(self.desk)

    def follow_until(self, condition) -> None:
        end_s = time.monotonic() + 20
        while not condition() and time.monotonic() < end_s:
            self.follow()
            time.sleep(0.01)
        assert condition(), self.desk.state.said

    def begin(self) -> Training:
        """Have the style that is painted refined; returns its training."""
        before = len(Training.runs)
        self.desk.press("R")
        self.follow_until(lambda: len(Training.runs) > before)
        return Training.runs[-1]

    def row(self, name: str) -> np.ndarray:
        rows = self.stylizer.models.rows
        return next(row.row for row in rows if row.style.name == name)


@pytest.fixture
def show(model: ModelFile) -> Iterator[RefinedShow]:
    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    made = RefinedShow(engine)
    yield made
    made.refinement.close()
    made.pictures.close()
    made.stylizer.close()
    engine.close()


def test_better_rows_take_the_place_of_the_first_and_are_kept_by_a_key(
    show: RefinedShow, tmp_path: Path
):
    show.bring(RED, "Red Sea")
    before, first = show.paint(), show.row("red_sea")
    training = show.begin()
    assert show.desk.state.said == "refining Red Sea for 20 s, beside the picture"
    wanted = training.wanted
    assert not wanted.may_download, "no remote makes this machine load anything"
    assert training.seconds == 20 and np.array_equal(wanted.picture, RED)
    assert len(wanted.frames) == 8 and wanted.frames[0].shape == (60, 90, 3)
    training.find(0.9)
    show.follow_until(lambda: "10 % nearer" in show.refinement.note)
    training.find(0.75)
    show.follow_until(lambda: "25 % nearer" in show.refinement.note)
    np.testing.assert_allclose(show.row("red_sea"), first + 0.25, rtol=1e-6)
    assert np.abs(show.paint() - before).mean() > 1
    training.found.put(None)
    show.follow_until(lambda: not show.desk.state.refining)
    assert show.desk.state.said == "refined, 25 % nearer: K keeps it"
    assert show.refinement.note == "" and show.desk.state.look.style_names == ["red_sea"]
    show.pictures.keep(["red_sea"])
    kept = read_row(tmp_path / "models" / "red_sea.row")
    np.testing.assert_array_equal(kept.row, show.row("red_sea"))
    # Once more goes on from there.
    np.testing.assert_array_equal(show.begin().wanted.start.row, kept.row)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("refine", False), "refining ended, 10 % nearer"),
        (("style", "blue"), "refining ended, another style is painted: 10 % nearer"),
    ],
)
def test_it_ends_by_the_key_and_with_the_style(show: RefinedShow, command, says: str):
    show.bring(BLUE, "blue")
    show.bring(RED, "red")
    training = show.begin()
    training.find(0.9)
    show.follow_until(lambda: "10 %" in show.refinement.note)
    refined = show.row("red")
    show.desk.perform(*command)
    show.follow_until(lambda: show.refinement.note == "")
    assert show.desk.state.said == says and training.stopped and not show.desk.state.refining
    np.testing.assert_array_equal(show.row("red"), refined)


def test_the_original_in_between_and_a_blend_do_not_end_it(show: RefinedShow):
    show.bring(RED, "red")
    show.begin()
    for command in (("original", None), ("original", None), ("mix", "first:0.7,red:0.3")):
        show.desk.perform(*command)
        show.follow()
        assert show.desk.state.refining and show.refinement.note


def test_what_has_no_picture_is_answered(show: RefinedShow, tmp_path: Path, model: ModelFile):
    show.desk.perform("refine", True)
    show.follow()
    assert show.desk.state.said.startswith("refine: no picture is the style. ")
    assert not show.desk.state.refining
    show.bring(RED, "red")
    show.pictures.keep(["red"])
    later = find_models(str(model.path), ["red"])
    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    with engine:
        other = RefinedShow(engine)
        other.stylizer.models = later
        other.desk.add_style(later.rows[0].style)
        other.desk.perform("refine", True)
        other.follow()
        assert other.desk.state.said.startswith("refine: the picture of red is not here. ")
        other.stylizer.close()


def test_a_style_that_was_trained_already_joins_without_its_picture(show: RefinedShow):
    show.bring(RED, "red")
    (row,) = show.stylizer.models.rows
    show.pictures.add(row)
    show.follow_until(lambda: show.desk.state.look.style_names == ["red_2"])
    show.desk.perform("refine", True)
    show.follow()
    assert show.desk.state.said.startswith("refine: the picture of red 2 is not here. ")


def test_a_picture_of_the_command_line_is_read_again(show: RefinedShow, tmp_path: Path):
    Image.fromarray(RED).save(tmp_path / "red.png")
    show.bring(RED, "red")
    (row,) = show.stylizer.models.rows
    show.pictures._pictures.clear()
    show.pictures.improve(replace(row, typed=str(tmp_path / "red.png")))
    training = show.begin()
    np.testing.assert_array_equal(training.wanted.picture, RED)


def test_why_it_cannot_be_is_said(show: RefinedShow, monkeypatch: pytest.MonkeyPatch):
    show.bring(RED, "red")
    training = show.begin()
    training.found.put(EngineUnavailable("--refine: no such file"))
    show.follow_until(lambda: show.desk.state.said == "--refine: no such file")
    assert not show.desk.state.refining

    def fail() -> None:
        raise EngineUnavailable("needs PyTorch. Type: pip install 'livebrush[train]'")

    monkeypatch.setattr(refinement, "require_training", fail)
    show.desk.perform("refine", True)
    show.follow()
    assert "pip install" in show.desk.state.said and not show.desk.state.refining


def test_a_better_row_is_faded_to(show: RefinedShow):
    show.bring(RED, "red")
    painter = LivePainter(show.stylizer, EngineSizes([show.stylizer.engine], SIZE), SIZE)

    def paint(at_s: float) -> np.ndarray:
        frame = LiveFrame(small_frame(*SIZE), 0, at_s)
        return painter.paint(frame, show.desk.state)[1].astype(int)

    paint(0.0)
    before = paint(10.0)
    (row,) = show.stylizer.models.rows
    show.pictures.improve(replace(row, row=row.row + 0.5))
    begun = paint(20.0)
    half, ended = paint(20 + REFINED_FADE_S / 2), paint(20 + REFINED_FADE_S)
    np.testing.assert_array_equal(begun, before)
    assert 0 < np.abs(half - before).mean() < np.abs(ended - before).mean()


def test_a_run_begins_with_it_and_ends_it(model: ModelFile, tmp_path: Path):
    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    screen = Screen({5: ["g"], 30: ["R"], 200: ["q"]}, size=SIZE)
    run = live(Synthetic(SIZE, fps=50), screen, engine, FIRST, fixed_size=SIZE, duration_s=20)
    run.run()
    (training,) = Training.runs
    assert training.stopped and training.seconds == DEFAULT_S
    assert training.wanted.frames[0].shape == (*SIZE, 3)


def test_the_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("realtime.live.flags.require_training", lambda: None)
    monkeypatch.setenv("LIVEBRUSH_STATE", str(tmp_path))
    assert refine_from(parse_args(["--style-scale", "2"])) == RefineOptions(DEFAULT_S, 2.0)
    args = parse_args(["--refine", "5", "--vgg", "vgg.safetensors", "--headless"])
    assert refine_from(args) == RefineOptions(5, 1.0, Path("vgg.safetensors"), True)
    with pytest.raises(UsageError, match="for pictures as styles"):
        models_and_state(args, mirrored=False)
    with pytest.raises(UsageError, match="more than 0 seconds"):
        refine_from(parse_args(["--refine", "0"]))
