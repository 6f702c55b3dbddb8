from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import UsageError
from realtime.look import mix_text, parse_mix
from realtime.media.reading.video_file import VideoFile
from realtime.timeline import Entry, Timeline, parse_time, parse_timeline, read_timeline
from tests.realtime.properties import MIXES, few_examples

# Times and fades as they can be written exactly, with milliseconds.
SECONDS = st.integers(0, 10**7).map(lambda ms: Fraction(ms, 1000))
ENTRIES = st.builds(
    Entry,
    st.none() | SECONDS,
    MIXES.map(lambda mix: parse_mix(mix_text(mix))),
    st.none() | SECONDS,
)


@st.composite
def timelines(draw) -> Timeline:
    """Entries whose times rise, with cuts anywhere between them."""
    entries = draw(st.lists(ENTRIES, min_size=1, max_size=6))
    times = iter(sorted(entry.at_s for entry in entries if entry.at_s is not None))
    return Timeline(
        tuple(
            entry if entry.at_s is None else replace(entry, at_s=next(times)) for entry in entries
        )
    )


def written(timeline: Timeline) -> str:
    """As a user writes it."""

    def decimals(time_s: Fraction) -> str:
        return f"{float(time_s):.3f}"

    return " ".join(
        f"{'cut' if entry.at_s is None else decimals(entry.at_s)}:{mix_text(entry.mix)}"
        + ("" if entry.fade_s is None else f"/{decimals(entry.fade_s)}s")
        for entry in timeline.entries
    )


def test_entries_have_times_blends_and_fades():
    timeline = parse_timeline(
        "0:a 12.5:b:0.6,c:0.4/2s # then\n1:02:03.5:d/0\ncut:e cut:f/1.5", "--x"
    )
    assert timeline.entries == (
        Entry(Fraction(0), (("a", 1.0),)),
        Entry(Fraction(25, 2), (("b", 0.6), ("c", 0.4)), Fraction(2)),
        Entry(Fraction(7447, 2), (("d", 1.0),), Fraction(0)),
        Entry(None, (("e", 1.0),)),
        Entry(None, (("f", 1.0),), Fraction(3, 2)),
    )
    assert timeline.style_names == ["a", "b", "c", "d", "e", "f"]
    assert [entry.file_fade_s for entry in timeline.entries] == [0, 2, 0, 0, Fraction(3, 2)]
    assert parse_timeline("3:a", "--x").entries[0].file_fade_s == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "5",
        "5:",
        "x:a",
        "5:a/fast",
        "5:a 3:b",
        "1:2:3:4:a",
        "5:a:x",
        "5:a:0",
        "5:a:nan",
        "0:a 9:b:-1",
    ],
)
def test_what_is_no_timeline_is_said(text):
    with pytest.raises(UsageError, match="--style-schedule"):
        parse_timeline(text, "--style-schedule")


def test_styles_may_begin_with_a_digit():
    timeline = parse_timeline("0:80s_neon 1:23:2001_odyssey:0.5,1984a/2s", "--x")
    assert [(entry.at_s, entry.mix) for entry in timeline.entries] == [
        (0, (("80s_neon", 1.0),)),
        (83, (("2001_odyssey", 0.5), ("1984a", 1.0))),
    ]


def test_a_cut_that_does_not_come_is_not_waited_for():
    timeline = parse_timeline("0:a cut:b 9:c cut:d", "--x")

    def names(now_s: int, *cuts: int) -> list[str]:
        return [
            entry.mix[0][0]
            for _, entry in timeline.begun_by(Fraction(now_s), [Fraction(cut) for cut in cuts])
        ]

    assert names(8) == ["a"]
    assert names(9) == names(19) == ["a", "c"]
    assert names(20, 20) == ["a", "c", "d"]
    assert names(20, 4, 20) == ["a", "b", "c", "d"]


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xff\xfe0:a")
    for path in (tmp_path / "t.txt", tmp_path / "missing.txt"):
        with pytest.raises(UsageError, match="--timeline"):
            read_timeline(path)


def test_a_cut_entry_waits_for_the_first_cut_after_the_entry_before():
    timeline = parse_timeline("0:a cut:b cut:c 9:d", "--x")
    cuts = [Fraction(2), Fraction(5), Fraction(7)]

    def at(now_s: float) -> list[str]:
        return [entry.mix[0][0] for _, entry in timeline.begun_by(Fraction(now_s), cuts)]

    assert [at(time) for time in (0, 2, 4, 5, 8, 9)] == [
        ["a"],
        ["a", "b"],
        ["a", "b"],
        list("abc"),
        list("abc"),
        list("abcd"),
    ]
    assert [start for start, _ in timeline.begun_by(Fraction(9), cuts)] == [0, 2, 5, 9]


def scene(number: int, step: int) -> np.ndarray:
    """Return a smooth picture with noise that drifts with every step; a scene for each number."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0:48, 0:64]
    phases, base = rng.uniform(0, 6, 3), (60, 180, 110, 220, 30)[number % 5]
    waves = [
        base + 30 * np.sin((x + step) / rng.uniform(6, 20) + phase) + 20 * np.cos(y / 9 + phase)
        for phase in phases
    ]
    noise = np.random.default_rng((number, step)).normal(0, 6, (48, 64, 3))
    return np.clip(np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def cuts_of(make_video, pixels) -> list[int]:
    path = make_video(pts=list(range(0, 2400, 40)), pixels=pixels, tones=0)
    with VideoFile(path) as video:
        marked = [frame.index for frame in video.frames() if frame.is_cut]
        assert [cut * 25 for cut in video.cuts] == marked
    return marked


def test_cuts_are_found_where_scenes_change(make_video):
    assert cuts_of(make_video, lambda index: scene(index // 15, index)) == [15, 30, 45]


@pytest.mark.parametrize(
    "pixels",
    [
        lambda index: scene(0, 3 * index),
        lambda index: (scene(0, index) * (1 - index / 60) + scene(1, index) * (index / 60)).astype(
            np.uint8
        ),
        lambda index: np.random.default_rng(index).integers(0, 256, (48, 64, 3), dtype=np.uint8),
        lambda index: np.full((48, 64, 3), 128 + 60 * (index % 2), np.uint8),
    ],
    ids=["a pan", "a cross-fade", "noise", "flicker"],
)
def test_what_moves_fades_or_flickers_is_no_cut(make_video, pixels):
    assert len(cuts_of(make_video, pixels)) <= 1


@few_examples
@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_time_that_is_written_is_read_back(hours, minutes, seconds, ms):
    expected = Fraction(ms, 1000) + seconds + 60 * (minutes + 60 * hours)
    assert parse_time("--ss", f"{hours}:{minutes:02}:{seconds:02}.{ms:03}") == expected
    assert parse_time("--ss", f"{60 * hours + minutes}:{seconds}.{ms:03}") == expected
    assert parse_time("--ss", f"{float(expected):.3f}") == expected


@few_examples
@given(timelines())
def test_a_timeline_that_is_written_is_read_back(timeline):
    assert parse_timeline(written(timeline), "--x") == timeline


@few_examples
@given(st.text(st.sampled_from("01.:/,abs cut#\n"), max_size=20) | st.text(max_size=20))
def test_whatever_is_no_timeline_is_said_as_such(text):
    try:
        timeline = parse_timeline(text, "--x")
    except UsageError as error:
        assert str(error).startswith("--x: ") or str(error).startswith("--x is a time ")
    else:
        assert timeline.entries and timeline.style_names


@few_examples
@given(timelines(), st.lists(SECONDS, max_size=5), SECONDS, SECONDS)
def test_what_has_begun_stays_begun_and_in_order(timeline, cuts, one_s, other_s):
    cuts = sorted(cuts)
    early_s, late_s = sorted((one_s, other_s))
    early, late = (
        timeline.begun_by(now_s, [cut for cut in cuts if cut <= now_s])
        for now_s in (early_s, late_s)
    )
    assert late[: len(early)] == early
    starts = [start_s for start_s, _ in late]
    assert starts == sorted(starts) and all(start_s <= late_s for start_s in starts)
    for start_s, entry in late:
        assert start_s == entry.at_s or (entry.at_s is None and start_s in cuts)
