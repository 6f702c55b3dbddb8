"""Pictures are read as pictures and films as films, whatever kind of file they are in."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from engines.errors import SourceError
from realtime.files.inputs import InputFile, expand_inputs
from realtime.files.outputs import output_paths
from realtime.media.reading import picture_files
from realtime.media.reading.video_file import VideoFile
from tests.clips import case
from tests.conftest import moving_square

SIZE = (48, 64)
PIXELS = moving_square(3, SIZE)
TRANSLUCENT = np.dstack([PIXELS, np.tile(np.arange(0, 256, 4, np.uint8), (48, 1))])
pillow_heif.register_heif_opener()


def read(path: Path) -> tuple[list, VideoFile]:
    with VideoFile(path) as video:
        return list(video.frames()), video


def ending_of_painting(path: Path) -> str:
    return output_paths([InputFile(path)], None, "wave")[0].suffix


def write_picture(path: Path) -> None:
    """Write ``PIXELS`` with Pillow where that can, with FFmpeg where not."""
    codecs = {
        "exr": ("exr", "gbrpf32le"),
        "dpx": ("dpx", "rgb24"),
        "jls": ("jpegls", "rgb24"),
        "qoi": ("qoi", "rgb24"),
        "pam": ("pam", "rgb24"),
    }
    if path.suffix[1:] not in codecs:
        kind = {"jfif": "jpeg", "jpe": "jpeg", "": "png"}.get(path.suffix[1:])
        Image.fromarray(PIXELS).save(path, kind)
        return
    name, pixel_format = codecs[path.suffix[1:]]
    encoder = av.CodecContext.create(name, "w")
    encoder.height, encoder.width = SIZE
    encoder.pix_fmt, encoder.time_base = pixel_format, Fraction(1, 25)
    picture = av.VideoFrame.from_ndarray(PIXELS, "rgb24")
    if name == "exr":  # its values are light, not what is sent to a screen
        light = (PIXELS / 255) ** 2.2
        picture = av.VideoFrame.from_ndarray(light.astype(np.float32), "gbrpf32le")
    picture.pts = 0
    packets = encoder.encode(picture.reformat(format=pixel_format)) + encoder.encode(None)
    path.write_bytes(b"".join(map(bytes, packets)))


@pytest.mark.parametrize(
    "name",
    [
        *("a.heic", "a.heif", "a.avif", "a.tga", "a.exr", "a.dpx", "a.jp2", "a.jls", "a.qoi"),
        *("a.pam", "a.ppm", "a.pcx", "a.sgi", "a.dds", "a.jfif", "a.jpe", "a.gif", "a.webp", "a"),
    ],
)
def test_a_picture_gives_a_picture(tmp_path, name):
    write_picture(tmp_path / name)
    frames, video = read(tmp_path / name)
    assert len(frames) == 1 and video.info.size == SIZE
    assert np.abs(frames[0].pixels.astype(int) - PIXELS).mean() < 7
    assert ending_of_painting(tmp_path / name) == ".png"
    if "." in name:
        assert [file.path.name for file in expand_inputs([str(tmp_path)])] == [name]


@pytest.mark.parametrize("ending", ["heic", "avif", "webp", "png", "tga"])
def test_transparency_of_a_picture_comes_along(tmp_path, ending):
    quality = {} if ending in ("tga", "png") else {"quality": 100}
    Image.fromarray(TRANSLUCENT).save(tmp_path / f"a.{ending}", **quality)
    frames, video = read(tmp_path / f"a.{ending}")
    assert video.info.has_alpha and video.info.is_picture
    assert np.abs(frames[0].alpha.astype(int) - TRANSLUCENT[..., 3]).max() < 8


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 5])
@pytest.mark.parametrize("ending", ["heic", "avif"])
def test_pictures_of_phones_come_upright(tmp_path, ending, orientation):
    Image.fromarray(PIXELS).save(tmp_path / f"a.{ending}", exif=turned(orientation), quality=100)
    frames, _ = read(tmp_path / f"a.{ending}")
    upright = {
        1: PIXELS,
        3: PIXELS[::-1, ::-1],
        5: PIXELS.transpose(1, 0, 2),
        6: np.rot90(PIXELS, -1),
        8: np.rot90(PIXELS),
    }[orientation]
    assert frames[0].pixels.shape == upright.shape
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 8


@pytest.mark.parametrize("ending", ["heic", "avif"])
def test_a_profile_of_colours_comes_along(tmp_path, ending):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(PIXELS).save(tmp_path / f"a.{ending}", icc_profile=profile)
    assert read(tmp_path / f"a.{ending}")[1].info.profile == profile


@pytest.mark.parametrize("turn", [1, 6])
def test_all_tiles_of_a_picture_are_read(tmp_path, turn):
    """As a phone writes them, the outermost larger than the picture."""
    pixels = moving_square(3, (150, 200))
    path = tmp_path / "a.heic"
    Image.fromarray(pixels).save(path, tile_size=64, quality=100, exif=turned(turn))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 12
    frames, _ = read(path)
    upright = np.rot90(pixels, -1) if turn == 6 else pixels
    assert frames[0].pixels.shape == upright.shape
    assert np.abs(frames[0].pixels.astype(int) - upright).mean() < 4


def test_all_tiles_of_a_picture_of_others_are_read():
    frames, video = read(case("08_tile_grids/tests__data__sofa_grid1x5_420.avif"))
    assert (video.info.size, len(frames)) == ((770, 1024), 1)
    with Image.open(case("08_tile_grids/tests__data__sofa_grid1x5_420.avif")) as whole:
        np.testing.assert_array_equal(frames[0].pixels, np.asarray(whole.convert("RGB")))


@pytest.mark.parametrize(
    ("name", "size", "has_alpha"),
    [
        ("sample.heic", (64, 64), False),
        ("pic.tga", (120, 160), False),
        ("tests__data__abc_color_irot_alpha_irot.avif", (512, 256), True),
    ],
)
def test_pictures_of_others(name, size, has_alpha):
    path = case(f"09_pictures_become_films/{name}")
    frames, video = read(path)
    assert (video.info.size, video.info.has_alpha, len(frames)) == (size, has_alpha, 1)
    assert ending_of_painting(path) == ".png"


def test_several_pictures_in_one_file_are_no_film(tmp_path):
    other = Image.fromarray(255 - PIXELS)
    for name in ("a.heic", "a.tiff"):
        Image.fromarray(PIXELS).save(tmp_path / name, save_all=True, append_images=[other])
        frames, _ = read(tmp_path / name)
        assert len(frames) == 1
        assert np.abs(frames[0].pixels.astype(int) - PIXELS).mean() < 7
        assert ending_of_painting(tmp_path / name) == ".png"


FILMS = ["a.png", "a.apng", "a.webp", "a.gif", "a.avif", "a.avifs", "gif.jpg", "gif"]


@pytest.mark.parametrize("name", FILMS)
def test_a_film_of_pictures_gives_a_film(tmp_path, name):
    frames = [Image.fromarray(moving_square(index, SIZE)) for index in range(5)]
    kind = {"a.apng": "png", "a.avifs": "avif"}.get(name, "gif" if "gif" in name else None)
    shown_ms = {"duration": [80, 80, 40, 80, 200]}
    frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:], **shown_ms)
    read_frames, _ = read(tmp_path / name)
    times_ms = [round(frame.pts * frame.time_base * 1000) for frame in read_frames]
    assert [time - times_ms[0] for time in times_ms] == [0, 80, 160, 200, 280]
    for index, frame in enumerate(read_frames):
        assert np.abs(frame.pixels.astype(int) - moving_square(index, SIZE)).mean() < 9
    assert ending_of_painting(tmp_path / name) == ".mp4"


def test_films_of_pictures_of_others():
    for name in ("anim.png", "anim.webp"):
        path = case(f"18_animated_pictures/{name}")
        assert len(read(path)[0]) == 5
        assert ending_of_painting(path) == ".mp4"


def test_a_part_of_an_animated_webp_is_read(tmp_path):
    frames = [Image.fromarray(moving_square(index, SIZE)) for index in range(5)]
    path = tmp_path / "a.webp"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    with VideoFile(path, Fraction(1, 10), Fraction(3, 10)) as video:
        assert [frame.pts for frame in video.frames()] == [100, 200]


@pytest.mark.parametrize("ending", ["heic", "avif", "webp"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_a_picture_that_is_cut_off_is_refused_or_said(tmp_path, ending, kept):
    path = tmp_path / f"a.{ending}"
    frames = [Image.fromarray(moving_square(index, SIZE)) for index in range(5)]
    more = {"save_all": True, "append_images": frames[1:]} if ending == "webp" else {}
    frames[0].save(path, quality=90, **more)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    try:
        frames, video = read(path)
    except SourceError as error:
        assert str(path) in str(error)
    else:
        assert video.truncated


@pytest.mark.parametrize("ending", ["heic", "avif", "webp"])
def test_a_picture_beyond_measure_is_refused_before_it_is_decoded(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a.{ending}"
    frames = [Image.fromarray(moving_square(index, SIZE)) for index in range(2)]
    more = {"save_all": True, "append_images": frames[1:]} if ending == "webp" else {}
    frames[0].save(path, **more)
    monkeypatch.setattr(picture_files, "MAX_PIXELS", 64 * 47)
    with pytest.raises(SourceError, match="64x48 is more than"):
        VideoFile(path)


def test_jpeg_xl_is_refused_by_name(tmp_path):
    path = tmp_path / "a.jxl"
    path.write_bytes(b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl " + bytes(64))
    with pytest.raises(SourceError, match="not known here"):
        VideoFile(path)


def test_a_tile_of_a_picture_is_never_taken_for_it(tmp_path, monkeypatch):
    """Where Pillow is not asked, as for a pipe."""
    path = case("08_tile_grids/tests__data__sofa_grid1x5_420.avif")
    monkeypatch.setattr("realtime.media.reading.video_file.pillow_format", lambda _: None)
    with pytest.raises(SourceError, match="in tiles"):
        VideoFile(path)
