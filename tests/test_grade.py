"""Grading in files, by the command that users type."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_video
from engines import EngineOptions, ModelFile, open_engine
from engines.errors import UsageError
from engines.grade import grid
from realtime.files.command_line import parse_args
from realtime.files.flags import file_options, models_and_look, timeline_from
from realtime.files.painter import FilePainter, plan_painting
from realtime.frame import FileFrame, Frame
from realtime.look import Look, parse_mix, split_grade
from realtime.media.cube import read_cube, write_cube
from realtime.media.reading.grades import read_grade
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.segments import SEGMENT_FRAMES, Resume
from realtime.picture.grade import look_up
from realtime.picture.layers import LookPictures
from realtime.stylizer import Stylizer, frames_remembered
from realtime.timeline import Timeline
from tests.conftest import write_video
from tests.small_frame import small_frame

DARK = 0.5 * grid(5)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pictures lie, which is where commands are typed."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(small_frame(48, 64)).save("photo.png")
    warm = np.clip(small_frame(60, 80, 3) * (1.0, 0.75, 0.45) + (30, 10, 0), 0, 255)
    Image.fromarray(warm.astype(np.uint8)).save("sunset.png")
    write_cube(Path("dark.cube"), DARK)
    return tmp_path


def paint(model: ModelFile, *flags: str, source: str = "photo.png", output: str = "out.png"):
    command = [source, "-y", "-o", output, "--model", str(model.path), "--engine", "onnxruntime"]
    assert stylize_video.main([*command, "--no-denoise", *flags]) == 0
    with Image.open(output) as picture:
        return np.asarray(picture).astype(int)


def test_a_table_grades_and_nothing_else_changes(tiny_model: ModelFile):
    graded = paint(tiny_model, "-s", "grade:dark.cube")
    np.testing.assert_array_equal(graded, look_up(small_frame(48, 64), DARK))


def test_first_it_is_graded_then_painted(tiny_model: ModelFile):
    """The style is the negative, so the order is to be seen."""
    graded = look_up(small_frame(48, 64), DARK).astype(int)
    for text in ("grade:dark.cube,negative", "negative,grade:dark.cube"):
        painted = paint(tiny_model, "-s", text)
        assert np.abs(painted - (255 - graded)).mean() < 2


def test_its_number_is_its_own_strength_and_no_share_of_the_blend(tiny_model: ModelFile):
    photo, graded = small_frame(48, 64).astype(int), look_up(small_frame(48, 64), DARK).astype(int)
    half = paint(tiny_model, "-s", "grade:dark.cube:0.5,negative")
    assert np.abs(half - (255 - (photo + graded) / 2)).mean() < 2
    np.testing.assert_array_equal(paint(tiny_model, "-s", "grade:dark.cube:0"), photo)


def test_what_is_not_painted_is_graded_all_the_same(tiny_model: ModelFile):
    graded = look_up(small_frame(48, 64), DARK)
    painted = paint(tiny_model, "-s", "grade:dark.cube,negative", "--strength", "0")
    np.testing.assert_array_equal(painted, graded)


def test_a_photo_grades_and_its_table_does_the_same_elsewhere(tiny_model: ModelFile, folder: Path):
    graded = paint(tiny_model, "-s", "grade:sunset.png", "--save-lut", "sunset.cube")
    change = (graded - small_frame(48, 64)).mean((0, 1))
    assert change[0] > change[2] + 5
    assert read_cube(folder / "sunset.cube").shape == (33, 33, 33, 3)
    by_table = paint(tiny_model, "-s", "grade:sunset.cube", output="again.png")
    assert np.abs(by_table - graded).max() <= 1


def test_a_video_is_graded_and_its_output_named_by_it(tiny_model: ModelFile, folder: Path):
    write_video(folder / "clip.mp4")
    command = ["clip.mp4", "--model", str(tiny_model.path), "--engine", "onnxruntime"]
    both = ["-s", "grade:dark.cube", "-s", "grade:sunset.png:0.5,negative"]
    assert stylize_video.main([*command, *both, "--report", "report.json"]) == 0
    assert (folder / "clip_grade_dark.mp4").exists()
    assert (folder / "clip_grade_sunset+negative.mp4").exists()
    report = json.loads((folder / "report.json").read_text())
    assert [item["style"] for item in report["items"]] == [
        "grade_dark",
        "grade_sunset+negative",
    ]


def test_equal_names_of_other_pictures_are_not_mixed(tiny_model: ModelFile, folder: Path):
    (folder / "other").mkdir()
    Image.fromarray(small_frame(60, 80, 7)).save("other/sunset.png")
    plans = []
    for name in ("sunset.png", "other/sunset.png"):
        args = parse_args(["clip.mp4", "-s", f"grade:{name}", "--model", str(tiny_model.path)])
        args.style = args.style[0]
        models, look = models_and_look(args, timeline_from(args))
        options = file_options(args, look, Timeline())
        with open_engine(
            "onnxruntime", models.files[0], EngineOptions(threads=1), (48, 64)
        ) as engine:
            stylizer = Stylizer(engine, look, pictures=options.pictures)
            plans.append(plan_painting(stylizer, (48, 64), Timeline(), False).as_dict())
    assert plans[0]["look"] == plans[1]["look"] and plans[0] != plans[1]


def test_going_on_in_a_new_process_gives_the_same_frames(tiny_model: ModelFile, folder: Path):
    """What is remembered of the frames is kept with their segment, and forgotten at a cut."""
    count, pictures = 2 * SEGMENT_FRAMES + 5, LookPictures(grade=read_grade("sunset.png"))
    look = Look((("negative", 1.0),), grade="sunset", denoise=False)
    frames = [
        FileFrame(np.roll(small_frame(48, 64), 3 * n, 1) // (1 + n // 30), n, n, 1, is_cut=n == 60)
        for n in range(count)
    ]
    path = write_video(folder / "clip.mp4")
    with (
        VideoFile(path) as video,
        open_engine("onnxruntime", tiny_model, EngineOptions(threads=1), (48, 64)) as engine,
    ):
        kept: dict[int, dict] = {}

        def painter() -> FilePainter:
            resume = Resume(memory_after=lambda number: kept[number])
            resume.leave_memory = lambda index, memory: kept.update(
                {index // SEGMENT_FRAMES: memory}
            )
            return FilePainter(Stylizer(engine, look, pictures=pictures), video, resume=resume)

        whole_painter = painter()
        whole = [whole_painter.begin(frame)() for frame in frames]
        assert {"grade_code", "grade_age"} <= set(kept[0])
        for first in (SEGMENT_FRAMES, 2 * SEGMENT_FRAMES):
            later = painter()
            rest = [later.begin(frame)() for frame in frames[first:]]
            np.testing.assert_array_equal(rest, whole[first:])
        alone = painter().begin(FileFrame(frames[60].pixels, 0, 0, 1))()
        np.testing.assert_array_equal(whole[60], alone)


def test_a_fade_goes_from_ungraded_to_graded(tiny_model: ModelFile):
    frame = Frame(small_frame(48, 64), 0)
    pictures = LookPictures(grade=read_grade("dark.cube"))
    plain = Look((("original", 1.0),))
    with open_engine("onnxruntime", tiny_model, EngineOptions(threads=1), (48, 64)) as engine:
        stylizer = Stylizer(engine, plain, pictures=pictures)
        stylizer.set_look(Look(plain.mix, grade="dark"), 2.0, 10.0)
        begun, half, ended = (stylizer.stylize(frame, at).astype(int) for at in (10, 11, 12))
    np.testing.assert_array_equal(begun, frame.pixels)
    assert np.abs(2 * half - begun - ended).max() <= 2
    assert frames_remembered(Look(plain.mix, grade="dark")) > frames_remembered(plain)


def test_people_are_graded_by_people_and_the_rest_by_the_rest(
    tiny_model: ModelFile, folder: Path, capsys: pytest.CaptureFixture[str]
):
    half = np.zeros((48, 64), np.uint8)
    half[:, :32] = 255
    warm_left = small_frame(60, 80, 3) * np.where(np.arange(80) < 40, 1.0, 0.4)[None, :, None]
    warm_left[:, 40:, 2] = small_frame(60, 80, 3)[:, 40:, 2]
    warm_left[:, :40, 2] *= 0.3
    Image.fromarray(warm_left.astype(np.uint8)).save("both.png")
    Image.fromarray(half).save("left.png")
    Image.fromarray(255 - half).save("right.png")
    flags = ["-s", "grade:both.png", "--grade-parts", "--style-mask", "left.png"]
    left = paint(tiny_model, *flags, "--mask", "left.png")
    right = paint(tiny_model, *flags, "--mask", "right.png")
    whole = paint(tiny_model, "-s", "grade:both.png")
    for columns in (np.s_[:, :28], np.s_[:, 36:]):
        assert np.abs(left[columns] - right[columns]).mean() > 3
        assert np.abs(left[columns] - whole[columns]).mean() > 3
    with pytest.raises(UsageError, match="two tables"):
        paint(tiny_model, *flags, "--mask", "left.png", "--save-lut", "x.cube")
    with pytest.raises(UsageError, match="--style-mask needs"):
        paint(tiny_model, "-s", "grade:both.png", "--style-mask", "left.png")
    capsys.readouterr()
    paint(tiny_model, "-s", "grade:dark.cube", "--grade-parts", "--mask", "left.png")
    assert "one grade for all" in capsys.readouterr().err


def test_how_a_grade_is_written():
    assert split_grade("great_wave") == ("great_wave", None)
    assert split_grade("grade:dark.cube") == ("original", ("dark.cube", 1.0))
    assert split_grade("grade:dark.cube:0.25,a:0.6,b:0.4") == ("a:0.6,b:0.4", ("dark.cube", 0.25))
    assert split_grade("a, grade:x.jpg") == ("a", ("x.jpg", 1.0))
    Image.fromarray(small_frame(48, 64)).save("a,b:0.5.png")
    assert split_grade("grade:a,b:0.5.png") == ("original", ("a,b:0.5.png", 1.0))


@pytest.mark.parametrize(
    "text, says",
    [
        ("grade:nowhere.jpg", "there is no such file"),
        ("grade:", "file is missing"),
        ("grade:dark.cube,grade:sunset.png", "two grades"),
        ("grade:dark.cube:1.5", "must lie between 0 and 1, not 1.5"),
        ("grade:dark.cube:nan", "must lie between 0 and 1, not nan"),
    ],
)
def test_what_cannot_be_is_said(tiny_model: ModelFile, text: str, says: str):
    with pytest.raises(UsageError, match=says):
        paint(tiny_model, "-s", text)


def test_a_grade_is_named_nowhere_but_in_s():
    for text in ("grade:x.jpg", "negative,grade:x.jpg:0.5"):
        with pytest.raises(UsageError, match="given to -s alone"):
            parse_mix(text)


@pytest.mark.parametrize(
    "flags, says",
    [
        (("-s", "negative", "--save-lut", "x.cube"), "there is no grade"),
        (("-s", "grade:dark.cube", "--save-lut", "x.txt"), "must end in .cube"),
        (("-s", "grade:dark.cube", "--save-lut", "nowhere/x.cube"), "does not exist"),
        (("-s", "grade:dark.cube", "-s", "negative", "--save-lut", "x.cube"), "takes one INPUT"),
    ],
)
def test_a_table_that_cannot_be_saved_is_said_before(
    tiny_model: ModelFile, folder: Path, flags: tuple[str, ...], says: str
):
    with pytest.raises(UsageError, match=says):
        stylize_video.main(["photo.png", "--model", str(tiny_model.path), *flags])
    assert not list(folder.glob("photo_*"))
