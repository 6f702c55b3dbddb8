"""However a file is divided, each of its segments is painted once, and warmed up from where one run
would have come.
"""

import random

import pytest

from realtime.files.farm.parts import divide, segments_per_part
from realtime.frame import Moment
from realtime.media.writing.segments import SEGMENT_FRAMES
from realtime.picture.steadiness import frames_remembered


def moments(count: int, cuts: tuple[int, ...] = ()):
    return (Moment(index, 40 * index, index in cuts, index) for index in range(count))


def none(index: int) -> bool:
    return False


@pytest.mark.parametrize("seed", range(20))
def test_every_frame_that_is_missing_is_in_one_part(seed):
    dice = random.Random(seed)
    count = dice.randrange(1, 2000)
    there = {number for number in range(count // SEGMENT_FRAMES + 1) if dice.random() < 0.2}
    cuts = tuple(dice.randrange(count) for _ in range(dice.randrange(6)))
    has = lambda index: index // SEGMENT_FRAMES in there  # noqa: E731
    parts = list(divide(moments(count, cuts), has, dice.randrange(1, 9), dice.choice([0, 9, 60])))
    frames = [
        moment.index for part in parts for moment in part.moments if moment.index >= part.first
    ]
    assert frames == [index for index in range(count) if not has(index)]
    assert all(part.first % SEGMENT_FRAMES == 0 for part in parts)
    for part in parts:
        indices = [moment.index for moment in part.moments]
        assert indices == list(range(indices[0], indices[-1] + 1))


def test_without_memory_there_is_no_warm_up():
    parts = list(divide(moments(500), none, 2, 0))
    assert [(part.first, len(part.moments)) for part in parts] == [
        (0, 96),
        (96, 96),
        (192, 96),
        (288, 96),
        (384, 96),
        (480, 20),
    ]


def test_a_part_is_warmed_up_by_as_many_frames_as_are_remembered():
    parts = list(divide(moments(300), none, 2, 30))
    assert [(part.moments[0].index, part.first) for part in parts] == [
        (0, 0),
        (66, 96),
        (162, 192),
        (258, 288),
    ]


def test_a_part_is_warmed_up_from_the_cut_before_it_and_not_at_all_at_a_cut():
    parts = list(divide(moments(300, cuts=(90, 192)), none, 2, 30))
    assert [(part.moments[0].index, part.first) for part in parts] == [
        (0, 0),
        (90, 96),
        (192, 192),
        (258, 288),
    ]


def test_parts_end_behind_cuts_where_that_makes_them_half_as_long_at_least():
    parts = list(divide(moments(48 * 9, cuts=(40, 130)), none, 4, 30))
    assert [(part.moments[0].index, part.first) for part in parts] == [
        (0, 0),
        (130, 144),
        (306, 336),
    ]


def test_what_is_left_of_a_part_needs_no_warm_up_where_its_beginning_is_remembered():
    part = list(divide(moments(300), none, 2, 30))[1]
    assert part.beginning_at(part.first, {}) is part
    left = part.beginning_at(144, {"shown": None})
    assert [moment.index for moment in left.moments] == list(range(144, 192))
    assert left.beginning_at(144, {"shown": None}).first == 144


def test_parts_are_short_enough_for_all_and_longer_than_their_warm_up():
    assert segments_per_part(100, 4, 0) == 1
    assert segments_per_part(48 * 32, 4, 0) == 2
    assert segments_per_part(10**6, 4, 0) == 8
    assert segments_per_part(100, 4, 60) == 2


def test_more_stability_remembers_longer():
    frames = [frames_remembered(stability) for stability in (0, 0.1, 0.5, 0.9, 1)]
    assert frames[0] == 0
    assert frames == sorted(frames)
    assert frames[-1] < 2 * SEGMENT_FRAMES
