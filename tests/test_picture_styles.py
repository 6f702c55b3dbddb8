"""Pictures as styles in files, by the command that users type."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import stylize_video
from engines import EngineOptions, ModelFile, Models
from engines.errors import LivebrushError, ModelError, SourceError, UsageError
from engines.runtimes.passthrough import Passthrough
from engines.style_row import read_row, write_row
from realtime.files.command_line import parse_args
from realtime.files.flags import file_options, models_and_look, timeline_from
from realtime.files.painter import plan_painting
from realtime.look import Look
from realtime.media.reading.style_pictures import add_styles, read_style_picture
from realtime.stylizer import Stylizer
from realtime.timeline import Timeline
from tests.conftest import write_video
from tests.small_frame import small_frame
from tests.stand_in_predictor import use_predictor, write_model_and_predictor

RED, BLUE = (230, 20, 20), (20, 20, 230)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    return write_model_and_predictor(tmp_path_factory.mktemp("small"))


@pytest.fixture(autouse=True)
def folder(model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pictures lie, which is where commands are typed."""
    use_predictor(model, tmp_path / "models", monkeypatch)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(small_frame(48, 64)).save("photo.png")
    flat("red.png", RED), flat("blue.jpg", BLUE)
    return tmp_path


def flat(name: str, color: tuple[int, ...], size: tuple[int, int] = (96, 96), mode="RGB") -> None:
    Image.new(mode, size, color).save(name)


def paint(model: ModelFile, *flags: str, source: str = "photo.png", output: str = "out.png"):
    command = [source, "-y", "-o", output, "--model", str(model.path), "--engine", "onnxruntime"]
    assert stylize_video.main([*command, "--precision", "fp32", *flags]) == 0
    return pixels(output)


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as picture:
        return np.asarray(picture).astype(int)


def test_a_picture_is_a_style(model: ModelFile):
    red, blue = paint(model, "-s", "red.png"), paint(model, "-s", "blue.jpg")
    assert np.abs(red - blue).mean() > 3
    photo = pixels("photo.png")
    np.testing.assert_array_equal(paint(model, "-s", "red.png", "--strength", "0"), photo)


def test_pictures_and_styles_blend(model: ModelFile):
    """Two pictures mix as rows do, so purple is between them; weights are over all."""
    flat("purple.png", tuple((a + b) // 2 for a, b in zip(RED, BLUE, strict=True)))
    mixed = paint(model, "-s", "red.png:0.5,blue.jpg:0.5")
    assert np.abs(mixed - paint(model, "-s", "purple.png")).max() <= 1
    blend = paint(model, "-s", "first:0.7,red.png:0.3")
    alone = [np.abs(blend - paint(model, "-s", style)).mean() for style in ("first", "red.png")]
    assert 0 < alone[0] < alone[1]
    np.testing.assert_array_equal(
        paint(model, "-s", "first:2,red.png:0"), paint(model, "-s", "first")
    )


def test_a_row_is_a_style_and_so_is_one_that_was_kept(model: ModelFile, folder: Path, capsys):
    expected = paint(model, "-s", "red.png")
    row = add_styles(Models((model,)), ["red.png"], 1.0).rows[0]
    write_row(folder / "sunset.row", row)
    np.testing.assert_array_equal(paint(model, "-s", "sunset.row"), expected)
    (folder / "models").mkdir()
    (folder / "sunset.row").rename(folder / "models" / "kept_sunset.row")
    np.testing.assert_array_equal(paint(model, "-s", "kept_sunset"), expected)
    assert read_row(folder / "models" / "kept_sunset.row").style.title == "red"


def test_the_output_is_called_as_the_picture(model: ModelFile, folder: Path):
    command = ["photo.png", "--model", str(model.path), "--engine", "passthrough"]
    (folder / "other").mkdir()
    flat("other/Red Sea.png", RED)
    assert stylize_video.main([*command, "-s", "red.png", "-s", "other/Red Sea.png"]) == 0
    assert (folder / "photo_red.png").exists() and (folder / "photo_red_sea.png").exists()


def test_a_name_that_is_taken_gets_a_number(model: ModelFile, folder: Path):
    for name in ("first.png", "a/first.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        flat(name, RED)
    found = add_styles(Models((model,)), ["first.png", "a/first.png"], 1.0)
    assert found.style_names[3:] == ("first_2", "first_3")
    assert found.find_style("a/first.png") == "first_3"


@pytest.mark.parametrize("name", ["a,b.png", "a:0.5.png", "100 %, ü.png"])
def test_any_file_name_will_do(name: str, model: ModelFile):
    flat(name, RED)
    np.testing.assert_array_equal(paint(model, "-s", name), paint(model, "-s", "red.png"))


def test_style_scale_changes_what_is_seen(model: ModelFile, folder: Path):
    digests = {
        add_styles(Models((model,)), ["photo.png"], scale).rows[0].digest for scale in (0.5, 1, 2)
    }
    assert len(digests) == 3
    for scale in ("0.4", "nan"):
        with pytest.raises(UsageError, match=r"--style-scale must lie between 0\.5 and 2"):
            paint(model, "-s", "red.png", "--style-scale", scale)


def test_the_sheet_has_the_picture_beside_the_styles(model: ModelFile):
    command = ["photo.png", "--model", str(model.path), "--engine", "passthrough"]
    sizes = []
    for more in ([], ["-s", "red.png:0.5,blue.jpg:0.5"]):
        assert stylize_video.main([*command, "-y", "--sheet", "sheet.png", *more]) == 0
        sizes.append(pixels("sheet.png").size)
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("name", "mode", "color"),
    [
        ("alpha.png", "RGBA", (0, 0, 0, 0)),
        ("grey.jpg", "L", 255),
        ("cmyk.jpg", "CMYK", (0, 0, 0, 0)),
        ("sixteen.png", "I;16", 65535),
        ("palette.gif", "P", None),
        ("tiny.png", "RGB", (255, 255, 255)),
    ],
)
def test_unusual_pictures_are_what_they_look_like(name: str, mode: str, color, capsys):
    picture = Image.new(mode, (1, 1) if name == "tiny.png" else (70, 90), color)
    if mode == "P":
        picture.putpalette([255] * 768)
    picture.save(name)
    assert read_style_picture(Path(name)).min() >= 250


def test_a_turned_photo_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(small_frame(70, 100)).save("turned.jpg", exif=exif)
    assert read_style_picture(Path("turned.jpg")).shape == (100, 70, 3)


@pytest.mark.parametrize("name", ["clip.mp4", "moving.gif"])
def test_of_a_film_the_middle_is_taken_and_that_is_said(name: str):
    shades = [np.full((72, 96, 3), 20 * index, np.uint8) for index in range(11)]
    if name == "clip.mp4":
        write_video(
            Path(name), pts=list(range(0, 440, 40)), size=(72, 96), pixels=shades.__getitem__
        )
    else:
        first, *others = map(Image.fromarray, shades)
        first.save(name, save_all=True, append_images=others, duration=40)
    said: list[str] = []
    picture = read_style_picture(Path(name), said.append)
    assert 80 <= picture.mean() <= 130
    assert "is a film; its middle" in said[0]


def test_a_small_picture_is_said():
    flat("small.png", RED, (1, 1))
    said: list[str] = []
    read_style_picture(Path("small.png"), said.append)
    assert "has 1x1 pixels" in said[0]


def bad_pictures() -> list[tuple[str, type[LivebrushError], str]]:
    return [
        ("missing.jpg", UsageError, "there is no such file"),
        ("missing.row", UsageError, "there is no such file"),
        ("text.jpg", SourceError, "text.jpg"),
        ("cut.png", SourceError, "cut.png"),
        ("huge.png", SourceError, "too large for a style"),
        ("bad.row", ModelError, "is not a style's row"),
    ]


@pytest.mark.parametrize(("name", "kind", "text"), bad_pictures())
def test_bad_pictures_are_refused_with_a_word(name, kind, text, model: ModelFile, folder: Path):
    if name in ("text.jpg", "bad.row"):
        (folder / name).write_text("no picture at all")
    if name == "cut.png":
        (folder / name).write_bytes((folder / "red.png").read_bytes()[:40])
    if name == "huge.png":
        Image.new("1", (10_000, 10_000)).save(folder / name)
    with pytest.raises(kind, match=text):
        paint(model, "-s", name)


def test_a_model_that_takes_no_rows_says_so(tiny_model: ModelFile):
    with pytest.raises(ModelError, match="pictures are styles of the bundled network only"):
        paint(tiny_model, "-s", "red.png")


def test_resume_knows_the_picture_by_what_is_in_it(model: ModelFile, folder: Path):

    def plan(scale: float = 1.0) -> str:
        styled = add_styles(Models((model,)), ["red.png"], scale)
        stylizer = Stylizer(
            Passthrough(model, EngineOptions()), Look((("red", 1.0),)), models=styled
        )
        return json.dumps(plan_painting(stylizer, (48, 64), Timeline(), False).as_dict())

    before = plan()
    assert plan() == before
    Image.fromarray(pixels("red.png").astype(np.uint8)).save("copy.png", compress_level=1)
    (folder / "copy.png").replace("red.png")
    assert plan() == before
    Image.fromarray(small_frame(96, 96)).save("red.png")
    changed = plan()
    assert len({before, changed, plan(2.0)}) == 3


def test_the_farm_paints_in_a_picture_too(model: ModelFile):

    from realtime.files.flags import models_and_look

    args = parse_args(["a.mp4", "-s", "red.png", "--model", str(model.path)])
    args.style = args.style[0]
    styled, look = models_and_look(args, Timeline())
    options = file_options(args, look, Timeline(), rows=styled.rows)
    sent = pickle.loads(pickle.dumps(options.rows))
    assert model.with_rows(sent).style_names == styled.style_names


def test_a_picture_comes_over_time(model: ModelFile):
    args = parse_args(["clip.mp4", "--style-schedule", "0:first 1:red.png/1s"])
    args.model = str(model.path)
    timeline = timeline_from(args)
    styled, look = models_and_look(args, timeline)
    assert look.style_names == ["first"]
    assert timeline.named_by(styled).style_names == ["first", "red"]
