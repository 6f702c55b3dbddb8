import os
from pathlib import Path

import pytest

from engines.errors import SinkError, UsageError
from realtime.files.inputs import InputFile
from realtime.files.outputs import (
    check_output,
    drop_results,
    identify,
    output_paths,
    partial_path,
)


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("a/clip.mp4", None, "a/clip_wave.mp4"),
        ("a/clip.MOV", None, "a/clip_wave.MOV"),
        ("a/clip.avi", None, "a/clip_wave.mp4"),
        ("a/photo.jpg", None, "a/photo_wave.jpg"),
        ("a/photo.tiff", None, "a/photo_wave.png"),
        ("a/clip.mkv", "b/", "b/clip_wave.mkv"),
        ("a/clip.mkv", "b/out.mp4", "b/out.mp4"),
        ("a/clip.mkv", "b/{style}/{stem}.{ext}", "b/wave/clip.mkv"),
        ("a/50%d{x}.mp4", "b/{stem}-{style}.mp4", "b/50%d{x}-wave.mp4"),
    ],
)
def test_where_outputs_go(source, output, expected):
    assert output_paths([InputFile(Path(source))], output, "wave") == [Path(expected)]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("b/", "b/day 1/x/clip_wave.mov"),
        ("b/{dir}/{stem}-{style}.{ext}", "b/day 1/x/clip-wave.mov"),
        (None, "a/day 1/x/clip_wave.mov"),
    ],
)
def test_folders_of_the_input_are_repeated_in_the_output(output, expected):
    file = InputFile(Path("a/day 1/x/clip.mov"), Path("day 1/x"))
    assert output_paths([file], output, "wave") == [Path(expected)]


def test_names_that_look_like_placeholders_stay_as_they_are():
    assert output_paths([InputFile(Path("{style}.mp4"))], "b/{stem}-{style}.mp4", "wave") == [
        Path("b/{style}-wave.mp4")
    ]


def test_two_inputs_never_share_an_output():
    for output in ("out.mp4", "b/{style}.mp4"):
        with pytest.raises(UsageError, match="would both become"):
            output_paths([InputFile(Path("a.mp4")), InputFile(Path("b.mp4"))], output, "wave")


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_an_input_is_refused_as_output_under_every_name(tmp_path, link):
    source = tmp_path / "in.mp4"
    source.write_bytes(b"x")
    link(source, tmp_path / "other.mp4")
    for output in (source, tmp_path / "other.mp4", tmp_path / "." / "in.mp4"):
        with pytest.raises(UsageError, match="input"):
            check_output(output, identify([tmp_path / "first.mp4", source]), overwrite=True)


def test_what_exists_needs_y_and_what_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "out.mp4").write_bytes(b"x")
    with pytest.raises(UsageError, match="-y"):
        check_output(tmp_path / "out.mp4", identify([]), overwrite=False)
    check_output(tmp_path / "out.mp4", identify([]), overwrite=True)
    check_output(tmp_path / "new.mp4", identify([]), overwrite=False)
    with pytest.raises(UsageError, match="ending"):
        check_output(tmp_path / "out.doc", identify([]), overwrite=False)
    with pytest.raises(SinkError, match="does not exist"):
        check_output(tmp_path / "nowhere" / "out.mp4", identify([]), overwrite=False)


def test_a_partial_result_never_takes_the_name_of_an_input(tmp_path):
    source = tmp_path / "out.partial.mp4"
    source.write_bytes(b"x")
    with pytest.raises(UsageError, match="part of it"):
        check_output(tmp_path / "out.mp4", identify([source]), overwrite=True)


def test_a_partial_result_replaces_nothing_without_y(tmp_path):
    names = [tmp_path / f"out.partial{number}.mp4" for number in ("", "-2", "-3")]
    for name in names:
        assert partial_path(tmp_path / "out.mp4", overwrite=False) == name
        assert partial_path(tmp_path / "out.mp4", overwrite=True) == names[0]
        name.write_bytes(b"x")


def test_a_name_that_is_too_long_is_an_output_error(tmp_path):
    with pytest.raises(SinkError, match="cannot be written"):
        check_output(
            tmp_path / f"{'n' * 260}.mp4",
            identify([tmp_path / f"{'n' * 245}.mp4"]),
            overwrite=False,
        )


def test_a_name_without_an_ending_is_told_how_to_be_a_folder(tmp_path):
    with pytest.raises(UsageError, match=r"If it is to be a folder, type -o .*painted/"):
        check_output(tmp_path / "painted", identify([]), overwrite=False)


def test_results_previews_and_parts_are_no_inputs(tmp_path):
    names = [
        "clip.mp4",
        "clip_wave.mp4",
        "clip_wave.preview.mp4",
        "clip_wave.partial.mp4",
        "clip_wave.preview.partial-2.mp4",
    ]
    found = [InputFile(tmp_path / name, named=False) for name in (*names, "clip_waves.mp4")]
    assert [file.path.name for file in drop_results(found, None, "wave")] == [
        "clip.mp4",
        "clip_waves.mp4",
    ]
    named = [InputFile(tmp_path / "clip.mp4"), InputFile(tmp_path / "clip_wave.mp4")]
    assert drop_results(named, None, "wave") == named


def test_a_folder_that_may_not_be_looked_into_is_no_traceback(tmp_path):
    with pytest.raises(SinkError):
        check_output(tmp_path / ("n" * 300) / "out.mp4", identify([]), overwrite=False)
    assert output_paths([InputFile(Path("a.mp4"))], "n" * 300, "wave") == [Path("n" * 300)]


@pytest.mark.parametrize(
    ("names", "output", "expected"),
    [
        (["a.avi", "a.flv"], None, ["a_avi_wave.mp4", "a_flv_wave.mp4"]),
        (
            ["a.avi", "a.flv", "b.mp4"],
            "o/",
            ["o/a_avi_wave.mp4", "o/a_flv_wave.mp4", "o/b_wave.mp4"],
        ),
        (["a.mp4", "a.avi"], "o/{stem}.{ext}", ["o/a_mp4.mp4", "o/a_avi.mp4"]),
        (["x/a.mp4", "y/a.mp4"], "o/", ["o/a_mp4_wave.mp4", "o/a_mp4-2_wave.mp4"]),
        (
            ["a.avi", "a.flv", "a_avi.mp4"],
            "o/",
            ["o/a_avi-2_wave.mp4", "o/a_flv_wave.mp4", "o/a_avi_wave.mp4"],
        ),
        (["v1.0.avi", "v1.0.ts"], "o/", ["o/v1.0_avi_wave.mp4", "o/v1.0_ts_wave.mp4"]),
        (["a.jpg", "a.heic"], "o/", ["o/a_wave.jpg", "o/a_wave.png"]),
    ],
)
def test_inputs_of_one_stem_get_outputs_of_their_own_and_that_is_said(names, output, expected):
    notes: list[str] = []
    files = [InputFile(Path(name)) for name in names]
    assert output_paths(files, output, "wave", notes) == [Path(name) for name in expected]
    alone = [str(output_paths([file], output, "wave")[0]) for file in files]
    others = zip(names, expected, alone, strict=True)
    assert notes == [
        f"{name}: others would have the same output; it becomes {path}."
        for name, path, plain in others
        if path != plain
    ]


def test_results_of_inputs_of_one_stem_are_no_inputs(tmp_path):
    """Neither those from when the other was not there yet."""
    names = ["a.avi", "a.flv", "a_avi_wave.mp4", "a_flv_wave.partial.mp4", "a_wave.mp4"]
    found = [InputFile(tmp_path / name, named=False) for name in names]
    assert [file.path.name for file in drop_results(found, None, "wave")] == ["a.avi", "a.flv"]


def test_what_cannot_be_told_apart_is_refused_with_another_advice():
    files = [InputFile(Path("a.mp4")), InputFile(Path("b.mp4"))]
    with pytest.raises(UsageError, match=r"Put \{stem\} in it"):
        output_paths(files, "o/{style}.{ext}", "wave")
