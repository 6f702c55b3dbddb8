"""A film that is paused, jumped in, repeated and followed by others, by a clock that is set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.errors import SourceError, UsageError
from realtime.controls.desk import Desk
from realtime.controls.state import State
from realtime.frame import LiveFrame
from realtime.live.registry import live_source
from realtime.live.sound import RATE
from realtime.live.sources.live_file import LiveFile
from realtime.live.sources.synthetic import Synthetic
from realtime.look import Look
from tests.clips import write_clip
from tests.realtime.live.sources.test_live_sources import SetClock

STEP_S = 0.04


class Player:
    """Plays films frame by frame as a run does, and keeps what came."""

    def __init__(self, *paths: Path, loop: bool = False) -> None:
        self.clock = SetClock()
        self.source = LiveFile(paths[0], loop, self.clock)
        for path in paths[1:]:
            self.source.then(LiveFile(path))
        self.source.open()
        self.desk = Desk(State(("great_wave",), Look((("great_wave", 1.0),))))
        self.source.follow(self.desk)
        self.frames: list[LiveFrame] = []

    def play(self, count: int) -> list[float]:
        """Read so many frames; return where they lie in their file, in frames."""
        begun = len(self.frames)
        for _ in range(20 * count + 20):
            if len(self.frames) == begun + count or self.source.finished:
                break
            if (frame := self.source.read(0)) is not None:
                self.frames.append(frame)
            else:
                self.clock.now_s += STEP_S / 4
            self.source.follow(self.desk)
        return [round(frame.file_s / STEP_S, 3) for frame in self.frames[begun:]]

    def perform(self, name: str, value: float | None = None) -> None:
        self.desk.perform(name, value)
        self.source.follow(self.desk)


@pytest.fixture
def clip(make_video: Callable[..., Path]) -> Path:
    return make_video(pts=list(range(0, 4000, 40)))


def assert_no_frame_is_missed(frames: list[LiveFrame]) -> None:
    """Frames count on, and come at the film's rate, whatever is done to it."""
    assert [frame.index for frame in frames] == list(range(len(frames)))
    apart_s = np.diff([frame.captured_s for frame in frames])
    assert ((apart_s > 0.9 * STEP_S) & (apart_s < 1.6 * STEP_S)).all(), apart_s


def test_a_pause_holds_the_picture_and_goes_on_where_it_stood(clip: Path):
    player = Player(clip)
    assert player.play(5) == [0, 1, 2, 3, 4]
    player.perform("pause")
    assert player.play(10) == [4] * 10 and player.desk.state.film.time == "0:00 / 0:04"
    player.perform("pause")
    assert player.play(3) == [5, 6, 7]
    assert_no_frame_is_missed(player.frames)
    assert (player.frames[7].pixels == player.frames[4].pixels).all()
    player.source.close()


def test_jumps_land_on_the_frame(clip: Path):
    player = Player(clip)
    player.play(3)
    player.perform("seek", 3.0)
    assert player.play(3) == [75, 76, 77]
    player.perform("film_back")
    assert player.desk.state.film.at_s == 0 and player.play(2) == [0, 1]
    player.perform("place", 0.5)
    assert player.play(2) == [50, 51] and player.desk.state.film.at_s == pytest.approx(2.04)
    assert_no_frame_is_missed(player.frames)
    player.source.close()


def test_the_end_of_a_film_can_be_jumped_to(clip: Path):
    player = Player(clip)
    player.perform("film_on")
    frames = player.play(9)
    assert 95 < frames[0] < 99 and frames[-1] == 99 and player.source.finished
    player.source.close()


def test_in_a_pause_a_jump_shows_its_frame(clip: Path):
    player = Player(clip)
    player.play(2)
    player.perform("pause")
    player.perform("seek", 2.0)
    assert player.play(4) == [50] * 4
    player.perform("pause")
    assert player.play(2) == [51, 52]
    assert_no_frame_is_missed(player.frames)
    player.source.close()


def test_it_repeats_from_a_to_b_to_the_frame(clip: Path):
    player = Player(clip)
    player.play(11)
    player.perform("repeat")
    player.play(5)
    player.perform("repeat")
    assert player.desk.state.film.loop == pytest.approx((0.4, 0.6))
    assert player.play(12) == [*range(10, 15), *range(10, 15), 10, 11]
    assert_no_frame_is_missed(player.frames)
    player.source.close()


def test_films_play_one_after_the_other_and_begin_again(make_video: Callable[..., Path]):
    short = make_video("short.mp4", pts=[0, 40, 80])
    other = make_video("other.mp4", pts=[0, 40], size=(32, 32))
    player = Player(short, other, loop=True)
    assert player.play(8) == [0, 1, 2, 0, 1, 0, 1, 2]
    assert [frame.file for frame in player.frames] == [0, 0, 0, 1, 1, 0, 0, 0]
    assert player.frames[3].size == (32, 32)
    assert_no_frame_is_missed(player.frames)
    player.perform("next_film")
    assert player.play(1) == [0] and player.desk.state.film.name == "other.mp4"
    assert player.source.fingerprint() is None
    player.source.close()


def test_without_a_loop_the_last_film_ends_the_show(make_video: Callable[..., Path]):
    player = Player(make_video("a.mp4", pts=[0, 40]), make_video("b.mp4", pts=[0, 40]))
    assert player.play(9) == [0, 1, 0, 1] and player.source.finished
    player.source.close()


def test_a_film_that_is_gone_is_told_and_left_out(make_video: Callable[..., Path]):
    gone = make_video("gone.mp4")
    player = Player(make_video("a.mp4", pts=[0, 40]), gone, loop=True)
    gone.unlink()
    player.perform("next_film")
    assert player.play(3) == [0, 1, 0] and "gone.mp4" in player.source.warning
    assert player.desk.state.film.file == 0
    player.source.close()


def test_only_films_follow_each_other(clip: Path, tmp_path: Path):
    with pytest.raises(UsageError, match="only films play one after the other"):
        LiveFile(clip).then(live_source("test"))
    with pytest.raises(UsageError, match="only films play one after the other"):
        Synthetic((8, 8)).then(LiveFile(clip))
    text = tmp_path / "notes.mp4"
    text.write_text("no film")
    source = LiveFile(clip)
    source.then(LiveFile(text))
    with pytest.raises(SourceError, match=r"notes\.mp4"):
        source.open()


def test_sound_goes_with_jumps_pauses_and_films(tmp_path: Path):
    loud, silent = (
        write_clip(tmp_path / "a.mp4", frames=100),
        write_clip(tmp_path / "b.mp4", sound=None),
    )
    player = Player(loud, silent)
    sound = player.source.sound()

    def heard(count: int) -> list[int]:
        player.play(count)
        return [len(sound.until(frame)) for frame in player.frames[-count:]]

    per_frame = round(STEP_S * RATE)
    assert heard(3) == [0, per_frame, per_frame]
    player.perform("seek", 3.0)
    assert heard(3) == [0, per_frame, per_frame]  # nothing of what was jumped over
    player.perform("pause")
    assert heard(3) == [0, 0, 0]
    player.perform("pause")
    assert heard(2) == [per_frame, per_frame]
    player.perform("next_film")
    assert heard(2) == [0, 0]
    sound.close()
    player.source.close()
