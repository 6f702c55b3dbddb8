"""What holds for every input of the parsers of files' flags, and of the division of files."""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engines.errors import UsageError
from realtime.files.farm.parts import divide
from realtime.files.flags import parse_resize, parse_span
from realtime.files.inputs import InputFile, expand_inputs
from realtime.files.outputs import drop_results, output_paths
from realtime.frame import Moment
from realtime.media.writing.segments import SEGMENT_FRAMES

few = settings(max_examples=60, derandomize=True, deadline=None, database=None)
seconds = st.builds(Fraction, st.integers(0, 200_000_000), st.just(1000))
sides = st.integers(1, 8192)
# What may stand in a name; no separators, and nothing that a pattern is made of.
letters = st.characters(categories=("L", "N", "P", "S"), exclude_characters="/\\*?[@#")
stems = st.text(letters, min_size=1, max_size=20).filter(lambda stem: not stem.startswith("."))


def write_time(time_s: Fraction, colons: int) -> str:
    """The time as a user writes it: seconds, M:SS or H:MM:SS, with three decimals."""
    minutes, rest_s = divmod(time_s, 60) if colons else (0, time_s)
    parts = [f"{int(rest_s)}.{int(rest_s % 1 * 1000):03}"]
    if colons:
        parts.insert(0, str(minutes % 60 if colons > 1 else minutes))
    if colons > 1:
        parts.insert(0, str(minutes // 60))
    return ":".join(parts)


@few
@given(seconds, st.integers(0, 2))
def test_a_time_is_what_was_written(time_s: Fraction, colons: int):
    assert parse_span(write_time(time_s, colons), None, None) == (time_s, None)


@few
@given(st.none() | seconds, st.none() | seconds, st.none() | seconds)
def test_a_span_ends_where_the_first_of_its_ends_is(
    start_s: Fraction | None, end_s: Fraction | None, length_s: Fraction | None
):
    texts = [None if time is None else write_time(time, 0) for time in (start_s, end_s, length_s)]
    first_s = start_s or Fraction(0)
    ends = [end for end in (end_s, length_s and first_s + length_s) if end is not None]
    if length_s == 0 or (ends and min(ends) <= first_s):
        with pytest.raises(UsageError, match=r"--to|--preview"):
            parse_span(*texts)
    else:
        assert parse_span(*texts) == (start_s, min(ends, default=None))


@few
@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_anything_else_is_no_span(start: str, end: str, preview: str):
    try:
        start_s, end_s = parse_span(start, end, preview)
    except UsageError as error:
        assert any(flag in str(error) for flag in ("--ss", "--to", "--preview"))
    else:
        assert start_s is not None and end_s is not None and 0 <= start_s < end_s


@few
@given(sides, sides, sides, sides)
def test_a_size_is_fitted_into_its_box(width: int, height: int, box_width: int, box_height: int):
    box = f"{box_width}x{box_height}"
    fitted = parse_resize(box, None)((height, width))
    assert all(side % 2 == 0 and side >= 2 for side in fitted)
    assert fitted[0] <= box_height + 1 and fitted[1] <= box_width + 1
    stretched = parse_resize(f"{box}!", None)((height, width))
    assert stretched == parse_resize(f"{box}!", None)((width, height))
    assert all(
        abs(side - wanted) <= 1
        for side, wanted in zip(stretched, (box_height, box_width), strict=True)
    )


@few
@given(sides, sides, st.floats())
def test_a_scale_keeps_the_shape(width: int, height: int, scale: float):
    if not 0 < scale <= 16:
        with pytest.raises(UsageError, match="--scale"):
            parse_resize(None, scale)
        return
    scaled = parse_resize(None, scale)((height, width))
    assert all(side % 2 == 0 and side >= 2 for side in scaled)
    assert scaled[1] <= max(3, width * scale + 2) and scaled[0] <= max(3, height * scale + 2)


@few
@given(st.text(min_size=1, max_size=12))
def test_anything_else_is_no_size(text: str):
    try:
        parse_resize(text, None)
    except UsageError as error:
        assert str(error).startswith("--size")
    else:
        assert "x" in text.lower()


@few
@given(stems, stems, st.sampled_from([".mp4", ".MKV", ".png"]))
def test_a_template_is_filled_in_once(stem: str, style: str, ending: str):
    """Names that look like placeholders stay as they are."""
    file = InputFile(Path("day") / f"{stem}{ending}", Path("day"))
    template = "out/{dir}/{style}/{stem}-{style}.{ext}"
    expected = Path(f"out/day/{style}") / f"{stem}-{style}{ending}"
    assert output_paths([file], template, style) == [expected]


@few
@given(st.lists(stems, min_size=1, max_size=5, unique=True), stems)
def test_what_a_run_has_made_is_no_input_of_the_next(names: list[str], style: str):
    assume(not any(f"_{style}" in name or "." in name for name in (*names, style)))
    assume(len({name.casefold() for name in names}) == len(names))
    files = [InputFile(Path(f"{name}.mp4"), named=False) for name in names]
    made = [InputFile(path, named=False) for path in output_paths(files, None, style)]
    assert drop_results([*files, *made], None, style) == files


@few
@given(st.lists(stems | st.just("") | st.just("# a remark"), max_size=8))
def test_a_list_means_its_lines(lines: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            os.path.join(folder, line) if line[:1] not in ("", "#") else line for line in lines
        ]
        path = Path(folder) / "list.txt"
        path.write_text("\n".join(f" {line} " for line in lines), encoding="utf-8")
        assume(not any(Path(line).exists() for line in lines if line))
        named = dict.fromkeys(Path(line) for line in lines if line and not line.startswith("#"))
        assert expand_inputs([f"@{path}"]) == [InputFile(name) for name in named]


@few
@given(
    st.integers(0, 12 * SEGMENT_FRAMES),
    st.sets(st.integers(0, 12)),
    st.sets(st.integers(0, 12 * SEGMENT_FRAMES)),
    st.integers(1, 4),
    st.integers(0, 60),
)
def test_parts_have_every_frame_that_is_missing_once(
    frames: int, finished: set[int], cuts: set[int], segments: int, warm_up: int
):
    moments = [Moment(index, 40 * index, index in cuts, 0) for index in range(frames)]
    has = lambda index: index // SEGMENT_FRAMES in finished  # noqa: E731
    parts = list(divide(moments, has, segments, warm_up))
    painted = [m for part in parts for m in part.moments if m.index >= part.first]
    assert painted == [moment for moment in moments if not has(moment.index)]
    for part in parts:
        assert part.first % SEGMENT_FRAMES == 0
        assert len([m for m in part.moments if m.index < part.first]) <= warm_up
        assert part.last - part.first < segments * SEGMENT_FRAMES
