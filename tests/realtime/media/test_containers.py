"""What is opened: every file that holds its pictures itself, and nothing that reaches elsewhere."""

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engines.errors import SourceError
from realtime.files.inputs import expand_inputs
from realtime.media.packets import REACH_ELSEWHERE, demuxers
from realtime.media.reading.video_file import VideoFile
from tests.conftest import ROOT, moving_square


def write_film(path: Path, codec: str, size: tuple[int, int], pixel_format: str) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, pixel_format
        for index in range(10):
            picture = av.VideoFrame.from_ndarray(moving_square(index, size), "rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "size", "pixel_format"),
    [
        ("tape.dv", "dvvideo", (576, 720), "yuv420p"),
        ("a.nut", "ffv1", (48, 64), "yuv420p"),
        ("a.vob", "mpeg2video", (48, 64), "yuv420p"),
        ("a.m2v", "mpeg2video", (48, 64), "yuv420p"),
        ("a.wtv", "mpeg2video", (48, 64), "yuv420p"),
        ("a.rm", "rv10", (48, 64), "yuv420p"),
        ("a.f4v", "libx264", (48, 64), "yuv420p"),
        ("a.mjpg", "mjpeg", (48, 64), "yuvj420p"),
        ("a.mxf", "mpeg2video", (576, 720), "yuv420p"),
        ("a.gxf", "mpeg2video", (576, 720), "yuv420p"),
        ("a.h265", "libx265", (64, 64), "yuv420p"),
        ("a.swf", "flv", (48, 64), "yuv420p"),
    ],
)
def test_a_container_that_holds_its_pictures_is_read(tmp_path, name, codec, size, pixel_format):
    path = write_film(tmp_path / name, codec, size, pixel_format)
    with VideoFile(path) as video:
        frames = list(video.frames())
    assert len(frames) == 10 and video.info.size == size and not video.info.is_picture
    assert np.abs(frames[5].pixels.astype(int) - moving_square(5, size)).mean() < 16
    if name != "a.swf":
        assert [file.path for file in expand_inputs([str(tmp_path)])] == [path]


PLAYLISTS = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
    "a.mp4": "ffconcat version 1.0\nfile '{clip}'\n",
    "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\n",
    "a.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    "<BaseURL>{clip}</BaseURL></Period></MPD>\n",
    "a.xml": '<?xml version="1.0"?>\n<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/'
    '2067-3/2016"></CompositionPlaylist>\n',
    "a.svg": '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    '<image href="{clip}"/></svg>\n',
    "a.avs": 'FFmpegSource2("{clip}")\n',
    "a.txt": "{clip}\n",
    "a.ffmeta": ";FFMETADATA1\ntitle={clip}\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_what_reaches_elsewhere_is_refused(tmp_path, make_video, name):
    clip = make_video("clip.ts")
    path = tmp_path / name
    path.write_text(PLAYLISTS[name].replace("{clip}", str(clip)))
    with pytest.raises(SourceError, match=re.escape(str(path))):
        VideoFile(path)


def test_no_demuxer_that_reaches_elsewhere_or_is_a_device_is_on_the_list():
    names = {name for names in demuxers() for name in names.split(",")}
    assert {"dv", "mov", "matroska", "nut", "mpegts", "exr_pipe"} <= names
    assert not names & REACH_ELSEWHERE
    assert not names & {"alsa", "fbdev", "lavfi", "x11grab", "video4linux2", "v4l2", "rawvideo"}
    # One that is new and has no file of its own would be found here.
    files = {name for name in names if not av.ContainerFormat(name, "r").no_file}
    assert names - files == {"image2"}


def test_the_list_is_not_made_before_a_file_is_opened():
    script = "import realtime.media.packets, sys; assert 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
