"""Text and clock over the painting: in what everybody sees, in presets, and not in the original."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from engines import Style
from realtime.controls.caption import words_of
from realtime.controls.commands import perform
from realtime.controls.keys import default_keymap
from realtime.controls.remembered import remember
from realtime.controls.state import LONGEST_TEXT, State
from realtime.frame import LiveFrame
from realtime.live import flags
from realtime.live.clean_sink import CleanSink
from realtime.live.command_line import parse_args
from realtime.live.sources.synthetic import Synthetic
from realtime.look import Look
from realtime.picture.caption import Caption
from tests.realtime.live.test_run import Screen, live

STYLES = (Style("original"), Style("great_wave", "The Great Wave"), Style("the_scream"))
STATE = State(("great_wave", "the_scream"), Look((("great_wave", 1.0),)), about=STYLES)
EVENING = datetime(2026, 11, 30, 21, 5, 59)
SIZE = (120, 160)
GREY = np.full((*SIZE, 3), 120, np.uint8)
press = default_keymap().press


def test_a_key_shows_the_clock_and_commands_any_text():
    assert words_of(STATE, EVENING) == ""
    clock = press(STATE, "o")
    assert words_of(clock, EVENING) == "21:05" and words_of(press(clock, "o"), EVENING) == ""
    text = perform(STATE, "text", "Doors \n at nine\x1b[31m, {clock}: {style}")
    assert words_of(text, EVENING) == "Doors at nine[31m, 21:05: The Great Wave"
    blend = perform(text, "mix", "great_wave:0.5,the_scream:0.5")
    assert words_of(blend, EVENING).endswith("The Great Wave + The Scream")
    hidden = perform(text, "text", "")  # gone, and not forgotten
    assert not hidden.captioned and words_of(press(hidden, "o"), EVENING).startswith("Doors")
    long = replace(STATE, text="x" * 10**6, captioned=True)  # of a show's file
    assert len(words_of(long, EVENING)) == LONGEST_TEXT
    assert len(perform(STATE, "text", "y" * 10**4).text) == LONGEST_TEXT
    assert words_of(perform(STATE, "text", "{clock.year} {0}"), EVENING) == "{clock.year} {0}"


def test_a_preset_has_the_text_and_the_next_run_does_not_begin_with_it(tmp_path):
    with_text = press(press(perform(STATE, "text", "one"), "v"), "f2")
    other = press(perform(with_text, "text", "two"), "o")
    back = press(other, "f2")
    assert (back.text, back.captioned) == ("one", True)
    without = press(press(press(perform(STATE, "text", "one"), "o"), "v"), "f3")
    assert not press(perform(without, "text", "two"), "f3").captioned
    remember(with_text)
    _, state = flags.models_and_state(parse_args([]), mirrored=False)
    assert (state.text, state.captioned) == ("one", False)
    _, state = flags.models_and_state(parse_args(["--text", "now"]), mirrored=False)
    assert (state.text, state.captioned, state.said) == ("now", True, "")


def test_words_lie_low_in_the_middle_of_another_picture():
    caption = Caption()
    assert caption.over(GREY, "") is GREY
    for words in ("21:05", "A title that takes more than a line of such a small picture"):
        written = caption.over(GREY, words)
        assert (GREY == 120).all() and written.max() == 255 and written.min() < 60
        down, _ = np.nonzero((written != 120).any(axis=2))
        assert down.min() > SIZE[0] * 0.4 and down.max() < SIZE[0] * 0.95
        white = np.nonzero((written > 240).all(axis=2))
        # All of it is seen where a display of another shape cuts off an eighth.
        assert white[0].max() < SIZE[0] * 0.875
        assert SIZE[1] * 0.12 < white[1].min() and white[1].max() < SIZE[1] * 0.88
        assert abs(white[1].min() + white[1].max() - SIZE[1]) < 12


def test_words_are_seen_where_nothing_else_is():
    caption, clear = Caption(), np.zeros((*SIZE, 4), np.uint8)
    written = caption.over(clear, "21:05")
    assert not clear.any() and not written[0].any()
    letters = written[..., 3] == 255
    assert letters.any() and (written[letters][:, :3] > 200).mean() > 0.5
    opaque = np.dstack([GREY, np.full(SIZE, 255, np.uint8)])
    over = caption.over(opaque, "21:05")
    assert (over[..., 3] == 255).all()
    assert np.abs(over[..., :3].astype(int) - caption.over(GREY, "21:05")).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (300, 8), (1080, 1920)])
def test_any_size_takes_any_words(size: tuple[int, int]):
    picture = np.zeros((*size, 3), np.uint8)
    for words in ("a", "W" * 200, "w " * 100, "東京 Живопись"):
        assert Caption().over(picture, words).shape == picture.shape


class Keeping(CleanSink):
    """Keeps what an audience is given, and the originals."""

    def __init__(self) -> None:
        super().__init__()
        self.paintings: list[np.ndarray] = []
        self.originals: list[np.ndarray] = []

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        self.paintings.append(painting)
        self.originals.append(frame.pixels)

    def close(self) -> None:
        """Keep what there is."""


@pytest.mark.parametrize("before", [[], ["space"]], ids=["runs", "frozen"])
def test_everybody_sees_it_until_it_is_black(before: list[str]):
    keeping, screen = Keeping(), Screen({4: before, 12: ["o"], 30: ["x"], 40: ["q"]}, size=SIZE)
    still = Synthetic(SIZE, fps=30)
    live(still, screen, fixed_size=SIZE, outputs=[keeping], duration_s=8).run()
    worn = [
        number
        for number, (one, other) in enumerate(
            zip(keeping.paintings, keeping.originals, strict=True)
        )
        if other.any() and (one != other).any()
    ]
    assert worn and (screen.pictures[25] == 255).any()
    lower = keeping.paintings[worn[-1]][SIZE[0] // 2 :]
    assert (lower == 255).all(axis=2).any()
    assert not keeping.paintings[-1].any(), "black is black"
