"""The canvas of VobSub, on which players place its pictures, comes along."""

from pathlib import Path

import av
import pytest

from realtime.media.writing.vobsub import header_with_canvas
from tests.clips import case
from tests.realtime.media.test_write_video import copy

PALETTE = b"palette: " + b", ".join(b"%06x" % (index * 4096) for index in range(16)) + b"\n"


def canvas(path: Path) -> bytes:
    with av.open(str(path)) as container:
        (track,) = container.streams.subtitles
        return header_with_canvas(container, track).splitlines()[0]


def write_vobsub(path: Path, clip: Path) -> Path:
    bare = path.with_name("bare.mkv")
    with av.open(str(bare), "w") as output:
        track = output.add_stream("dvdsub")
        text = av.Packet(bytes(16))
        text.stream, text.pts, text.dts, text.duration = track, 0, 0, 100
        output.mux(text)
    with (
        av.open(str(clip)) as source,
        av.open(str(bare)) as texts,
        av.open(str(path), "w") as output,
    ):
        pictures = output.add_stream_from_template(source.streams.video[0])
        # Not opened, as an encoder is, so its header stays as it is set.
        track = output.add_stream_from_template(texts.streams.subtitles[0])
        track.codec_context.extradata = b"size: 720x576\n" + PALETTE
        for packet in (*source.demux(video=0), *texts.demux()):
            if packet.dts is not None:
                packet.stream = pictures if packet.stream.type == "video" else track
                output.mux(packet)
    return path


@pytest.mark.parametrize("before", ["mp4", "mkv"])
@pytest.mark.parametrize("after", ["mp4", "mkv"])
def test_the_canvas_of_vobsub_comes_along(tmp_path, make_video, before, after):
    source = write_vobsub(tmp_path / f"in.{before}", make_video("clip.mp4", tones=0))
    assert canvas(source) == b"size: 720x576"
    copy(source, tmp_path / f"out.{after}")
    assert canvas(tmp_path / f"out.{after}") == b"size: 720x576"


@pytest.mark.parametrize("after", ["mp4", "mkv"])
def test_the_canvas_of_others_comes_along(tmp_path, after):
    source = case("16_vobsub_canvas/mp4__sample_with_vobsub.mp4")
    copy(source, tmp_path / f"out.{after}")
    assert canvas(tmp_path / f"out.{after}") == canvas(source) == b"size: 1280x720"
