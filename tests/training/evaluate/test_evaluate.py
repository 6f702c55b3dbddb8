"""The measures on pictures whose answer is known, and the command from end to end on a model that
is arithmetic only.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from engines import EngineOptions, load_model
from engines.style import Style
from tests.conftest import write_tiny_model, write_video
from tests.training.test_vgg import caffe_state
from training.__main__ import main
from training.evaluate import clips
from training.evaluate.candidates import ModelCandidate, painted_styles
from training.evaluate.charts import WIDTH, scatter
from training.evaluate.clips import ClipSource, MeasuringClip, prepare
from training.evaluate.figures import (
    OTHER,
    STYLE_EVEN,
    STYLE_EVEN_PAINTING,
    SYNTHETIC,
    WEBCAM,
    ClipFigures,
    StyleFigures,
    mean_and_worst,
)
from training.evaluate.gradients import Texture
from training.evaluate.likeness import (
    Likeness,
    content_distance,
    layer_distance,
    style_distance,
)
from training.evaluate.measure import alike, measure
from training.evaluate.pictures import strip_window
from training.evaluate.synthetic import SIZE, exact_motion, synthetic_clip
from training.faces import FaceFinder
from training.losses import STYLE_LAYERS
from training.motion import Motion, estimate_motion, static_change, warp_error
from training.vgg import Vgg16, load_vgg

FRAMES = 10


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    from skimage.data import astronaut

    return cv2.resize(astronaut(), (240, 240), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photo: np.ndarray) -> Path:
    """A model, VGG16 weights, a clip of a face that moves, a photo, and a painting."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_tiny_model(folder / "tiny.onnx")
    save_file(caffe_state(), str(folder / "vgg.safetensors"))
    wide = cv2.copyMakeBorder(photo, 0, 0, 20, 20, cv2.BORDER_REFLECT)
    write_video(
        folder / "clip.mp4",
        size=(240, 240),
        pixels=lambda i: np.ascontiguousarray(wide[:, i : i + 240]),
    )
    for name, picture in (("photo", photo), ("painting", 255 - photo[::-1])):
        cv2.imwrite(str(folder / f"{name}.png"), picture[..., ::-1])
    return folder


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder()


@pytest.fixture(scope="module")
def vgg(folder: Path) -> Vgg16:
    return load_vgg(folder / "vgg.safetensors")


@pytest.fixture
def likeness(vgg: Vgg16, small_and_quick: None, monkeypatch: pytest.MonkeyPatch) -> Likeness:
    monkeypatch.setattr(clips, "FACES_SOUGHT", 2)
    return Likeness(vgg)


def test_distances_are_nought_to_oneself_and_see_any_size_alike(
    likeness: Likeness, photo: np.ndarray
):
    here, large = likeness.features(photo), likeness.features(cv2.resize(photo, (480, 480)))
    other = likeness.features(255 - photo)
    assert style_distance(here, here) == content_distance(here, here) == 0
    assert style_distance(large, here) < 0.05 * style_distance(other, here)
    assert content_distance(large, here) < 0.05 * content_distance(other, here)


def test_warp_error_is_the_mean_square_of_what_changes_along_the_motion(photo: np.ndarray):
    right = np.roll(photo, 3, axis=1)
    flow = np.zeros((*photo.shape[:2], 2), np.float32)
    flow[..., 0] = -3
    visible = np.zeros(photo.shape[:2], bool)
    visible[:, 3:] = True
    brighter = np.clip(right, 0, 245) + 10
    assert warp_error(right, photo, Motion(flow, visible)) == 0
    assert warp_error(brighter, np.clip(photo, 0, 245), Motion(flow, visible)) == pytest.approx(
        (10 / 255) ** 2
    )
    assert math.isnan(warp_error(right, photo, Motion(flow, ~visible & visible)))


def test_only_what_stands_still_counts_as_static(photo: np.ndarray):
    moved = photo.copy()
    moved[:120] = 255 - moved[:120]
    painted = np.full_like(photo, 100)
    later = painted.copy()
    later[:120], later[120:] = 200, 107
    assert static_change(later, painted, moved, photo) == pytest.approx(7, abs=0.2)
    assert math.isnan(static_change(later, painted, photo // 2, np.minimum(photo // 2, 100) + 100))


def test_synthetic_motion_is_exact(photo: np.ndarray):
    frames = synthetic_clip(photo, 9)
    assert frames[0].shape == (*SIZE, 3)
    exact, still = exact_motion(8, 0), np.zeros((*SIZE, 2), np.float32)
    error = math.sqrt(warp_error(frames[8], frames[0], exact))
    assert error < 1.2 * math.sqrt(2) * 2 / 255  # the noise of both frames, and little else
    assert error < 0.2 * math.sqrt(warp_error(frames[8], frames[0], Motion(still, exact.visible)))
    estimated = estimate_motion(frames[8], frames[0])
    both = exact.visible & estimated.visible
    assert np.median(np.abs(exact.flow - estimated.flow)[both]) < 0.3


def test_strips_show_the_face_where_it_is():
    frames = [np.zeros((720, 1280, 3), np.uint8)] * 3
    clip = MeasuringClip(
        ClipSource("c", WEBCAM, Path("c")), frames, {}, {}, {1: [(300, 100, 400, 200)]}, {}, 0.0
    )
    assert strip_window(clip) == (slice(30, 270), slice(230, 470))


def test_the_input_itself_measures_one(
    folder: Path, likeness: Likeness, finder: FaceFinder, photo: np.ndarray
):
    clip = prepared(folder, likeness, finder)
    assert clip.faces
    found = measure(
        clip.frames, [5.0] * FRAMES, clip, likeness.features(255 - photo), likeness, finder
    )
    assert (
        found.style_rel,
        found.content,
        found.face,
        found.ratio_1,
        found.ratio_8,
    ) == pytest.approx((1, 0, 1, 1, 1))
    assert found.static == pytest.approx(clip.static)
    ones = ("style_face", "style_rest", "relu1_2", "relu4_3", "tone", "contrast", "detail")
    assert [getattr(found, name) for name in ones] == pytest.approx([1] * len(ones))
    assert math.isnan(measure(clip.frames, [5.0], clip, None, likeness, finder).style_rel)


def test_noise_and_a_painted_out_face_are_noticed(
    folder: Path, likeness: Likeness, finder: FaceFinder, photo: np.ndarray
):
    clip = prepared(folder, likeness, finder)
    random = np.random.default_rng(0)
    noisy = [random.integers(0, 256, frame.shape, np.uint8) for frame in clip.frames]
    found = measure(noisy, [5.0] * FRAMES, clip, likeness.features(photo), likeness, finder)
    assert found.face == 0
    assert found.ratio_1 > 5
    assert found.content > 0.3
    assert abs(found.detail) < 0.2 and abs(found.tone) < 0.5


def test_regions_are_measured_alone(likeness: Likeness, photo: np.ndarray):
    """Half of the picture is the painting itself, so there the distance is nearly nought."""
    painting = likeness.features(photo)
    half = np.vstack([photo, np.random.default_rng(0).integers(0, 256, photo.shape, np.uint8)])
    upper = np.zeros((128, 64), bool)
    upper[:64] = True
    seen = likeness.features(half, {"upper": upper, "lower": ~upper, "speck": upper & False})
    assert sorted(seen.regions) == ["lower", "upper"]
    assert style_distance(seen, painting, "upper") < 0.1 * style_distance(seen, painting, "lower")
    layers = [layer_distance(seen, painting, layer) for layer in STYLE_LAYERS]
    assert style_distance(seen, painting) == pytest.approx(np.mean(layers))


def test_styles_are_alike_if_their_faces_have_the_same_detail():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 40, 40))
    assert alike([[one], [2 * one + 3], [other]]) == pytest.approx([0.5, 0.5, 0], abs=0.05)
    assert all(map(math.isnan, alike([[one]]))) and all(map(math.isnan, alike([[], []])))


def prepared(folder: Path, likeness: Likeness, finder: FaceFinder) -> MeasuringClip:
    return prepare(ClipSource("clip.mp4", WEBCAM, folder / "clip.mp4"), FRAMES, likeness, finder)


def test_means_are_over_clips_of_a_kind_and_faces_count_alike():
    style = StyleFigures(
        {
            "a": (WEBCAM, ClipFigures(style_rel=0.2, face=1.0, faces=3, ratio_1=2, frame_ms=9)),
            "b": (WEBCAM, ClipFigures(style_rel=0.4, face=0.0, faces=1, ratio_1=4, frame_ms=9)),
            "c": (SYNTHETIC, ClipFigures(ratio_1=7, frame_ms=20)),
        }
    )
    found = style.measured()
    assert found["style_rel"] == pytest.approx(0.3)
    assert found["face"] == 0.75
    assert (found[f"ratio_1 {WEBCAM}"], found[f"ratio_1 {SYNTHETIC}"], found["fps"]) == (3, 7, 50)
    assert f"ratio_1 {OTHER}" not in found and "content" not in found
    average, worst = mean_and_worst([found, {**found, "face": 0.25, "style_rel": 0.5}])
    assert (average["face"], worst["face"], worst["style_rel"]) == (0.5, 0.25, 0.5)


def test_an_even_painting_is_in_no_mean_of_even_areas():
    wave, other = (
        StyleFigures(
            {"a": (WEBCAM, ClipFigures(style_even=0.9 if even else 0.4, frame_ms=9))},
            textures=[Texture(2, 0.5), Texture(4, 0.7)],
            even_painting=even,
        ).measured()
        for even in (True, False)
    )
    assert wave[STYLE_EVEN_PAINTING] == 0.9 and STYLE_EVEN not in wave
    assert (wave["texture"], wave["lattice"]) == pytest.approx((3, 0.6))
    average, worst = mean_and_worst([wave, other])
    assert average[STYLE_EVEN] == worst[STYLE_EVEN] == 0.4
    assert average[STYLE_EVEN_PAINTING] == 0.9


def test_paintings_are_those_that_the_model_was_trained_on(folder: Path, tmp_path: Path):
    model = load_model(folder / "tiny.onnx")
    trained = {"training": json.dumps({"config": {"name": "gallery"}})}
    style = Style("noon_rest")
    model = replace(model, styles=(model.styles[0], style), metadata=trained)
    (tmp_path / "paintings").mkdir()
    assert painted_styles(model, tmp_path, {})[0].painting is None
    picture = tmp_path / "paintings" / "vincent-van-gogh_vg6.jpg"
    picture.touch()
    assert painted_styles(model, tmp_path, {})[0].painting == picture
    elsewhere = {"training": json.dumps({"config": {"name": "../configs/gallery"}})}
    assert painted_styles(replace(model, metadata=elsewhere), tmp_path, {})[0].painting is None


def test_cells_are_counted_in_pixels_of_the_frame(folder: Path):
    model = load_model(folder / "tiny.onnx")
    known = {**model.metadata, "reach_px": "16", "cell_px": "8"}
    for metadata, cell_px in ((known, (16, 16)), (model.metadata, None)):
        found = replace(model, metadata=metadata)
        styles = painted_styles(found, folder, {})
        candidate = ModelCandidate(found, styles, "onnxruntime", EngineOptions())
        with candidate.start((960, 1280)):
            assert candidate.cell_px == cell_px


def test_labels_of_the_plot_do_not_cover_each_other():
    plot = scatter([(f"style number {i}", "m", False, 0.3 + 0.001 * i, 2.0) for i in range(8)])
    places = {(dot.anchor, round(dot.label_y)) for dot in plot.dots}
    assert len(places) == 8
    assert all(0 < dot.x < WIDTH for dot in plot.dots)
    assert scatter([]) is None


def evaluate(folder: Path, out: Path, *flags: str) -> int:
    paintings = [f"--painting={name}={folder / 'painting.png'}" for name in ("negative", "dim")]
    given = [
        "--vgg",
        str(folder / "vgg.safetensors"),
        "--photo",
        str(folder / "photo.png"),
        "-o",
        str(out),
        *paintings,
    ]
    return main(
        ["evaluate", str(folder / "tiny.onnx"), "--clips", str(folder / "clip.mp4"), *given, *flags]
    )


@pytest.mark.usefixtures("likeness")
def test_command_writes_numbers_and_one_page(folder: Path, tmp_path: Path, capsys):
    assert evaluate(folder, tmp_path, "--frames", "10", "--engine", "onnxruntime") == 0
    assert "evaluation.html" in capsys.readouterr().out
    found = json.loads((tmp_path / "evaluation.json").read_text())
    dim, negative = found["measured"]["dim"], found["measured"]["negative"]
    assert (
        0.9 < negative[f"ratio_1 {SYNTHETIC}"] < 1.01
    )  # 1 but for the noise that is taken out before
    assert dim[f"ratio_1 {SYNTHETIC}"] == pytest.approx(
        0.5, abs=0.05
    )  # rounding to whole levels adds a little
    assert dim["face"] == 1
    assert dim["tone"] > 0.99 > -0.99 > negative["tone"]
    assert dim["contrast"] == pytest.approx(0.5, abs=0.02)
    assert dim["texture"] < 0.5 and 0 <= dim["lattice"] <= 1
    assert dim["detail_between"] == negative["detail_between"] < -0.9
    assert found["clips"][0]["colourfulness"] > negative["colourfulness"] * 0.9
    assert dim["content"] < negative["content"]
    assert found["mean"]["content"] == pytest.approx(
        (dim["content"] + negative["content"]) / 2, abs=1e-3
    )
    assert [clip["name"] for clip in found["clips"]] == ["clip.mp4", "photo in motion"]
    page = (tmp_path / "evaluation.html").read_text()
    assert not re.search(r"(src|href)=\"(?!data:image/jpeg;base64,|#)", page), (
        "the page needs files beside it"
    )
    assert page.count("<article") == 3  # the input and two styles
    assert page.count("<svg") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evaluation.html", "evaluation.json"]


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--frames", "5"], 2, "at least 10"),
        (["--styles", "negativ"], 2, "Did you mean negative"),
        (["--painting", "dim"], 2, "NAME=FILE"),
        (["--painting", "dim=nowhere.png"], 2, "no file"),
        (["--photo", "nowhere.png"], 2, "--photo FILE"),
        (["--clips", "nowhere.mp4"], 2, "--clips FILE"),
        (["--vgg", "nowhere.pth"], 4, "--vgg"),
    ],
)
def test_what_is_missing_is_said_at_once(
    folder: Path, tmp_path: Path, capsys, flags: list[str], code: int, words: str
):
    assert evaluate(folder, tmp_path / "out", *flags) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_painting_and_a_short_clip_are_named(folder: Path, tmp_path: Path, capsys):
    vgg, clip, photo = (str(folder / name) for name in ("vgg.safetensors", "clip.mp4", "photo.png"))
    command = [
        "evaluate",
        str(folder / "tiny.onnx"),
        "--vgg",
        vgg,
        "--photo",
        photo,
        "-o",
        str(tmp_path),
    ]
    assert main([*command, "--clips", clip]) == 2
    assert "no painting is known for negative, dim" in capsys.readouterr().err
    write_video(tmp_path / "short.mp4", pts=[0, 40, 80])
    assert evaluate(folder, tmp_path, "--clips", str(tmp_path / "short.mp4")) == 2
    assert "has 3 frames" in capsys.readouterr().err


def test_without_the_detector_its_extra_is_named(folder: Path, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dlib", None)
    assert evaluate(folder, tmp_path) == 4
    assert "pip install 'livebrush[train]'" in capsys.readouterr().err
