"""Parts painted one by one, in any order, make the video that one run makes: here without a
cluster, in one process.
"""

import contextlib
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from engines import EngineOptions, open_engine
from engines.errors import SourceError
from realtime.files.crew import OwnEngine
from realtime.files.farm.part_painter import Finished, Job, Opened, PartPainter, PartRun, pack_model
from realtime.files.farm.parts import Part, divide
from realtime.files.job import run_jobs
from realtime.files.options import FileOptions
from realtime.files.painter import painted_size
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.video_file import VideoOutput
from realtime.stylizer import frames_remembered
from realtime.timeline import parse_timeline
from tests.conftest import write_video

ENGINE = ("onnxruntime", EngineOptions(threads=1))
SCENE = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), dtype=np.uint8)
# Lossless: an encoder makes more of a difference of one level than there was, and x264 is not the
# same every time where frames are a few blocks wide.
NEGATIVE = FileOptions(
    Look((("negative", 1.0),), strength=0.7, brush=2, denoise=False), Encoding(crf=0)
)
QUIET = replace(NEGATIVE, look=replace(NEGATIVE.look, denoise=True))
STEADY = replace(QUIET, look=replace(QUIET.look, stability=0.5))


def scenes(index: int) -> np.ndarray:
    """Noise that drifts; another one from frame 100 and from frame 200 on."""
    return np.roll(SCENE[index // 100 % 4], index % 100 // 3, axis=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    pts = [17 * index + (index * index) % 5 for index in range(250)]
    return write_video(
        tmp_path_factory.mktemp("farm") / "clip.mp4", pts=pts, pixels=scenes, options={"g": "60"}
    )


@pytest.fixture(scope="module")
def short_clip(tmp_path_factory) -> Path:
    """For what takes long: three segments, the last with a cut in it."""
    pts = [17 * index + (index * index) % 5 for index in range(110)]
    folder = tmp_path_factory.mktemp("short")
    return write_video(folder / "clip.mp4", pts=pts, pixels=scenes, options={"g": "60"})


@pytest.fixture
def painter(tiny_model) -> Iterator[PartPainter]:
    yield PartPainter(pack_model(tiny_model), "this machine")


def in_one_run(clip: Path, output: Path, options: FileOptions, model) -> Path:
    crew = OwnEngine(lambda size, before: open_engine(ENGINE[0], model, ENGINE[1], size))
    (result,) = run_jobs([(clip, output)], options, crew)
    assert result.error is None
    return output


class Driver:
    """What realtime/files/farm/farm.py does with a cluster, with one painter."""

    def __init__(
        self,
        painter: PartPainter,
        clip: Path,
        output: Path,
        options: FileOptions,
        segments: int = 1,
    ) -> None:
        self._painter = painter
        self.video = VideoFile(
            clip, options.start_s, options.end_s, deinterlace=options.deinterlace
        )
        options = replace(options, resize=lambda size: size)
        self.job = Job(
            random.random(),
            clip,
            self.video.info.fingerprint(),
            self.video.info.size,
            options,
            ENGINE,
        )
        (self.opened,) = painter.open(self.job)
        self.sink = VideoOutput(
            output,
            self.video.info,
            options.encoding,
            painted_size(self.video.info.size, options.side_by_side),
            self.opened.made_with,
        )
        warm_up = frames_remembered(options.look)
        self.parts = list(divide(self.video.moments(), self.sink.resume.has, segments, warm_up))
        self.read_whole = 0

    def paint(self, part: Part) -> None:
        for item in self._painter.paint(self.job, self.sink.form, part, self.video.cuts):
            if isinstance(item, Finished):
                self.sink.take(item.number, item.content, item.segment, item.memory)
            elif isinstance(item, PartRun):
                self.read_whole += item.read_whole
                assert item.run.frames_out == len(part.moments)
            else:
                assert item == self.opened

    def paint_all(self) -> None:
        for part in random.Random(1).sample(self.parts, len(self.parts)):
            self.paint(part)
        self.sink.finish(self.video.last_duration)
        self.video.close()


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]


def test_without_memory_the_file_is_that_of_one_run_byte_for_byte(
    painter, tiny_model, clip, tmp_path
):
    Driver(painter, clip, tmp_path / "farm.mp4", NEGATIVE).paint_all()
    one = in_one_run(clip, tmp_path / "one.mp4", NEGATIVE, tiny_model)
    assert (tmp_path / "farm.mp4").read_bytes() == one.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"farm.mp4", "one.mp4"}


def test_from_and_to_cross_fades_and_side_by_side_come_out_as_in_one_run(
    painter, tiny_model, clip, tmp_path
):
    timeline = parse_timeline("0:negative 1:dim/2s cut:negative", "--style-schedule")
    options = replace(NEGATIVE, start_s=0.7, end_s=4.0, timeline=timeline, side_by_side=True)
    Driver(painter, clip, tmp_path / "farm.mkv", options).paint_all()
    one = in_one_run(clip, tmp_path / "one.mkv", options, tiny_model)
    for mine, theirs in zip(pictures(tmp_path / "farm.mkv"), pictures(one), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("options", [QUIET, STEADY], ids=["noise", "paint"])
def test_with_memory_parts_behind_a_cut_are_those_of_one_run_and_the_others_hardly_differ(
    painter, tiny_model, clip, tmp_path, options
):
    farm = Driver(painter, clip, tmp_path / "farm.mp4", options)
    assert farm.video.cuts
    farm.paint_all()
    exact = {part.first for part in farm.parts if part.first == 0 or part.moments[0].is_cut}
    assert len(exact) < len(farm.parts)
    mine, theirs = (
        pictures(tmp_path / "farm.mp4"),
        pictures(in_one_run(clip, tmp_path / "one.mp4", options, tiny_model)),
    )
    differences = [np.abs(one - other).mean() for one, other in zip(mine, theirs, strict=True)]
    assert max(differences) <= 1
    for part in farm.parts:
        if part.first in exact:
            assert max(differences[part.first : part.last + 1]) == 0


def test_what_is_left_of_a_lost_part_is_gone_on_with_exactly(
    painter, tiny_model, short_clip, tmp_path
):
    """A part of all segments: a worker delivers one, another worker the next, and so on."""
    farm = Driver(painter, short_clip, tmp_path / "farm.mp4", STEADY, segments=99)
    (part,) = farm.parts
    first = 0
    while first <= part.last:
        left = part.beginning_at(first, farm.sink.resume.memory_before(first))
        with contextlib.closing(
            painter.paint(farm.job, farm.sink.form, left, farm.video.cuts)
        ) as made:
            finished = next(item for item in made if isinstance(item, Finished))
        farm.sink.take(finished.number, finished.content, finished.segment, finished.memory)
        first += 48
    farm.sink.finish(farm.video.last_duration)
    assert (tmp_path / "farm.mp4").read_bytes() == in_one_run(
        short_clip, tmp_path / "one.mp4", STEADY, tiny_model
    ).read_bytes()


@pytest.mark.parametrize("options", [NEGATIVE, QUIET, STEADY], ids=["nothing", "noise", "paint"])
def test_a_run_on_one_machine_fills_the_gaps_that_a_farm_has_left(
    painter, tiny_model, clip, tmp_path, options
):
    farm = Driver(painter, clip, tmp_path / "out.mp4", options)
    for number in (3, 1, 4):
        farm.paint(farm.parts[number])
    assert farm.sink.discard() == 144
    farm.video.close()
    resumed = in_one_run(clip, tmp_path / "out.mp4", replace(options, resume=True), tiny_model)
    mine, theirs = (
        pictures(resumed),
        pictures(in_one_run(clip, tmp_path / "one.mp4", options, tiny_model)),
    )
    assert max(np.abs(one - other).mean() for one, other in zip(mine, theirs, strict=True)) <= bool(
        options.look.denoise
    )
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one.mp4", "out.mp4"]


def test_a_damaged_segment_costs_only_itself_where_nothing_is_remembered(
    painter, tiny_model, clip, tmp_path
):
    farm = Driver(painter, clip, tmp_path / "out.mp4", NEGATIVE)
    for number in (0, 1, 2):
        farm.paint(farm.parts[number])
    farm.sink.discard()
    farm.video.close()
    (tmp_path / ".out.mp4.unfinished" / "000001.mp4").write_bytes(b"power loss")
    again = VideoFile(clip)
    sink = VideoOutput(
        tmp_path / "out.mp4",
        again.info,
        NEGATIVE.encoding,
        again.info.size,
        farm.opened.made_with,
        resumes=True,
    )
    assert [sink.resume.has(48 * number) for number in range(4)] == [True, False, True, False]
    sink.discard()
    again.close()


def test_a_file_in_which_seeking_leads_to_other_pictures_is_read_from_its_start(
    painter, tiny_model, tmp_path
):
    """A bare H.264 stream has no times: what is sought cannot be told from other frames."""
    clip = write_video(
        tmp_path / "clip.mp4", pts=list(range(0, 120 * 40, 40)), pixels=scenes, tones=0
    )
    bare = tmp_path / "clip.h264"
    with av.open(str(clip)) as whole, av.open(str(bare), "w", format="h264") as output:
        stream = output.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    farm = Driver(painter, bare, tmp_path / "farm.mp4", NEGATIVE)
    farm.paint_all()
    assert farm.read_whole == len(farm.parts) - 1
    assert (tmp_path / "farm.mp4").read_bytes() == in_one_run(
        bare, tmp_path / "one.mp4", NEGATIVE, tiny_model
    ).read_bytes()


def test_an_input_that_the_machine_does_not_see_is_said(painter, clip, tmp_path):
    copy = shutil.copy(clip, tmp_path / "clip.mp4")
    with VideoFile(copy) as video:
        job = Job(1, copy, video.info.fingerprint(), video.info.size, NEGATIVE, ENGINE)
    shutil.copy(write_video(tmp_path / "other.mp4"), copy)
    with pytest.raises(
        SourceError,
        match=r"this machine does not see it, or sees another file.*under the same path",
    ):
        list(painter.open(job))
    copy.unlink()
    with pytest.raises(SourceError, match="this machine does not see it"):
        list(painter.open(job))


def test_the_engine_stays_open_from_part_to_part_and_file_to_file(painter, clip):
    with VideoFile(clip) as video:
        job = Job(1, clip, video.info.fingerprint(), video.info.size, NEGATIVE, ENGINE)
    list(painter.open(job))
    engine = painter._engine
    assert isinstance(next(painter.open(replace(job, number=2))), Opened)
    assert painter._engine is engine
    list(painter.open(replace(job, engine=("passthrough", EngineOptions()))))
    assert painter._engine is not engine
