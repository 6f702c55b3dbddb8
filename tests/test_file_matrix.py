"""Containers times codecs times colour codings, through the program's own reader and writer with
the identity for a painting: times and colours come out as they went in.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.scheduling import scheduling_kept
from tests.realtime.media.test_write_video import copy, times

VARIABLE = [0, 40, 45, 400, 1000, 1500, 1501, 2000]
CONSTANT = list(range(0, 320, 40))
BARS = np.repeat(
    np.array(
        [[[235, 20, 20], [20, 235, 20], [20, 20, 235], [235] * 3, [128] * 3, [20] * 3]], np.uint8
    ),
    64,
    0,
).repeat(32, 1)
INNER = np.s_[16:48, 16::32]  # flat, away from the borders that 4:2:0 blurs

CODECS = {
    "h264": ("libx264", "yuv420p", {"crf": "0"}),
    "h264-10": ("libx264", "yuv420p10le", {"crf": "0"}),
    "hevc": ("libx265", "yuv420p", {"x265-params": "lossless=1:log-level=none"}),
    "vp9": ("libvpx-vp9", "yuv420p", {"lossless": "1", "cpu-used": "8"}),
    "av1": ("libsvtav1", "yuv420p", {"crf": "4", "preset": "10"}),
    "prores": ("prores_ks", "yuv422p10le", {"qscale": "1"}),
    "mjpeg": ("mjpeg", "yuvj420p", {"qscale": "1"}),
    "ffv1": ("ffv1", "yuv420p", {}),
}
FITS = {
    "mp4": ("h264", "h264-10", "hevc", "vp9", "av1"),
    "mov": ("h264", "hevc", "prores", "mjpeg"),
    "mkv": tuple(CODECS),
    "webm": ("vp9", "av1"),
    "avi": ("h264", "mjpeg", "ffv1"),
    "ts": ("h264", "hevc"),
}
QUICK = [
    ("mp4", "h264"),
    ("mkv", "ffv1"),
    ("mov", "prores"),
    ("webm", "vp9"),
    ("avi", "mjpeg"),
    ("mkv", "av1"),
    ("mkv", "h264-10"),  # pictures are reordered
    ("ts", "hevc"),
]
CODINGS = [(matrix, color_range) for matrix in (1, 6, 9) for color_range in (1, 2)]
_SWSCALE = {1: "ITU709", 6: "SMPTE170M", 9: "BT2020"}


def write_bars(path: Path, codec: str, coding: tuple[int, int], pts: list[int]) -> Path:
    name, pixel_format, options = CODECS[codec]
    matrix, color_range = coding
    with av.open(str(path), "w") as output, scheduling_kept():
        stream = output.add_stream(name, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *BARS.shape[:2], pixel_format
        context = stream.codec_context
        context.time_base = Fraction(1, 25) if path.suffix == ".avi" else Fraction(1, 1000)
        context.colorspace, context.color_range = matrix, color_range
        if codec == "mjpeg":
            context.qmin = context.qmax = 1
        for index, time in enumerate(pts):
            picture = av.VideoFrame.from_ndarray(BARS, "rgb24").reformat(
                format=pixel_format, dst_colorspace=_SWSCALE[matrix], dst_color_range=color_range
            )
            picture.pts, picture.time_base = (
                (index, Fraction(1, 25)) if path.suffix == ".avi" else (time, Fraction(1, 1000))
            )
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def check(folder: Path, container: str, codec: str, coding: tuple[int, int]) -> None:
    source = write_bars(
        folder / f"in.{container}", codec, coding, CONSTANT if container == "avi" else VARIABLE
    )
    target = folder / f"out.{container if container in ('mp4', 'mov', 'webm') else 'mkv'}"
    lossless = (
        Encoding(codec="libvpx-vp9", crf=4)
        if container == "webm"
        else Encoding(codec="libx264", crf=0, preset="ultrafast")
    )
    copy(source, target, lossless)
    with VideoFile(source) as before, VideoFile(target) as after:
        tick_s = after.info.time_base
        tagged = before.info.coding.matrix, before.info.coding.full_range
        assert (after.info.coding.matrix, after.info.coding.full_range) == tagged
        one, two = next(before.frames()).pixels.astype(int), next(after.frames()).pixels.astype(int)
    assert np.abs(one[INNER] - two[INNER]).max() <= (4 if container == "webm" else 2)
    # That of a broadcast begins anywhere; ours are counted from its beginning.
    begin_s = times(source)[0] if container == "ts" else 0
    for wanted, found in zip(times(source), times(target), strict=True):
        assert abs(wanted - begin_s - found) <= tick_s / 2


@pytest.mark.parametrize(("container", "codec"), QUICK)
def test_times_and_colours_come_out_as_they_went_in(tmp_path, container, codec):
    check(tmp_path, container, codec, (6, 2) if codec == "mjpeg" else (1, 1))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    ("container", "codec"),
    [(container, codec) for container, codecs in FITS.items() for codec in codecs],
)
def test_the_whole_matrix(tmp_path, container, codec, coding):
    if codec == "mjpeg" and coding != (6, 2):
        pytest.skip("JPEG has one coding only")
    check(tmp_path, container, codec, coding)
