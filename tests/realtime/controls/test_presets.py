"""Presets: stored and brought back by number, and kept in a file that people can write."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from engines.errors import SinkError, UsageError
from realtime.controls.commands import perform
from realtime.controls.desk import Desk
from realtime.controls.presets import read_presets, write_presets
from realtime.controls.state import State
from tests.realtime.controls.conftest import press_all


def test_a_preset_brings_everything_back_that_decides_the_picture(state: State):
    stored = press_all(state, "2", "down", "}", "k", ")", ".", "v", "f3")
    assert stored.said == "preset 3 stored" and not stored.storing
    elsewhere = press_all(stored, "3", "up", "{", "k", "(", ",", "i")
    back = press_all(elsewhere, "f3")
    assert (back.look, back.fade_s) == (stored.look, stored.fade_s)
    assert back.hud == elsewhere.hud == "all"  # what the window shows stays
    assert back.said == "preset 3"


def test_a_preset_that_is_not_there_is_said_and_esc_leaves_storing(state: State):
    assert press_all(state, "f2").said == "there is no preset 2 yet: store it first"
    left = press_all(state, "v", "esc")
    assert not left.storing and not left.quit
    assert press_all(left, "f2").presets == ()


def test_a_preset_of_another_model_brings_back_what_it_can(state: State):
    foreign = replace(state, presets=((1, (("mix", "udnie:1"), ("strength", 0.4))),))
    back = perform(foreign, "preset", 1)
    assert (back.look.strength, back.look.mix) == (0.4, state.look.mix)
    assert back.said == "preset 1, without mix"


def test_presets_are_kept_at_once_and_read_again(state: State, tmp_path: Path):
    path = tmp_path / "made" / "show.toml"
    assert read_presets(path) == ((), ())
    desk = Desk(state, keep_presets=partial(write_presets, path))
    for key in ("2", "v", "f1", "}", "k", "v", "f8"):
        desk.press(key)
        desk.follow(0.0)
    kept, _ = read_presets(path)
    assert kept == desk.state.presets and [number for number, _ in kept] == [1, 8]
    assert 'mix = "starry_night:1"' in path.read_text()
    blocked = Desk(state, keep_presets=partial(write_presets, tmp_path / "made"))
    blocked.press("v")
    blocked.press("f1")
    blocked.follow(0.0)
    assert "presets are not kept" in blocked.state.said
    with pytest.raises(SinkError):
        write_presets(tmp_path / "made", kept)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1\n", "cannot be read"),
        ("[12]\nstrength = 1", "12: must be tables"),
        ("strength = 1", "strength: must be tables"),
        ("[1]\nstrenght = 1", r"\[1\]: there is no setting 'strenght'"),
        ('[1]\nstrength = "much"', r"\[1\]: strength takes a number"),
        ("[1]\nquit = 1", "no setting 'quit'"),
        ("[1]\nfades = 2", r"\[1.fades\]: must be a table"),
        ("[1]\nbrush = 2\n[1.fades]\nbrush = 2", "brush does not fade by itself: the network"),
        ("[1]\n[1.fades]\nstrength = 2", "the preset sets no 'strength'"),
        ('[1]\nstrength = 1\n[1.fades]\nstrength = "x"', "strength: its fade takes a number"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str):
    path = tmp_path / "show.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_presets(path)


def test_people_may_write_them(tmp_path: Path, state: State):
    path = tmp_path / "show.toml"
    path.write_text('[2]\nmix = "scream"\nstrength = 3\nkeep_color = true\n')
    back = perform(replace(state, presets=read_presets(path)[0]), "preset", 2)
    assert back.look.mix == (("the_scream", 1.0),)
    assert (back.look.strength, back.look.keep_color) == (1.0, True)


def test_numbers_of_a_preset_fade_in_seconds_of_their_own(tmp_path: Path, state: State):
    """What is stored in its place keeps them, in the file, too; a key ends them."""
    path = tmp_path / "show.toml"
    path.write_text("[2]\nstrength = 0.2\ncanvas = 0.5\n\n[2.fades]\nstrength = 4.0\n")
    presets, fades = read_presets(path)
    known = replace(state, presets=presets, preset_fades=fades)
    desk = Desk(known, keep_presets=partial(write_presets, path))
    desk.follow(0.0)
    desk.press("f2")
    assert desk.state.own_fades == (("strength", 4.0),)
    desk.follow(10.0)
    desk.follow(12.0)
    assert desk.state.under_way == (("strength", 0.6),)
    for key in ("v", "f2"):
        desk.press(key)
    desk.follow(13.0)
    assert read_presets(path) == (desk.state.presets, fades)
    assert dict(desk.state.presets[0][1])["strength"] == 0.2  # where it goes
