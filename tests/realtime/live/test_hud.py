import time

import numpy as np
import pytest

from realtime.controls.keys import default_keymap
from realtime.controls.state import COMPARE_MODES
from realtime.live.hud import MIN_TEXT_PX, Figures, Hud, text_px
from realtime.live.sources.synthetic import Synthetic
from realtime.live.view import compose, fitted_size

help_rows = default_keymap().help_rows
SIZES = [(240, 320), (480, 640), (720, 1280), (1080, 1920), (640, 360)]
FIGURES = Figures(
    "Great Wave",
    1,
    14,
    0.8,
    29.8,
    30.0,
    29.9,
    31.4,
    48.2,
    {"capture": 2, "inference": 10, "display": 0},
    400,
    "openvino",
    "int8",
    (720, 1280),
    (480, 854),
    ("frozen",),
    ("slow here: a smaller --size",),
)


@pytest.fixture(scope="module")
def hud() -> Hud:
    return Hud()


def grey(size: tuple[int, int], level: int = 128) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def changed_box(before: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((before != after).any(axis=2))
    return rows.min(), rows.max(), columns.min(), columns.max()


@pytest.mark.parametrize("size", SIZES)
def test_the_panel_keeps_to_its_corner_with_a_margin(hud: Hud, size: tuple[int, int]):
    picture = grey(size)
    hud.draw_figures(picture, FIGURES)
    top, bottom, left, right = changed_box(grey(size), picture)
    margin = text_px(size[0]) // 2
    assert top >= margin and left >= margin and right < size[1] - margin
    assert bottom < size[0] * (0.5 if size[0] < 480 else 0.31)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_text_stands_out_on_every_picture(hud: Hud, size: tuple[int, int], level: int):
    """WCAG contrast of the text to the panel, 7:1 or more, where the picture under it is black,
    grey and white.
    """
    picture = grey(size, level)
    hud.draw_figures(picture, FIGURES)
    px = text_px(size[0])
    panel = relative_luminance(float(picture[px // 2 + 2, 3 * px, 1]))  # above the first line
    text = relative_luminance(float(picture[px // 2 : 3 * px, px : 8 * px, 1].max()))
    assert (text + 0.05) / (panel + 0.05) >= 7


def relative_luminance(level: float) -> float:
    share = level / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def test_text_has_soft_edges(hud: Hud):
    picture = grey((480, 640), 0)
    hud.draw_figures(picture, FIGURES)
    levels = np.unique(picture[..., 1])
    assert len(levels) > 30  # stroke fonts have two


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (10, 600), (600, 10), (60, 80), (120, 160)])
def test_tiny_pictures_do_no_harm(hud: Hud, size: tuple[int, int]):
    picture = grey(size)
    hud.draw_figures(picture, FIGURES)
    hud.draw_help(picture, help_rows())
    hud.draw_toast(picture, "strength 80 %")
    hud.draw_labels(picture, "original", "Great Wave")
    hud.draw_notice(picture, "camera 0 lost", "reopening")


def test_text_is_never_smaller_than_legible():
    assert text_px(120) == text_px(240) == MIN_TEXT_PX
    assert text_px(480) == 14 and text_px(1080) > 28


@pytest.mark.parametrize("size", [(360, 480), *SIZES[1:]])
def test_the_help_card_fits_whole(hud: Hud, size: tuple[int, int]):
    picture = grey(size)
    hud.draw_help(picture, help_rows())
    with_less = grey(size)
    hud.draw_help(with_less, help_rows()[:-1])
    assert (picture != with_less).any()  # the last row is there
    top, bottom, left, right = changed_box(grey(size), picture)
    assert bottom - top < size[0] and right - left < size[1]


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (640, 360)])
def test_no_row_of_the_help_card_is_cut(hud: Hud, size: tuple[int, int], monkeypatch):
    written = []
    write = Hud._write
    monkeypatch.setattr(Hud, "_write", lambda *a: written.append(a[3]) or write(*a))
    Hud().draw_help(grey(size), help_rows())
    assert {line.text: line.second for line in written if line.text} == dict(help_rows())


def test_what_everybody_wants_to_know_is_one_line_and_rec_has_its_own_place(hud: Hud):
    facts = dict(style="Great Wave", number=1, total=14, strength=1.0, fps=29.8, engine="openvino")
    plain, recording = grey((480, 640)), grey((480, 640))
    hud.draw_figures(plain, Figures(**facts), brief=True)
    hud.draw_figures(recording, Figures(**facts, recording="● REC 0:12"), brief=True)
    _, bottom, left, right = changed_box(grey((480, 640)), plain)
    assert bottom < 45 and right < 250
    top, bottom, left, right = changed_box(plain, recording)
    assert left > 500 and bottom < 45
    red, green, _ = recording[top:bottom, left:right].reshape(-1, 3).astype(int).max(axis=0)
    assert red > 240 and green < 170


def test_a_long_answer_takes_two_lines_above_the_strip(hud: Hud):
    picture = grey((480, 640))
    hud.draw_toast(picture, "saved " + "a" * 50 + ".png in /home/me", bottom=400)
    top, bottom, *_ = changed_box(grey((480, 640)), picture)
    assert bottom < 400 and bottom - top > 40


def test_a_long_text_is_cut_not_spilled(hud: Hud):
    picture = grey((240, 320))
    hud.draw_toast(picture, "saved livebrush-" + "great_wave+" * 20 + ".png")
    _, _, left, right = changed_box(grey((240, 320)), picture)
    assert left >= 5 and right < 315


def test_drawing_is_cheap(hud: Hud):
    picture = Synthetic((480, 640)).picture(0)
    hud.draw_figures(picture, FIGURES)
    best_ms = min(timed_ms(lambda: hud.draw_figures(picture, FIGURES)) for _ in range(20))
    assert best_ms < 3


def timed_ms(work) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


@pytest.mark.parametrize("compare", COMPARE_MODES)
@pytest.mark.parametrize("view", [(480, 640), (900, 1400), (200, 321), (481, 640)])
def test_the_view_never_touches_the_frame(compare: str, view: tuple[int, int]):
    frame, painting = Synthetic((96, 128)).picture(3), Synthetic((96, 128)).picture(90)
    kept = frame.copy(), painting.copy()
    seen = compose(frame, painting, compare, view)
    assert seen.shape == (*view, 3)
    seen[:] = 0
    assert (frame == kept[0]).all() and (painting == kept[1]).all()


@pytest.mark.parametrize("compare", COMPARE_MODES)
def test_a_filled_view_has_no_bars_and_keeps_the_shape(compare: str):
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[:, 70:90] = 200
    seen = compose(picture, picture, compare, (400, 400), fill=True)
    assert seen.shape == (400, 400, 3)
    if compare == "off":
        columns = np.nonzero(seen[200, :, 0] > 100)[0]
        assert columns.size == pytest.approx(20 * 400 / 90, abs=4)  # as high as the view
    full = np.full((90, 160, 3), 200, np.uint8)
    assert compose(full, full, "off", (400, 400), fill=True).min() == 200


def test_split_shows_the_original_on_the_left_and_the_painting_on_the_right():
    seen = compose(grey((48, 64), 10), grey((48, 64), 200), "split", (480, 640))
    assert (seen[:, :300] == 10).all() and (seen[:, 340:] == 200).all()
    assert seen[240, 320].min() == 255


def test_bars_are_black_and_the_shape_is_kept():
    seen = compose(grey((48, 64)), grey((48, 64)), "off", (480, 1000))
    assert (
        (seen[:, :180] == 0).all()
        and (seen[:, 180:820] == 128).all()
        and (seen[:, 820:] == 0).all()
    )
    assert fitted_size((48, 64), (481, 640)) == (481, 640)
