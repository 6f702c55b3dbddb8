import time

import cv2
import numpy as np
import pytest

from engines import EngineOptions, ModelFile, Models, find_models, open_engine
from engines.errors import EngineLoadError
from realtime.frame import LiveFrame
from realtime.live.thumbnail_view import (
    Place,
    draw_thumbnails,
    shares,
    sheet_places,
    strip_places,
)
from realtime.live.thumbnails import Thumbnails, read_shipped

VIEWS = [(240, 320), (480, 640), (720, 1280), (640, 360)]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("count", [1, 2, 6, 9])
@pytest.mark.parametrize("place", [strip_places, sheet_places])
def test_thumbnails_lie_inside_the_view_beside_each_other(place, count: int, view: tuple[int, int]):
    places = place([str(n) for n in range(count)], (480, 640), view)
    covered = np.zeros(view, int)
    for p in places:
        assert (
            p.top >= 0
            and p.left >= 0
            and p.top + p.height <= view[0]
            and p.left + p.width <= view[1]
        )
        assert p.width / p.height == pytest.approx(640 / 480, rel=0.1)
        covered[p.top : p.top + p.height, p.left : p.left + p.width] += 1
    assert covered.max() == 1 and len(places) == count
    if place is strip_places:
        assert not covered[: view[0] // 2].any()
    elif count == 9 and view[1] > view[0]:
        assert covered.mean() > 0.6


def test_a_chosen_thumbnail_is_framed_and_a_missing_one_is_dark():
    view = np.full((480, 640, 3), 128, np.uint8)
    places = strip_places(["a", "b", "c"], (480, 640), (480, 640))
    draw_thumbnails(
        view,
        places,
        {"a": np.full((24, 32, 3), 200, np.uint8), "b": np.full((24, 32, 3), 200, np.uint8)},
        ["b"],
    )
    a, b, c = (view[p.top : p.top + p.height, p.left : p.left + p.width] for p in places)
    assert a[20, 20, 0] == b[20, 20, 0] == 200 and c[20, 20, 0] == 18
    assert (b[0, 20] == (255, 190, 70)).all() and (a[0, 20] == 0).all()
    assert (
        set(shares(places, (480, 640))) == {"a", "b", "c"}
        and 0.8 < shares(places, (480, 640))["a"][0] < 1
    )


def wait_for(condition, limit_s: float = 10.0) -> bool:
    end_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end_s:
        time.sleep(0.01)
    return condition()


def test_every_wanted_style_is_painted_from_the_newest_frame(tiny_model: ModelFile):
    with open_engine("onnxruntime", tiny_model, EngineOptions(threads=1), (48, 64)) as engine:
        thumbnails = Thumbnails(engine)
        thumbnails.look_at(LiveFrame(np.full((48, 64, 3), 200, np.uint8), 0, 0.0))
        time.sleep(0.05)
        assert not thumbnails.pictures  # nothing is wanted
        thumbnails.want(("negative", "dim"))
        assert wait_for(lambda: len(thumbnails.pictures) == 2)
        assert (
            thumbnails.pictures["negative"].mean() == 55
            and thumbnails.pictures["dim"].mean() == 100
        )
        thumbnails.look_at(LiveFrame(np.full((48, 64, 3), 100, np.uint8), 1, 0.0))
        assert wait_for(
            lambda: (
                thumbnails.pictures["dim"].mean() == 50
                and thumbnails.pictures["negative"].mean() == 155
            )
        )
        thumbnails.want(())
        time.sleep(0.1)
        at_rest = thumbnails.version
        time.sleep(0.1)
        assert thumbnails.version == at_rest
        thumbnails.close()


def test_thumbnails_that_cannot_be_painted_say_why_and_harm_nothing(tiny_model: ModelFile):
    def refuse(first, size, model):
        raise EngineLoadError("no memory")

    thumbnails = Thumbnails(None, refuse, models_now=lambda: Models((tiny_model,)))
    thumbnails.look_at(LiveFrame(np.zeros((48, 64, 3), np.uint8), 0, 0.0))
    thumbnails.want(("dim",))
    assert wait_for(lambda: thumbnails.failure is not None) and thumbnails.failure == "no memory"
    thumbnails.close()


def test_what_ships_is_shown_until_a_style_is_painted():
    models = find_models("gallery", [])
    shipped = read_shipped(models)
    assert set(shipped) == set(models.style_names)
    assert all(p.shape == (120, 160, 3) and p.dtype == np.uint8 for p in shipped.values())
    assert Thumbnails(None, shipped=shipped).pictures == shipped


@pytest.mark.parametrize("size", [(90, 160), (240, 120), (60, 80)])
def test_a_thumbnail_of_another_shape_is_cut_not_squeezed(size: tuple[int, int]):
    ring = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(ring, (80, 60), 20, (255, 255, 255), -1)
    view = np.zeros((*size, 3), np.uint8)
    draw_thumbnails(view, [Place("a", 0, 0, *size)], {"a": ring}, [])
    rows, columns = (np.count_nonzero(view[..., 0].max(axis) > 128) for axis in (1, 0))
    assert rows == pytest.approx(columns, abs=2)
