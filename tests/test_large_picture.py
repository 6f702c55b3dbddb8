"""Pictures larger than memory: painted as the others are, in as much memory as the network's small
version needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms

from engines import EngineOptions, find_model, open_engine
from engines.errors import SourceError, UsageError
from realtime.files.large_picture import LargePicture, is_large_picture
from realtime.frame import Frame
from realtime.look import Look
from realtime.media.reading.picture_tags import read_tags
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.picture_file import encode_picture
from realtime.stylizer import Stylizer
from tests.small_frame import small_frame

pyvips = pytest.importorskip("pyvips", reason="libvips is not installed", exc_type=ImportError)
ROOT = Path(__file__).parents[1]


def write_large(path: Path, width: int, height: int) -> Path:
    """Waves, streamed: they are never in memory as a whole."""
    at = pyvips.Image.xyz(width, height)
    bands = [
        (at[0] / 97).sin() * (at[1] / 61).cos() * 100 + 128,
        at[0] * (255 / width),
        at[1] * (255 / height),
    ]
    picture = bands[0].bandjoin(bands[1:]).cast("uchar").copy(interpretation="srgb")
    picture.write_to_file(str(path), **({"compression": 1} if path.suffix == ".png" else {}))
    return path


@pytest.mark.parametrize(
    ("strength", "keep_color"), [(1.0, False), (0.6, False), (1.0, True), (0.0, False)]
)
def test_it_looks_like_what_the_ordinary_way_paints(tmp_path, strength, keep_color):
    pixels = small_frame(900, 1400)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (tmp_path / "in.png").write_bytes(encode_picture(pixels, ".png", profile))
    model = find_model(None, [])
    look = Look(((model.default_style, 1.0),), strength, keep_color=keep_color)
    with open_engine("openvino", model, EngineOptions(precision="fp32"), (480, 746)) as engine:
        LargePicture(tmp_path / "in.png").paint(tmp_path / "out.png", engine, look, 512)
        ordinary = Stylizer(engine, look).stylize(Frame(pixels, 0), 0.0).astype(int)
    with VideoFile(tmp_path / "out.png") as picture:
        streamed = next(picture.frames()).pixels.astype(int)
    assert streamed.shape == ordinary.shape
    assert np.abs(streamed - ordinary).mean() < 1.5  # other filters make it smaller and larger
    assert np.abs((streamed - ordinary).mean((0, 1))).max() < 0.2  # neither is darker
    if strength == 0:
        np.testing.assert_array_equal(streamed, pixels)
    assert read_tags(tmp_path / "out.png").profile == profile


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="memory is told in other ways")
@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
def test_a_picture_of_a_hundred_megapixels_takes_little_memory(tmp_path, ending):
    source = write_large(tmp_path / f"in.{ending}", 12_000, 9000)
    assert is_large_picture(source)
    with pytest.raises(SourceError, match="--tile 1024"):
        VideoFile(source)
    output = tmp_path / ("out.png" if ending == "tif" else f"out.{ending}")
    command = [
        "--engine",
        "openvino",
        "--precision",
        "int8",
        "--tile",
        "1024",
        "--report",
        tmp_path / "report.json",
    ]
    done = subprocess.run(
        [sys.executable, "stylize_video.py", *map(str, (source, "-o", output, *command))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert (
        report["peak_rss_mb"] < 600
    )  # decoded once it is 309 MB; the ordinary way would hold it five times
    written = pyvips.Image.new_from_file(str(output), access="sequential")
    assert (written.width, written.height) == (12_000, 9000)
    assert {path.name for path in tmp_path.iterdir()} == {source.name, output.name, "report.json"}


def test_transparency_stays_and_what_cannot_be_is_said(tmp_path, monkeypatch):
    pixels = np.dstack(
        [small_frame(300, 500), np.tile(np.arange(500) // 2, (300, 1)).astype(np.uint8)]
    )
    (tmp_path / "in.png").write_bytes(encode_picture(pixels, ".png"))
    model = find_model(None, [])
    look = Look(((model.default_style, 1.0),))
    with open_engine("openvino", model, EngineOptions(precision="int8"), (300, 500)) as engine:
        LargePicture(tmp_path / "in.png").paint(tmp_path / "out.png", engine, look, 512)
    with VideoFile(tmp_path / "out.png") as picture:
        np.testing.assert_array_equal(next(picture.frames()).alpha, pixels[..., 3])
    import stylize_video

    monkeypatch.setattr("realtime.files.large_picture.MAX_PIXELS", 1000)
    for flags in (["-o", str(tmp_path / "out.mp4")], ["--scale", "0.5"], ["--side-by-side"]):
        with pytest.raises(UsageError, match="its own size"):
            stylize_video.main(
                [str(tmp_path / "in.png"), "-y", "--tile", "512", "--engine", "openvino", *flags]
            )
    with pytest.raises(SourceError, match="cannot be read"):
        (tmp_path / "cut.png").write_bytes((tmp_path / "in.png").read_bytes()[:20_000])
        stylize_video.main([str(tmp_path / "cut.png"), "--tile", "512", "--engine", "openvino"])
    assert not list(tmp_path.glob("cut_*"))


def test_how_far_a_large_picture_is_and_how_large_it_may_be(tmp_path, monkeypatch, capsys):
    import stylize_video

    monkeypatch.setattr("realtime.files.large_picture.MAX_PIXELS", 1000)
    source = write_large(tmp_path / "in.png", 800, 600)
    command = [str(source), "-o", str(tmp_path / "out.png"), "--tile", "512"]
    command += ["--engine", "passthrough", "--progress-every", "1e-9", "--max-pixels"]
    with pytest.raises(
        SourceError, match="800x600 is 480000 pixels, more than --max-pixels 479999"
    ):
        stylize_video.main([*command, "479999"])
    assert not (tmp_path / "out.png").exists()
    assert stylize_video.main([*command, "480000"]) == 0
    said = capsys.readouterr().err
    assert "in.png: 800x600, painted in strips" in said
    assert "in.png: 100%\n" in said
    with pytest.raises(UsageError, match="--max-pixels must be"):
        stylize_video.main([*command, "0"])
    with pytest.raises(UsageError, match="--progress-every must be more than 0"):
        stylize_video.main([*command, "480000", "--progress-every", "0", "-y"])
