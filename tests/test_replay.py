"""A show that was played live is painted again from its source: the same at every frame."""

from __future__ import annotations

import json
import time
import uuid
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pytest

import run_cam
import stylize_video
from engines import EngineOptions, ModelFile, Models, Style, find_model, open_engine
from engines.base import Pending
from engines.errors import EngineRunError, LivebrushError, SinkError, UsageError
from engines.style_row import StyleRow
from realtime.controls.commands import perform
from realtime.controls.desk import Desk
from realtime.controls.show import Source, read_show
from realtime.controls.state import State
from realtime.controls.values import Value
from realtime.files import crew
from realtime.files.replay import Replay, models_for
from realtime.frame import FileFrame, Frame, FrameMemory, LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.engine_sizes import EngineSizes
from realtime.live.painter import LivePainter
from realtime.live.run import Live, LiveOptions, initial_state
from realtime.live.show_recorder import ShowRecorder
from realtime.live.sinks.null import Null
from realtime.live.sinks.source_recording import SourceRecorder
from realtime.live.sources.live_file import LiveFile
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.stylizer import Stylizer
from tests.conftest import write_video
from tests.test_resume import frames_of

SIZE = (96, 128)
FRAMES, FPS = 132, 30
BEGIN_S = 100.0
# With so many frames: styles that fade, one into another's fade, a blend, strength, the brush,
# strength and canvas in seconds of their own, a key that takes one of them over, the mirror, a
# picture that is held over the end of a segment, a black-out that fades, a text.
Commands = dict[int, list[tuple[Value, ...]]]
COMMANDS: Commands = {
    4: [("style", "dim")],
    9: [("next", None)],
    20: [("mix", "negative:0.3,dim:0.7")],
    28: [("weaker", None), ("weaker", None), ("fade_longer", None)],
    30: [("strength", 0.2, 0.8), ("canvas", 0.3, 1.5)],
    34: [("mirror", None), ("broader", None)],
    38: [("weaker", None)],
    40: [("freeze", True), ("style", "negative")],
    58: [("freeze", False)],
    66: [("fade_black", True)],
    90: [("fade_black", False), ("original", None)],
    100: [("original", None), ("keep_color", True)],
    110: [("text", "HH HH HH HH HH HH {clock}")],
}
# A film that stands still while styles fade, is jumped in, and repeats a part.
ON_A_DECK: Commands = {
    4: [("style", "dim")],
    10: [("pause", True), ("next", None)],
    24: [("pause", False), ("weaker", None)],
    30: [("film_back", None), ("mirror", None)],
    34: [("repeat", None)],
    44: [("repeat", None), ("style", "negative")],
    64: [("repeat", None), ("seek", 4.0)],
}
Vectors = dict[float, np.ndarray]


class Noting(Stylizer):
    """Keeps the numbers of each frame's look by the time since the first one."""

    vectors: ClassVar[Vectors] = {}
    fails_at = -1

    def begin(self, frame: Frame, now_s: float, state: FrameMemory | None = None) -> Pending:
        layers = self._layers_at(now_s)
        time_s = now_s if isinstance(frame, FileFrame) else now_s - BEGIN_S
        self.vectors[round(time_s, 4)] = np.append(
            layers.person, [layers.face, layers.canvas, layers.stability]
        )
        if frame.index == self.fails_at:
            raise EngineRunError("was pulled out")
        return super().begin(frame, now_s, state)


class Clock:
    """Stands still until it is told to go on."""

    now_s = BEGIN_S - 1 / FPS - 1e-5

    def __call__(self) -> float:
        return self.now_s


class Stepped(LiveFile):
    """Plays a frame when the one before is painted and all that was asked for is done, so that a
    busy machine drops none.
    """

    def __init__(self, path: Path, clock: Clock, desk: Desk) -> None:
        super().__init__(path, clock=clock)
        self.time, self.desk = clock, desk
        self.chosen = self.newest = -1

    def read(self, timeout_s: float) -> LiveFrame | None:
        if self.chosen < self.newest or not self.desk._asked.empty():
            time.sleep(0.001)
            return None
        self.time.now_s += 1 / FPS + 1e-5  # never just before a frame is due
        frame = super().read(timeout_s)
        self.newest = self.newest if frame is None else frame.index
        return frame


class Watched(LivePainter):
    """Tells the source which frame has been taken."""

    source: Stepped

    def choose(self, frame: LiveFrame | None, state: State) -> LiveFrame | None:
        if frame is not None:
            self.source.chosen = frame.index
        return super().choose(frame, state)


class Keeping(CleanSink):
    """Keeps how bright each painting is on both sides, and what text does to it; and gives the
    commands, each with the first frame from its number on: a film may leave that very one out.
    """

    def __init__(self, desk: Desk, commands: Commands) -> None:
        super().__init__()
        self.desk, self.commands = desk, dict(commands)
        self.sides: dict[float, tuple[float, ...]] = {}

    def see(self, frame: LiveFrame) -> None:
        for number in [number for number in self.commands if number <= frame.index]:
            for command in self.commands.pop(number):
                self.desk.ask(*command)

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        self.sides[round(frame.captured_s - BEGIN_S, 4)] = sides_of(painting)

    def close(self) -> None:
        """Keep what there is."""


def sides_of(painting: np.ndarray) -> tuple[float, ...]:
    half = painting.shape[1] // 2
    low = painting[painting.shape[0] * 2 // 3 :]
    return float(painting[:, :half].mean()), float(painting[:, half:].mean()), float(low.std())


@dataclass
class Played:
    """A show that was played."""

    clip: Path
    show: Path
    kept: Path
    vectors: Vectors
    sides: dict[float, tuple[float, ...]]


def play(folder: Path, model: ModelFile, commands: Commands) -> Played:
    clip = write_video(
        folder / "clip.mp4", pts=[n * 1000 // FPS for n in range(FRAMES)], size=SIZE, tones=1
    )
    Noting.vectors = {}
    look, clock = Look((("negative", 1.0),), denoise=False), Clock()
    desk = Desk(initial_state(Models((model,)), look, mirror=False))
    source, keeping = Stepped(clip, clock, desk), Keeping(desk, commands)
    source.open()
    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    stylizer = Noting(engine, look, SIZE)
    painter = Watched(stylizer, EngineSizes([engine], SIZE), SIZE, clock=clock)
    painter.source = source
    name = uuid.uuid4().hex
    show, kept = folder / "show.jsonl", folder / "kept.mp4"
    outputs = [
        SourceRecorder(kept, source.sound, name),
        ShowRecorder(
            show, name, Source(source.name, source.fingerprint()), desk, lambda: Models((model,))
        ),
        keeping,
    ]
    Live(source, painter, Null(), desk, outputs, LiveOptions(clock=clock)).run()
    for output in outputs:
        output.check_result()
    return Played(clip, show, kept, Noting.vectors, keeping.sides)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, tiny_model: ModelFile) -> Played:
    return play(tmp_path_factory.mktemp("show"), tiny_model, COMMANDS)


@pytest.fixture
def paint(
    played: Played, tiny_model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Vectors]:
    """Paint the show again, and tell the numbers of each frame's look."""

    def paint_again(clip: Path, output: Path, *flags: str, fails_at: int = -1) -> Vectors:
        monkeypatch.setattr(crew, "Stylizer", Noting)
        monkeypatch.setattr(Noting, "vectors", {})
        monkeypatch.setattr(Noting, "fails_at", fails_at)
        engine = ("--engine", "onnxruntime", "--model", str(tiny_model.path))
        replay = ("--replay", str(played.show), *engine)
        assert stylize_video.main([str(clip), "-o", str(output), *replay, *flags]) == 0
        return Noting.vectors

    return paint_again


def is_alike(again: Vectors, live: Vectors) -> bool:
    """Every frame is there, and has the vector that it had live, while it was painted at all."""
    common = again.keys() & live.keys()
    assert len(again) == FRAMES and len(common) > FRAMES - 25  # no more was held
    assert len({vector.tobytes() for vector in live.values()}) > 10  # it fades
    return all(np.abs(again[time_s] - live[time_s]).max() < 1e-5 for time_s in common)


def test_every_frame_has_the_live_vector(played: Played, paint: Callable, tmp_path: Path):
    assert is_alike(paint(played.clip, tmp_path / "again.mp4"), played.vectors)


def test_the_painting_is_the_live_one(played: Played, paint: Callable, tmp_path: Path):
    """Black-outs, the mirror and the held picture too; and the sound is the source's."""
    output = tmp_path / "again.mp4"
    paint(played.clip, output)
    with VideoFile(output) as video:
        again = {
            round(float(frame.pts * frame.time_base), 4): sides_of(frame.pixels)
            for frame in video.frames()
        }
    assert min(max(sides) for sides in played.sides.values()) < 3  # it was black
    before, after = (
        next(sides[2] for time_s, sides in played.sides.items() if time_s > frames / FPS)
        for frames in (106, 112)
    )
    assert after > before + 8  # the text
    common = again.keys() & played.sides.keys()
    assert len(common) > FRAMES - 25
    for time_s in common:
        assert again[time_s] == pytest.approx(played.sides[time_s], abs=3)
    with av.open(str(output)) as painted, av.open(str(played.clip)) as source:
        sounds = [[bytes(p) for p in file.demux(audio=0)] for file in (painted, source)]
    assert sounds[0] == sounds[1]


def test_a_film_on_a_deck_is_painted_from_what_was_kept(
    tiny_model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Pauses, jumps and what was repeated are in it; the film itself is refused."""
    played = play(tmp_path, tiny_model, ON_A_DECK)
    monkeypatch.setattr(crew, "Stylizer", Noting)
    monkeypatch.setattr(Noting, "vectors", {})
    flags = ["--engine", "onnxruntime", "--model", str(tiny_model.path)]
    flags += ["-o", str(tmp_path / "again.mp4"), "--replay", str(played.show)]
    assert stylize_video.main([str(played.kept), *flags]) == 0
    common = Noting.vectors.keys() & played.vectors.keys()
    assert len(common) == len(played.vectors) > 50
    assert len({vector.tobytes() for vector in played.vectors.values()}) > 10
    for time_s in common:
        # Half a tick of the kept film's times, of 1/90000 s, in a fade of 0.4 s is 1.4e-5.
        assert np.abs(Noting.vectors[time_s] - played.vectors[time_s]).max() < 1.5e-5
    with pytest.raises(UsageError, match=r"pause, jumps.*--record-source"):
        stylize_video.main([str(played.clip), "-y", *flags])


def test_a_clock_tells_the_time_of_the_show(played: Played):
    head = read_show(played.show).head
    assert abs((datetime.now().astimezone() - head.clock).total_seconds()) < 3600
    state = perform(head.state, "text", "{clock}")
    replay = Replay(state, (), None, datetime(2026, 11, 30, 21, 59, 30))
    frame = FileFrame(np.zeros((4, 4, 3), np.uint8), 0, 0, Fraction(1))
    assert [replay.follow(frame, s, None)[1].words for s in (-1.0, 29.0, 31.0)] == [
        *("21:59", "21:59", "22:00")
    ]


def test_what_record_source_kept_is_painted_alike(played: Played, paint: Callable, tmp_path: Path):
    assert is_alike(paint(played.kept, tmp_path / "again.mp4"), played.vectors)
    with av.open(str(tmp_path / "again.mp4")) as painted:
        assert painted.streams.audio


def test_a_run_that_was_interrupted_goes_on_to_the_same(
    played: Played, paint: Callable, tmp_path: Path
):
    whole, broken = tmp_path / "whole.mp4", tmp_path / "broken.mp4"
    paint(played.clip, whole)
    for fails_at in (60, 110):
        with pytest.raises(EngineRunError):
            paint(played.clip, broken, "--resume", fails_at=fails_at)
    assert len(paint(played.clip, broken, "--resume")) == FRAMES - 96
    assert frames_of(broken) == frames_of(whole)


def test_another_show_is_not_gone_on_with(played: Played, paint: Callable, tmp_path: Path):
    output = tmp_path / "broken.mp4"
    with pytest.raises(EngineRunError):
        paint(played.clip, output, fails_at=60)
    edited = tmp_path / "edited.jsonl"
    edited.write_bytes(b"".join(played.show.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(UsageError, match=r"--resume|other"):
        paint(played.clip, output, "--resume", "--replay", str(edited))


def test_a_part_of_a_show_is_as_in_the_whole(played: Played, paint: Callable, tmp_path: Path):
    part = paint(played.clip, tmp_path / "part.mp4", "--ss", "1.5", "--to", "2.5")
    common = part.keys() & played.vectors.keys()
    assert len(part) == pytest.approx(FPS, abs=2) and common
    for time_s in common:
        np.testing.assert_allclose(part[time_s], played.vectors[time_s], atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("-s", "dim"), "leave out -s"),
        (("--strength", "0.5", "--no-denoise"), "leave out --strength, --no-denoise"),
        (("--cluster", "local"), "Leave --cluster out"),
        (("--style-schedule", "0:dim"), "not allowed with"),
    ],
)
def test_flags_that_do_not_go_with_it(
    played: Played, paint: Callable, tmp_path: Path, flags: tuple[str, ...], what: str
):
    with pytest.raises(UsageError, match=what):
        paint(played.clip, tmp_path / "out.mp4", *flags)


def test_another_source_and_styles_that_are_gone(
    played: Played, paint: Callable, tmp_path: Path, tiny_model: ModelFile
):
    other = write_video(tmp_path / "other.mp4", size=SIZE)
    with pytest.raises(UsageError, match=r"played on clip.mp4, and .*other.mp4 is another source"):
        paint(other, tmp_path / "out.mp4")
    text = played.show.read_text().replace("negative", "positive")
    edited = tmp_path / "edited.jsonl"
    edited.write_text(text)
    with pytest.raises(LivebrushError, match=r"--replay .*there is no style 'positive'"):
        paint(played.clip, tmp_path / "out.mp4", "--replay", str(edited))


def test_a_picture_behind_people_must_be_named(played: Played, paint: Callable, tmp_path: Path):
    head, *rest = played.show.read_text().splitlines()
    changed = json.loads(head)
    changed["state"]["look"]["behind"] = "picture"
    edited = tmp_path / "edited.jsonl"
    edited.write_text("\n".join([json.dumps(changed), *rest, ""]))
    with pytest.raises(UsageError, match=r"had a picture behind people.*--behind FILE"):
        paint(played.clip, tmp_path / "out.mp4", "--replay", str(edited))


def test_a_show_that_was_graded_is_refused(played: Played, paint: Callable, tmp_path: Path):
    """It does not keep what it was graded by; painted without, it would be another show."""
    head, *rest = played.show.read_text().splitlines()
    changed = json.loads(head)
    changed["state"]["look"]["grade"] = "sunset"
    edited = tmp_path / "edited.jsonl"
    edited.write_text("\n".join([json.dumps(changed), *rest, ""]))
    with pytest.raises(UsageError, match="was graded by sunset, and a show does not keep"):
        paint(played.clip, tmp_path / "out.mp4", "--replay", str(edited))


def test_names_are_looked_at_before_the_show(tmp_path: Path):
    taken = tmp_path / "show.jsonl"
    taken.touch()
    with pytest.raises(UsageError, match="exists already"):
        ShowRecorder.check(Namespace(record_controls=taken))
    with pytest.raises(LivebrushError, match=r"folder .* does not exist"):
        ShowRecorder.check(Namespace(record_controls=tmp_path / "none" / "show.jsonl"))
    for kept in (tmp_path / "a.mp4", None):
        args = Namespace(record_source=kept, record=tmp_path / "a.mp4")
        if kept is None:
            SourceRecorder.check(args)
        else:
            with pytest.raises(UsageError, match="is where --record records to"):
                SourceRecorder.check(args)


def test_a_picture_that_became_a_style_comes_along(tmp_path: Path):
    model = find_model("gallery", [])
    numbers = np.linspace(-1, 1, model.row_length, dtype=np.float32)
    row = StyleRow(Style("mine", "Mine"), numbers, model.metadata["network"], "d")
    styled = model.with_rows([row])
    models = [model]
    desk = Desk(initial_state(Models((model,)), Look(((model.default_style, 1.0),)), mirror=False))
    file = tmp_path / "show.jsonl"
    recorder = ShowRecorder(file, "abc", Source("camera 0"), desk, lambda: Models((models[-1],)))
    models.append(styled)
    desk.add_style(row.style)
    pixels = np.zeros((*SIZE, 3), np.uint8)
    recorder.put(LiveFrame(pixels, 7, 1.5, performed=1), pixels)
    recorder.follow(desk)
    refined = replace(row, row=numbers + 1, digest="refined")
    models.append(model.with_rows([refined]))
    recorder.close()
    assert file.read_bytes().count(b'"row":') == 2
    show = read_show(file)
    assert [step.state.look.mix for step in show.steps] == [(("mine", 1.0),)]
    found = models_for(show, None)
    assert found.rows[-1].style == row.style and found.rows[-1].digest == "refined"
    np.testing.assert_array_equal(found.rows[-1].row, numbers + 1)
    with pytest.raises(UsageError, match=r"played on camera 0, .*--record-source"):
        show.steps_on(Path("clip.mp4"), "other", "")


def test_a_disk_that_is_full_ends_the_file_and_not_the_show(tmp_path: Path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    model = find_model("gallery", [])
    desk = Desk(initial_state(Models((model,)), Look(((model.default_style, 1.0),)), mirror=False))
    recorder = ShowRecorder(
        tmp_path / "show.jsonl", "abc", Source("x"), desk, lambda: Models((model,))
    )
    recorder._file.close()
    recorder._file = open("/dev/full", "wb")  # noqa: SIM115 (it is the recorder's to close)
    desk.perform("next")
    pixels = np.zeros((*SIZE, 3), np.uint8)
    recorder.put(LiveFrame(pixels, 7, 1.5, performed=1), pixels)
    recorder.follow(desk)
    desk.perform("next")
    recorder.close()
    assert "no longer recorded" in recorder.answers.get()
    with pytest.raises(SinkError, match=r"--record-controls .*is not whole"):
        recorder.check_result()


def test_the_programs_keep_a_show_and_paint_it_again(tmp_path: Path, monkeypatch):
    """What a schedule has done is done again, on the clip and on what was kept of it."""
    monkeypatch.setenv("LIVEBRUSH_STATE", str(tmp_path))
    clip = write_video(tmp_path / "clip.mp4", pts=list(range(0, 1500, 40)), size=SIZE, tones=1)
    show, kept = tmp_path / "show.jsonl", tmp_path / "kept.mp4"
    plan = ("--style-schedule", "0:great_wave 1:the_scream:0.5,starry_night:0.5/0.2s")
    keep = ("--record-controls", str(show), "--record-source", str(kept))
    live = ("--source", str(clip), "--headless", "--engine", "passthrough")
    assert run_cam.main([*live, *plan, *keep, "--report", str(tmp_path / "live.json")]) == 0
    report = json.loads((tmp_path / "live.json").read_text())
    assert report["controls"] == str(show) and report["source_kept"]["saved"]
    assert read_show(show).style_names == ["great_wave", "the_scream", "starry_night"]
    for source in (clip, kept):
        output = tmp_path / f"again_{source.name}"
        again = ("--replay", str(show), "--engine", "passthrough", "-o", str(output))
        assert stylize_video.main([str(source), *again]) == 0
        assert len(frames_of(output)) > 10
