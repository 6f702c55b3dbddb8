"""What holds for every input of the parsers, and of the arithmetic of times."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.errors import UsageError
from realtime.media.packets import time_of
from realtime.media.pipes import parse_raw
from realtime.media.reading.video_file import next_pts
from realtime.media.writing.segment_writer import reorder_delay, ticks_of
from realtime.media.writing.subtitle_text import TEXT_CODECS, subtitle_packet, subtitle_text

few = settings(max_examples=60, derandomize=True, deadline=None, database=None)
ticks = st.integers(-(10**9), 10**9)
time_bases = st.builds(Fraction, st.integers(1, 1001), st.integers(1, 120_000))


@few
@given(st.lists(ticks, unique=True, max_size=20))
def test_decoding_is_as_far_ahead_of_showing_as_it_must_and_no_further(times: list[int]):
    """Decoded ``delay`` frames early, no frame is shown before it is decoded."""
    shown = sorted(times)

    def suffices(delay: int) -> bool:
        return all(place - delay <= shown.index(time) for place, time in enumerate(times))

    delay = reorder_delay(times)
    assert suffices(delay)
    assert delay == 0 or not suffices(delay - 1)


@few
@given(st.lists(st.none() | ticks, max_size=20), st.integers(1, 5000))
def test_times_strictly_rise_and_right_ones_stay(stated: list[int | None], step: int):
    times: list[int] = []
    for time in stated:
        times.append(next_pts(time, times[-1] if times else None, step))
    assert all(one < other for one, other in pairwise(times))
    rising = sorted({time for time in stated if time is not None})
    kept: list[int] = []
    for time in rising:
        kept.append(next_pts(time, kept[-1] if kept else None, step))
    assert kept == rising


def packet(pts: int | None, dts: int | None, time_base: Fraction) -> av.Packet:
    made = av.Packet(b"x")
    made.pts, made.dts, made.time_base = pts, dts, time_base
    return made


@few
@given(st.integers(0, 10**6), time_bases, st.integers(1, 50))
def test_ticks_of_a_segment_are_the_sources(time: int, time_base: Fraction, finer: int):
    """MP4 keeps them, if in a finer time base; in Matroska a millisecond stands for a tick."""
    exact = packet(time * finer, time * finer, time_base / finer)
    assert ticks_of(exact, Path("000001.mp4"), time_base) == time
    coarse = packet(time, time, Fraction(1, 1000))
    assert ticks_of(coarse, Path("000001.mkv"), time_base) == time


@few
@given(st.none() | ticks, st.none() | ticks)
def test_a_packet_is_shown_at_its_pts_or_else_its_dts(pts: int | None, dts: int | None):
    made = packet(pts, dts, Fraction(1, 25))
    if pts is None and dts is None:
        with pytest.raises(ValueError, match="no time"):
            time_of(made)
    else:
        assert time_of(made) == (dts if pts is None else pts)


words = st.text(st.characters(exclude_characters="<>{}", exclude_categories=["Cs"]), max_size=200)


@few
@given(words, st.sampled_from(["mov_text", "webvtt", "subrip"]))
def test_words_come_back_from_a_packet(text: str, codec: str):
    assert subtitle_text(subtitle_packet(text, codec), codec) == (
        text if codec == "mov_text" else text.strip()
    )


@few
@given(st.binary(max_size=200), st.sampled_from(TEXT_CODECS))
def test_any_bytes_are_some_text(data: bytes, codec: str):
    assert isinstance(subtitle_text(data, codec), str)


@few
@given(words, st.sampled_from(["<i>{}</i>", "{{\\i1}}{}{{\\i0}}"]))
def test_styling_is_taken_off(text: str, styled: str):
    assert subtitle_text(styled.format(text).encode(), "subrip") == text.strip()


@few
@given(
    st.integers(1, 8192),
    st.integers(1, 8192),
    st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 1001)),
)
def test_bare_pixels_are_what_is_written(width: int, height: int, rate: Fraction):
    raw = parse_raw(f"{width}x{height}@{rate}")
    assert (raw.size, raw.rate) == ((height, width), rate)


@few
@given(st.text(max_size=30) | st.from_regex(r"[0-9]{0,3}x[0-9]{0,3}@[0-9./]{0,8}", fullmatch=True))
def test_anything_else_is_refused_by_the_name_of_the_flag(text: str):
    try:
        raw = parse_raw(text, "--raw")
    except UsageError as error:
        assert str(error).startswith("--raw")
    else:
        assert min(raw.size) > 0 and raw.rate > 0
