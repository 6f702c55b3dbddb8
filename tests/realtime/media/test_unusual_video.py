"""Video that is coded in ways of its own: fields, more than 8 bits, high dynamic range,
transparency, gray, palettes.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.picture_file import PictureOutput
from realtime.picture.tone_mapping import nits_to_pq, pq_to_nits
from tests.clips import case
from tests.conftest import moving_square, write_video
from tests.realtime.media.test_write_video import copy, times

RAMP = np.tile(np.arange(256), (64, 1))


def write_coded(
    path: Path,
    planes,
    pixel_format: str,
    codec: str,
    coding=(1, 1, 1, 1),
    options=None,
    frames: int = 5,
) -> Path:
    """coding: H.273 matrix, FFmpeg range, H.273 primaries and transfer.

    planes: an array for each plane, of its own dtype.
    """
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = planes[0].shape
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = coding
        for index in range(frames):
            picture = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], pixel_format)
            for plane, values in zip(picture.planes, planes, strict=True):
                rows = np.zeros((plane.height, plane.line_size), np.uint8)
                rows[:, : values.shape[1] * values.itemsize] = np.ascontiguousarray(values).view(
                    np.uint8
                )
                plane.update(rows)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def gray_ramp_10_bit(path: Path, transfer: int) -> Path:
    luma = (64 + RAMP * 876 / 255).astype(np.uint16)
    chroma = np.full((32, 128), 512, np.uint16)
    matrix = 9 if transfer in (16, 18) else 1
    return write_coded(
        path, [luma, chroma, chroma], "yuv420p10le", "ffv1", (matrix, 1, matrix, transfer)
    )


@pytest.mark.parametrize("transfer", [16, 18])
def test_high_dynamic_range_is_tone_mapped_and_tagged_as_what_it_is_then(tmp_path, transfer):
    source = gray_ramp_10_bit(tmp_path / "in.mkv", transfer)
    with VideoFile(source) as video:
        row = next(video.frames()).pixels[32].astype(int)
    assert np.ptp(row, axis=1).max() <= 1  # gray stays gray
    levels = row[:, 1]
    assert np.all(np.diff(levels) >= 0)
    assert (levels[0], levels[-1]) == (0, 255)
    assert len(set(levels)) > 80
    output = copy(source, tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        picture = next(container.decode(video=0))
        tags = (
            int(picture.colorspace),
            int(picture.color_primaries),
            int(picture.color_trc),
            picture.format.name,
        )
    assert tags == (1, 1, 1, "yuv420p")
    with VideoFile(source) as video:
        assert "tone-mapped" in video.notes[0]
    assert not output.notes


def test_diffuse_white_and_mid_gray_keep_their_places():
    """ST 2084's own figures, and that the brightness of faces is not bent."""
    assert pq_to_nits(np.array([0.0, 0.508078, 1.0])) == pytest.approx([0, 100, 10_000], rel=1e-3)
    assert nits_to_pq(pq_to_nits(np.linspace(0, 1, 11))) == pytest.approx(
        np.linspace(0, 1, 11), abs=1e-6
    )


def test_ten_bits_stay_ten_bits_where_the_encoder_can(tmp_path):
    source = gray_ramp_10_bit(tmp_path / "in.mkv", 1)
    for codec, expected in (
        ("libx264", "yuv420p10le"),
        ("libx265", "yuv420p10le"),
        ("mpeg4", "yuv420p"),
    ):
        copy(source, tmp_path / f"{codec}.mkv", Encoding(codec=codec))
        with av.open(str(tmp_path / f"{codec}.mkv")) as container:
            picture = next(container.decode(video=0))
        assert (picture.format.name, int(picture.colorspace)) == (expected, 1)


def interlaced_clip(path: Path, options: dict[str, str] | None = None) -> Path:
    """A bar that moves four pixels from field to field."""

    def field(time: int) -> np.ndarray:
        picture = np.full((96, 128, 3), 40, np.uint8)
        picture[:, 4 * time % 100 : 4 * time % 100 + 20] = 220
        return picture

    with av.open(str(path), "w") as output:
        interlaced = {"x264-params": "interlaced=1:tff=1", "crf": "5"}
        stream = output.add_stream("libx264", rate=25, options={**interlaced, **(options or {})})
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        for index in range(20):
            frame = field(2 * index)
            frame[1::2] = field(2 * index + 1)[1::2]
            picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format="yuv420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def combing(pixels: np.ndarray) -> float:
    """How much rows stray from the mean of their neighbours."""
    green = pixels[..., 1].astype(int)
    return float(np.abs(green[1:-1] - (green[:-2] + green[2:]) / 2).mean())


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_interlaced_video_is_deinterlaced_before_it_is_painted(tmp_path, ending):
    source = interlaced_clip(tmp_path / f"in.{ending}")
    with VideoFile(source) as video:
        smooth = list(video.frames())
        assert "deinterlaced" in video.notes[0]
    with VideoFile(source, deinterlace=False) as video:
        combed = list(video.frames())
    assert [frame.pts for frame in smooth] == [frame.pts for frame in combed]
    assert len(smooth) == 20
    assert (
        max(combing(frame.pixels) for frame in smooth)
        < 1
        < 8
        < min(combing(frame.pixels) for frame in combed)
    )
    copy(source, tmp_path / f"out.{ending}")
    assert times(tmp_path / f"out.{ending}") == times(source)


def translucent_picture(path: Path) -> np.ndarray:
    pixels = np.dstack([moving_square(3, (48, 64)), RAMP[:48, :64] * 4]).astype(np.uint8)
    pixels[pixels[..., 3] == 0] = (9, 200, 9, 0)
    Image.fromarray(pixels).save(path)
    return pixels


def test_transparency_of_a_picture_is_kept_in_png_and_white_in_jpeg(tmp_path):
    pixels = translucent_picture(tmp_path / "in.png")
    for ending in ("png", "jpg"):
        with VideoFile(tmp_path / "in.png") as picture:
            frame = next(picture.frames())
        output = PictureOutput(tmp_path / f"out.{ending}")
        output.write(frame, frame.pixels)
        output.finish(0)
        written = np.asarray(Image.open(tmp_path / f"out.{ending}")).astype(int)
        if ending == "png":
            np.testing.assert_array_equal(written[..., 3], pixels[..., 3])
            np.testing.assert_array_equal(written[:, 0, :3], 255)
        else:
            assert "transparent" in output.notes[0]
            assert np.abs(written[:, 0] - 255).max() < 12


def translucent(index: int) -> np.ndarray:
    """(64, 96, 4): a gray of 60 under a square of 255 that moves over 40."""
    pixels = np.full((64, 96, 4), 60, np.uint8)
    pixels[..., 3] = 40
    pixels[16:48, 16 + 2 * index : 48 + 2 * index, 3] = 255
    return pixels


def write_translucent(path: Path, codec: str, pixel_format: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(
            codec, rate=25, options={"crf": "4", "b": "0"} if "vpx" in codec else {}
        )
        stream.height, stream.width, stream.pix_fmt = 64, 96, pixel_format
        for index in range(60):  # more than a segment
            picture = av.VideoFrame.from_ndarray(translucent(index // 4), "rgba").reformat(
                format=pixel_format
            )
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


SOURCES_OF_ALPHA = {
    "webm": ("libvpx-vp9", "yuva420p"),
    "mov": ("prores_ks", "yuva444p10le"),
    "rle.mov": ("qtrle", "argb"),
    "mkv": ("ffv1", "yuva444p"),
}


@pytest.mark.parametrize("before", SOURCES_OF_ALPHA)
@pytest.mark.parametrize(
    ("ending", "codec"),
    [
        ("webm", None),
        ("mov", "prores_ks"),
        ("mov", "qtrle"),
        ("mkv", "ffv1"),
        ("mkv", "libvpx-vp9"),
    ],
)
def test_transparency_of_a_video_is_kept_where_it_can_be(tmp_path, before, ending, codec):
    if before != "webm" and codec not in (None, "prores_ks"):
        pytest.skip("one source is enough for every target, and two targets for every source")
    source = write_translucent(tmp_path / f"in.{before}", *SOURCES_OF_ALPHA[before])
    output = copy(
        source,
        tmp_path / f"out.{ending}",
        Encoding(codec=codec, crf=4 if codec in (None, "libvpx-vp9") else None),
    )
    assert not [note for note in output.notes if "white" in note]
    with VideoFile(tmp_path / f"out.{ending}") as video:
        assert video.info.has_alpha
        frames = list(video.frames())
    assert len(frames) == 60
    for frame in (frames[0], frames[59]):
        assert np.abs(frame.alpha.astype(int) - translucent(frame.index // 4)[..., 3]).mean() < 3
        assert (frame.alpha[32, 2], frame.alpha[32, 46]) == pytest.approx((40, 255), abs=4)
    tick_s = Fraction(1, 1000) if ending in ("webm", "mkv") else Fraction(1, 25)
    assert all(
        abs(one - other) <= tick_s / 2
        for one, other in zip(times(source), times(tmp_path / f"out.{ending}"), strict=True)
    )


@pytest.mark.parametrize("before", SOURCES_OF_ALPHA)
def test_transparency_of_a_video_becomes_white_elsewhere_and_that_is_said(tmp_path, before):
    source = write_translucent(tmp_path / f"in.{before}", *SOURCES_OF_ALPHA[before])
    output = copy(source, tmp_path / "out.mp4")
    assert "painted on white, since libx264 in .mp4 keeps none" in output.notes[0]
    with VideoFile(tmp_path / "out.mp4") as video:
        pixels = next(video.frames()).pixels.astype(int)
    assert np.abs(pixels[32, 2] - (60 * 40 + 255 * 215) / 255).max() < 6
    assert np.abs(pixels[32, 30] - 60).max() < 6


@pytest.mark.parametrize(
    ("mode", "ending"), [("L", "png"), ("P", "gif"), ("P", "png"), ("L", "jpg"), ("I;16", "png")]
)
def test_gray_and_palettes_are_read_as_what_they_show(tmp_path, mode, ending):
    path = tmp_path / f"in.{ending}"
    if mode == "I;16":
        Image.fromarray((RAMP * 257).astype(np.uint16)).save(path)
    else:
        Image.fromarray(RAMP.astype(np.uint8)).convert(mode).save(path)
    with VideoFile(path) as picture:
        pixels = next(picture.frames()).pixels.astype(int)
    assert np.abs(pixels - RAMP[..., None]).max() <= (3 if ending == "jpg" else 1)


def test_a_track_that_is_first_heard_of_midway_is_read_past(tmp_path):
    """FLV may say nothing of a track until its first packet, seconds after everything has been
    looked at.
    """
    path = tmp_path / "in.flv"
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        video.height, video.width, video.pix_fmt = 480, 640, "yuv420p"
        sound = output.add_stream("aac", rate=44100, layout="mono")
        dice = np.random.default_rng(0)
        for index in range(30):  # more than what FFmpeg reads to find out what there is
            noise = av.VideoFrame.from_ndarray(
                dice.integers(0, 256, (480, 640, 3), np.uint8), "rgb24"
            )
            noise.pts, noise.time_base = index, Fraction(1, 5)
            output.mux(video.encode(noise))
        output.mux(video.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate, silence.pts, silence.time_base = 44100, 44100 * 6, Fraction(1, 44100)
        output.mux(sound.encode(silence))
        output.mux(sound.encode(None))
    data = bytearray(path.read_bytes().replace(b"audiocodecid", b"somethingels"))
    data[4] = 1  # there are pictures: not a word of sound
    configuration = (
        data.index(b"\xaf\x00") - 11
    )  # of the sound, which the muxer writes to the front as a tag of its own
    length = 11 + int.from_bytes(data[configuration + 1 : configuration + 4], "big") + 4
    assert data[configuration] == 8
    del data[configuration : configuration + length]
    path.write_bytes(data)
    with av.open(str(path)) as container, pytest.raises(IndexError):
        list(container.demux())
    with VideoFile(path) as video:
        assert sum(1 for _ in video.frames()) == 30
        assert not video.damaged
    copy(path, tmp_path / "out.mp4")
    assert len(times(tmp_path / "out.mp4")) == 30


def write_tracks(path: Path, *tracks: tuple[str, tuple[int, int], int, int]) -> Path:
    """Write video tracks, each (codec, size, frames, disposition), one after the other."""
    with av.open(str(path), "w") as output:
        streams = []
        for codec, size, _, disposition in tracks:
            stream = output.add_stream(codec, rate=25)
            stream.height, stream.width = size
            stream.pix_fmt = {"mjpeg": "yuvj420p", "png": "rgb24"}.get(codec, "yuv420p")
            stream.disposition = disposition
            streams.append(stream)
        for stream, (_, size, frames, _) in zip(streams, tracks, strict=True):
            for index in range(frames):
                picture = av.VideoFrame.from_ndarray(moving_square(index, size), "rgb24")
                picture.pts, picture.time_base = index, Fraction(1, 25)
                output.mux(stream.encode(picture))
            output.mux(stream.encode(None))
    return path


SMALL, LARGE = (48, 64), (96, 128)


@pytest.mark.parametrize(
    "tracks",
    [
        [("mjpeg", SMALL, 1, 0), ("libx264", LARGE, 10, 1)],
        [("mjpeg", SMALL, 1, 1), ("libx264", LARGE, 10, 1)],
        [("mjpeg", SMALL, 10, 1), ("libx264", LARGE, 10, 0)],
        [("png", SMALL, 1, 1), ("libx264", LARGE, 10, 0)],
        [("libx264", SMALL, 10, 0), ("libx264", LARGE, 10, 0)],
        [("libx264", SMALL, 10, 0), ("libx264", LARGE, 10, 1)],
        [("libx264", LARGE, 10, 1), ("libx264", SMALL, 10, 1)],
        [("libx264", (192, 256), 10, 0), ("libx264", LARGE, 10, 1)],
        [("mjpeg", (192, 256), 1, 0x400), ("libx264", LARGE, 10, 1)],
    ],
)
@pytest.mark.parametrize("ending", ["mkv", "mov"])
def test_the_film_is_the_default_or_the_largest_track(tmp_path, ending, tracks):
    if ending == "mov" and not any(track[3] & 1 for track in tracks):
        pytest.skip("in MOV one track is always the default one")
    if ending == "mkv" and tracks[0][0] == "png":
        pytest.skip("this Matroska takes no PNG")
    path = write_tracks(tmp_path / f"in.{ending}", *tracks)
    with VideoFile(path) as video:
        assert (video.info.size, sum(1 for _ in video.frames())) == (LARGE, 10)
        cover = bool(tracks[0][3] & 0x400)
        assert cover or any("has 2 video tracks" in note for note in video.notes)


def test_thumbnails_of_others_are_not_the_film():
    with VideoFile(case("10_thumbnail_track_first/thumbfirst.mkv")) as video:
        assert (video.info.size, sum(1 for _ in video.frames())) == ((240, 320), 25)


def join_h264(path: Path, *parts: tuple[Path, int]) -> Path:
    """Write so many frames of each part into one Matroska, all of H.264 and of one size."""
    with av.open(str(path), "w") as output:
        stream, time = None, 0
        for part, count in parts:
            raw = part.with_suffix(".h264")
            with av.open(str(part)) as source, av.open(str(raw), "w") as bare:
                track = bare.add_stream_from_template(source.streams.video[0])
                packets = [packet for packet in source.demux(video=0) if packet.size][:count]
                for packet in packets:
                    packet.stream = track
                    bare.mux(packet)
            with av.open(str(raw)) as source:
                stream = stream or output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.size:
                        packet.pts = packet.dts = time
                        packet.time_base, time = Fraction(1, 25), time + 1
                        packet.stream = stream
                        output.mux(packet)
    return path


def test_interlaced_frames_behind_progressive_ones_are_deinterlaced(tmp_path):
    still = write_video(
        tmp_path / "p.mp4",
        size=(96, 128),
        tones=0,
        pixels=lambda _: np.full((96, 128, 3), 90, np.uint8),
        options={"bf": "0"},
    )
    combs = interlaced_clip(tmp_path / "i.mp4", {"bf": "0"})
    path = join_h264(tmp_path / "in.mkv", (still, 10), (combs, 20))
    with VideoFile(path) as video:
        smooth = list(video.frames())
        assert sum("deinterlaced" in note for note in video.notes) == 1
    with VideoFile(path, deinterlace=False) as video:
        combed = list(video.frames())
    assert [frame.pts for frame in smooth] == [frame.pts for frame in combed]
    assert len(smooth) == 30
    for one, other in zip(smooth[:9], combed[:9], strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    assert max(combing(frame.pixels) for frame in smooth) < 1
    assert min(combing(frame.pixels) for frame in combed[10:]) > 8


def test_interlaced_frames_of_others_are_deinterlaced():
    path = case("11_interlaced_after_progressive/pi.mkv")
    with VideoFile(path) as video:
        smooth = [combing(frame.pixels) for frame in video.frames()]
    with VideoFile(path, deinterlace=False) as video:
        combed = [combing(frame.pixels) for frame in video.frames()]
    assert len(smooth) == len(combed) == 40
    assert smooth[:9] == combed[:9]
    assert max(smooth[12:]) < 0.9 * min(combed[12:])
