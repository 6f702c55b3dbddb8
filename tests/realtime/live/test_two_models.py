"""Styles of two models in one run: the second is opened beside the picture, then faded to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from engines import Engine, EngineOptions, ModelFile, Models, open_engine
from engines.errors import EngineLoadError
from engines.opening import open_alike
from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.engine_sizes import EngineSizes, Size
from realtime.live.painter import LivePainter
from realtime.live.quality import Quality
from realtime.live.run import initial_state
from realtime.live.sources.synthetic import Synthetic
from realtime.live.thumbnails import Thumbnails
from realtime.look import Look
from realtime.stylizer import Stylizer
from tests.realtime.live.test_run import Screen, live
from tests.realtime.live.test_thumbnails import wait_for

SIZE = (48, 64)
DIM = Look((("dim", 1.0),), denoise=False)


class Show:
    """A painter over both models, without threads of its own but the one that opens engines."""

    def __init__(self, models: Models, open_for: Callable[..., Engine], **options) -> None:
        engine = open_engine("onnxruntime", models.files[0], EngineOptions(threads=1), SIZE)
        self.stylizer = Stylizer(engine, DIM, SIZE, models=models)
        self.sizes = EngineSizes([engine], SIZE, open_for)
        self.painter = LivePainter(self.stylizer, self.sizes, SIZE, **options)
        self.desk = Desk(replace(initial_state(models, DIM, mirror=False), fade_s=1.0))
        self.index = 0

    def paint(self, at_s: float) -> int:
        """The level that a frame of 100 is painted with at a time."""
        self.index += 1
        frame = LiveFrame(np.full((*SIZE, 3), 100, np.uint8), self.index, at_s)
        return int(self.painter.paint(frame, self.desk.state)[1][0, 0, 0])


class Opening:
    """Opens engines once it is let, and counts."""

    def __init__(self) -> None:
        self.let, self.opened = threading.Event(), list[tuple[str, Size]]()

    def __call__(self, like: Engine, size: Size, model: ModelFile) -> Engine:
        self.let.wait(20)
        self.opened.append((model.name, size))
        return open_alike(like, size, model)


@pytest.fixture
def models(tiny_model: ModelFile, inky_model: ModelFile) -> Models:
    return Models((tiny_model, inky_model))


@pytest.fixture
def opening() -> Opening:
    return Opening()


@pytest.fixture
def show(models: Models, opening: Opening):
    made = Show(models, opening)
    yield made
    opening.let.set()
    made.painter.close()


def test_the_old_style_goes_on_until_the_other_model_is_open_then_fades(
    show: Show, opening: Opening
):
    assert show.desk.state.styles == ("negative", "dim", "sepia", "wash")
    assert show.paint(0.0) == 50
    show.desk.press("3")
    assert [show.paint(at) for at in (1.0, 1.5, 3.0)] == [50, 50, 50]
    assert show.painter.opening == ("sepia",) and len(show.stylizer.engines) == 1
    show.desk.perform("strength", 0.5)
    assert (show.paint(4.5), show.paint(5.5)) == (50, 75), "what is no style does not wait"
    show.desk.perform("strength", 1.0)
    assert (show.paint(5.6), show.paint(6.6)) == (75, 50)
    opening.let.set()
    assert wait_for(lambda: show.paint(7.0) is not None and not show.painter.opening)
    begun = [show.paint(7.0 + t) for t in (0.0, 0.5, 1.0)]
    assert begun[0] == 50 and abs(begun[1] - 102) <= 1 and begun[2] == 155
    assert show.paint(8.1) == 155
    assert [engine.model.name for engine in show.stylizer.engines] == ["inky"]
    show.desk.press("1")
    assert not show.painter.opening and show.paint(9.0) == 155
    assert not show.painter.opening, "the first model was kept ready"
    assert (show.paint(9.5), show.paint(10.0)) == (155, 155), "negative paints as sepia does"
    assert opening.opened == [("inky", SIZE)]


def test_a_style_that_is_left_before_its_model_is_open_is_never_seen(show: Show, opening: Opening):
    show.desk.press("3")
    assert show.paint(0.0) == 50 and show.painter.opening
    show.desk.press("2")
    assert show.paint(0.1) == 50 and not show.painter.opening
    opening.let.set()
    assert wait_for(lambda: not show.sizes.opening)
    assert [show.paint(at) for at in (0.2, 1.0, 2.0)] == [50, 50, 50]


def test_another_size_takes_all_models_that_paint_with_it(show: Show, opening: Opening):
    opening.let.set()
    show.desk.perform("behind", "sepia")
    assert wait_for(lambda: show.paint(0.0) is not None and not show.painter.opening)
    show.desk.perform("brush", 2.0)
    assert wait_for(lambda: show.paint(3.0) is not None and not show.painter.waiting)
    small = (24, 32)
    assert sorted(opening.opened[1:]) == [("inky", small), ("tiny", small)]
    assert show.stylizer.inference_size == small and len(show.stylizer.engines) == 2


def test_a_fade_between_models_does_not_shrink_the_picture(models: Models, opening: Opening):
    opening.let.set()
    quality = Quality()
    noted: list[int] = []
    quality.note = lambda frame, *_: noted.append(frame.index)
    show = Show(models, opening, quality=quality)
    show.paint(0.0)
    show.desk.press("3")
    assert wait_for(lambda: show.paint(1.0) is not None and not show.painter.opening)
    before = len(noted)
    show.paint(1.5)
    assert len(noted) == before, "both models paint: that tells nothing of what follows"
    show.paint(2.1)
    show.paint(2.2)
    assert len(noted) > before
    show.painter.close()


def test_a_model_that_cannot_be_opened_is_said_and_the_painting_goes_on(models: Models):
    def refuse(like: Engine, size: Size, model: ModelFile) -> Engine:
        raise EngineLoadError(f"{model.name} is damaged.")

    told: list[str] = []
    engine = open_engine("onnxruntime", models.files[0], EngineOptions(threads=1), SIZE)
    screen = Screen({5: ["3"], 40: ["q"]})
    run = live(
        Synthetic(SIZE, fps=50), screen, engine, DIM, models=models, open_for=refuse, hud="short"
    )
    toast = run._screen.toast
    run._screen.toast = lambda text: (told.append(text), toast(text))
    report = run.run()
    assert report.style == "dim" and report.frames_out >= 20
    assert "inky is damaged." in told
    assert run._screen.state.look.style_names == ["dim"]


def test_the_hud_and_the_page_say_what_is_opened(models: Models, opening: Opening):
    engine = open_engine("onnxruntime", models.files[0], EngineOptions(threads=1), SIZE)
    seen: list[tuple[str, tuple[str, ...]]] = []
    screen = Screen({5: ["4"], 60: ["q"]})
    run = live(
        Synthetic(SIZE, fps=50), screen, engine, DIM, models=models, open_for=opening, hud="short"
    )
    poll = screen.poll

    def look() -> list[str]:
        seen.append((run.status()["opening"], run._screen._collect_flags()))
        if len(screen.pictures) > 30:
            opening.let.set()
        return poll()

    screen.poll = look
    run.run()
    assert ("opening Wash", ("opening Wash",)) in seen and seen[0][0] == seen[-1][0] == ""


def test_thumbnails_show_the_styles_of_every_model(models: Models):
    engine = open_engine("onnxruntime", models.files[0], EngineOptions(threads=1), SIZE)
    shipped = {"dim": np.zeros((48, 64, 3), np.uint8)}
    thumbnails = Thumbnails(engine, shipped=shipped, models_now=lambda: models)
    thumbnails.look_at(LiveFrame(np.full((*SIZE, 3), 200, np.uint8), 0, 0.0))
    thumbnails.want(("dim", "sepia"))
    assert wait_for(lambda: thumbnails.version >= 1)
    assert "sepia" in thumbnails.pictures, "what has no picture comes first"
    assert wait_for(lambda: thumbnails.version > 2)
    assert (thumbnails.pictures["dim"].mean(), thumbnails.pictures["sepia"].mean()) == (100, 55)
    thumbnails.close()
    engine.close()
