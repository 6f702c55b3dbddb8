"""Pictures that become styles while a live run goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines import Engine, EngineOptions, ModelFile, Models, find_models, open_engine
from engines.errors import SourceError
from realtime.controls.desk import Desk
from realtime.frame import Frame
from realtime.live import picture_styles
from realtime.live.picture_styles import PictureStyles
from realtime.live.run import initial_state
from realtime.live.sources.synthetic import Synthetic
from realtime.look import Look
from realtime.stylizer import Stylizer
from tests.realtime.live.test_run import Screen, live
from tests.small_frame import small_frame
from tests.stand_in_predictor import use_predictor, write_model_and_predictor

SIZE = (48, 64)
WARM = np.clip(small_frame(60, 80, 3) * (1.0, 0.75, 0.45) + (30, 10, 0), 0, 255).astype(np.uint8)
FIRST = Look((("first", 1.0),), denoise=False)
RED, BLUE = (np.full((80, 90, 3), color, np.uint8) for color in ((230, 20, 20), (20, 20, 230)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return write_model_and_predictor(tmp_path_factory.mktemp("small"))


@pytest.fixture(autouse=True)
def models(model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kept styles go."""
    use_predictor(model, tmp_path / "models", monkeypatch)
    return tmp_path / "models"


@pytest.fixture
def engine(model: ModelFile) -> Iterator[Engine]:
    with open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE) as opened:
        yield opened


class Show:
    """The parts of a run that pictures as styles touch."""

    def __init__(self, engine: Engine) -> None:
        self.stylizer = Stylizer(engine, FIRST, SIZE)
        self.desk = Desk(initial_state(Models((engine.model,)), FIRST, mirror=False))
        self.pictures = PictureStyles(self.stylizer)

    def follow_until(self, condition) -> None:
        end_s = time.monotonic() + 20
        while not condition() and time.monotonic() < end_s:
            self.pictures.follow(self.desk)
            time.sleep(0.01)
        assert condition(), self.desk.state.said

    def bring(self, picture: np.ndarray, title: str) -> None:
        count = len(self.desk.state.styles)
        assert self.pictures.bring(lambda: picture, title)
        self.follow_until(lambda: len(self.desk.state.styles) > count)

    def paint(self) -> np.ndarray:
        self.stylizer.set_look(self.desk.state.look)
        return self.stylizer.stylize(Frame(small_frame(*SIZE), 0), 0.0).astype(int)


@pytest.fixture
def show(engine: Engine) -> Iterator[Show]:
    made = Show(engine)
    yield made
    made.pictures.close()
    made.stylizer.close()


def test_a_picture_joins_the_styles_and_is_painted_in(show: Show):
    before = show.paint()
    show.bring(RED, "Red Sea")
    state = show.desk.state
    assert state.styles == ("first", "second", "red_sea") and state.look.style_names == ["red_sea"]
    assert (state.number, state.said, state.title("red_sea")) == (3, "3  Red Sea", "Red Sea")
    red = show.paint()
    assert np.abs(red - before).mean() > 3
    show.bring(BLUE, "Red Sea")
    assert show.desk.state.title("red_sea_2") == "Red Sea 2"
    assert show.desk.state.styles[-1] == "red_sea_2" and np.abs(show.paint() - red).mean() > 3
    show.desk.perform("style", "Red Sea")
    show.desk.perform("mix", "red_sea:0.5,first:0.5")
    assert np.abs(show.paint() - red).mean() < np.abs(before - red).mean()


def test_looks_fade_from_what_was_to_the_picture(show: Show):
    before = show.paint()
    show.bring(RED, "red")
    show.stylizer.set_look(show.desk.state.look, 2.0, 10.0)
    frame = Frame(small_frame(*SIZE), 0)
    begun, half, ended = (show.stylizer.stylize(frame, at).astype(int) for at in (10, 11, 12))
    np.testing.assert_array_equal(begun, before)
    assert np.abs(half - before).mean() > 0 and np.abs(half - ended).mean() > 0


def test_what_was_kept_is_there_in_later_runs(show: Show, model: ModelFile, models: Path):
    show.bring(RED, "red")
    painted = show.paint()
    show.pictures.keep(["red", "first"])
    show.follow_until(lambda: "kept: -s red" in show.desk.state.said)
    show.pictures.keep(["red"])
    show.follow_until(lambda: "nothing to keep" in show.desk.state.said)
    assert [path.name for path in models.iterdir()] == ["red.row"]
    later = find_models(str(model.path), ["red"])
    stylizer = Stylizer(
        show.stylizer.engine, Look((("red", 1.0),), denoise=False), SIZE, models=later
    )
    again = stylizer.stylize(Frame(small_frame(*SIZE), 0), 0.0)
    np.testing.assert_array_equal(again, painted)


def test_a_file_that_is_there_is_not_replaced(show: Show, models: Path):
    models.mkdir()
    (models / "red.row").write_text("of another network")
    show.bring(RED, "red")
    show.pictures.keep(["red"])
    show.follow_until(lambda: "kept: -s red_2 " in show.desk.state.said)
    assert (models / "red.row").read_text() == "of another network"


def test_what_is_no_picture_is_answered_and_the_rest_goes_on(show: Show):
    def broken() -> np.ndarray:
        raise SourceError("is no picture")

    def mistaken() -> np.ndarray:
        raise ZeroDivisionError("whoops")

    for read, answer in ((broken, "tree: is no picture"), (mistaken, "tree: cannot be a style")):
        assert show.pictures.bring(read, "tree")
        show.follow_until(lambda answer=answer: answer in show.desk.state.said)
    show.bring(RED, "red")


def test_too_many_at_once_are_refused(show: Show, monkeypatch: pytest.MonkeyPatch):
    held = threading.Event()

    def slow() -> np.ndarray:
        held.wait(20)
        return RED

    taken = [show.pictures.bring(slow, "red") for _ in range(8)]
    assert taken[0] and not taken[-1]
    held.set()
    show.follow_until(lambda: len(show.desk.state.styles) == 2 + sum(taken))
    monkeypatch.setattr(picture_styles, "MOST_STYLES", 3)
    assert not show.pictures.bring(lambda: RED, "red")


def test_the_cameras_picture_becomes_a_style_by_a_key_and_is_kept_by_one(
    model: ModelFile, models: Path
):
    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    keys = {5: ["g"], 60: ["K"]}
    screen = Screen(keys, size=SIZE)
    source = Synthetic(SIZE, fps=50, frames=150)
    run = live(source, screen, engine, FIRST, fixed_size=SIZE, state={"strip": True})
    run.run()
    assert run._screen.state.look.style_names == ["camera"]
    assert [path.name for path in models.iterdir()] == ["camera.row"]
    assert "camera" in run._screen._thumbnails.pictures


def test_a_picture_that_is_dropped_on_the_window_becomes_a_style(model: ModelFile, tmp_path: Path):
    Image.fromarray(RED).save(tmp_path / "Red Sea.png")
    files = [tmp_path / "Red Sea.png"]
    screen = Screen(size=SIZE)
    screen.dropped = lambda: [files.pop()] if files and screen.pictures else []
    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    run = live(Synthetic(SIZE, fps=50, frames=100), screen, engine, FIRST, fixed_size=SIZE)
    run.run()
    assert run._screen.state.look.style_names == ["red_sea"]


def test_a_picture_becomes_the_grade_and_styles_stay(show: Show):
    before = show.paint()
    assert show.pictures.bring(lambda: WARM, "Late Sun", is_grade=True)
    show.follow_until(lambda: show.desk.state.look.grade == "late_sun")
    state = show.desk.state
    assert state.look.mix == FIRST.mix and state.said == "graded by Late Sun"
    graded = show.paint()
    assert np.abs(graded - before).mean() > 1
    show.desk.perform("grade", 0.0)
    np.testing.assert_array_equal(show.paint(), before)
    show.desk.perform("grade", 1.0)
    np.testing.assert_array_equal(show.paint(), graded)
    assert show.pictures.bring(lambda: WARM[::-1] // 2, "Late Sun", is_grade=True)
    show.follow_until(lambda: show.desk.state.look.grade == "late_sun_2")
    assert np.abs(show.paint() - graded).mean() > 1


def test_a_picture_without_light_and_dark_is_answered(show: Show):
    assert show.pictures.bring(lambda: RED, "red", is_grade=True)
    show.follow_until(lambda: "red: is of one colour" in show.desk.state.said)
    assert show.desk.state.look == FIRST


def test_the_cameras_picture_becomes_the_grade_by_a_key_and_is_held_by_one(model: ModelFile):
    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    screen = Screen({5: ["G"], 60: ["y"]}, size=SIZE)
    source = Synthetic(SIZE, fps=50, frames=400)
    run = live(source, screen, engine, FIRST, fixed_size=SIZE)
    run.run()
    look = run._screen.state.look
    assert (look.grade, look.grade_hold, look.mix) == ("the_camera", True, FIRST.mix)
    assert run._painter.stylizer.table is not None
