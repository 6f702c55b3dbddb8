from __future__ import annotations

import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import realtime.live.painter
from engines import Engine, EngineOptions, ModelFile, Models, Style, open_engine
from engines.base import Conditions
from engines.errors import EngineRunError, EngineUnavailable, SinkError, SourceError
from engines.runtimes.passthrough import Passthrough
from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.engine_sizes import EngineSizes
from realtime.live.live_sink import LiveSink
from realtime.live.live_source import LiveSource
from realtime.live.painter import LivePainter
from realtime.live.quality import Quality
from realtime.live.run import Live, LiveOptions, initial_state
from realtime.live.sinks.null import Null
from realtime.live.sinks.recording import Recorder
from realtime.live.snapshots import save_snapshot
from realtime.live.sources.synthetic import Synthetic
from realtime.look import Look
from realtime.picture.layers import NO_PICTURES
from realtime.picture.sizes import network_size, size_text
from realtime.stylizer import Stylizer

SIZE = (48, 64)
MODEL = ModelFile(
    Path("none.onnx"), (Style("original"), Style("great_wave"), Style("starry_night")), "none", {}
)
LOOK = Look((("great_wave", 1.0),))


class Slow(Passthrough):
    """Takes ``delay_s`` for each frame, and fails at frame number ``fails_at``, or at the frame
    that is ``fails_on``.
    """

    delay_s = 0.0
    fails_at = -1
    fails_on: np.ndarray | None = None
    count = 0

    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        self.count += 1
        if (
            self.count - 1 == self.fails_at
            if self.fails_on is None
            else np.array_equal(frames[0], self.fails_on)
        ):
            raise RuntimeError("out of memory")
        time.sleep(self.delay_s)
        return super()._infer(frames, conditions)


class Screen(LiveSink):
    """A sink that keeps what it is shown, and presses keys when so many pictures were shown."""

    def __init__(
        self,
        keys: dict[int, list[str]] | None = None,
        fails_at: int = -1,
        size: tuple[int, int] = SIZE,
    ) -> None:
        self.pictures: list[np.ndarray] = []
        self.times: list[float] = []
        self.keys, self.fails_at, self.size = dict(keys or {}), fails_at, size
        self.fails_on: np.ndarray | None = None
        self.is_closed = False

    @classmethod
    def from_args(cls, args: Namespace, size: tuple[int, int]) -> Screen:
        return cls(size=size)

    @property
    def view_size(self) -> tuple[int, int]:
        return self.size

    def show(self, pixels: np.ndarray) -> None:
        if (
            len(self.pictures) == self.fails_at
            if self.fails_on is None
            else np.array_equal(pixels, self.fails_on)
        ):
            raise SinkError("the screen is gone")
        self.pictures.append(pixels.copy())
        self.times.append(time.monotonic())

    def poll(self) -> list[str]:
        return self.keys.pop(max((n for n in self.keys if n <= len(self.pictures)), default=-1), [])

    def close(self) -> None:
        self.is_closed = True


class Failing(Synthetic):
    """Gives frames up to ``fails_at`` and then an error."""

    fails_at = 1_000_000

    def read(self, timeout_s: float) -> LiveFrame | None:
        frame = super().read(timeout_s)
        if frame is not None and frame.index >= self.fails_at:
            raise SourceError("the source broke")
        return frame


def live(
    source: LiveSource,
    sink: LiveSink | None = None,
    engine: Engine | None = None,
    look: Look = LOOK,
    mirror=False,
    **options,
) -> Live:
    look = replace(look, denoise=False)  # frames are known by their pixels
    engine = engine or Slow(MODEL, EngineOptions())
    painter_options = {
        name: options.pop(name) for name in ("fixed_size", "quality") if name in options
    }
    open_for = options.pop("open_for", lambda first, size, model: type(first)(model, first.options))
    painter_options.setdefault("fixed_size", SIZE)
    size = painter_options["fixed_size"] or (480, 640)
    models = options.pop("models", Models((engine.model,)))
    pictures = options.pop("pictures", NO_PICTURES)
    stylizer = Stylizer(engine, look, size, pictures=pictures, models=models)
    painter = LivePainter(stylizer, EngineSizes([engine], size, open_for), **painter_options)
    source.open()
    state = replace(
        initial_state(models, look, mirror),
        hud=options.pop("hud", "off"),
        **options.pop("state", {}),
    )
    folder = options.get("snapshot_dir", Path("."))
    outputs = options.pop("outputs", [Recorder(folder, open_sound=source.sound)])
    return Live(
        source, painter, sink or Null(), Desk(state), outputs, options=LiveOptions(**options)
    )


def our_threads() -> list[str]:
    return [
        t.name
        for t in threading.enumerate()
        if t.name in ("capture", "inference", "engine sizes", "snapshots", "thumbnails")
    ]


@pytest.fixture(autouse=True)
def no_stage_left_running():
    yield
    assert not our_threads()


def test_a_fast_engine_shows_every_frame():
    report = live(Synthetic(SIZE, fps=50, frames=40)).run()
    assert report.frames_in == report.frames_out + report.dropped
    assert report.frames_out >= 20 and 20 < report.fps < 60
    assert (
        report.latency_ms["p50"] < 200
        and report.engine == "passthrough"
        and report.style == "great_wave"
    )
    assert (
        set(report.stage_ms) == {"capture", "infer", "display"}
        and None not in report.stage_ms.values()
    )


def test_a_slow_engine_drops_old_frames_and_stays_recent():
    engine = Slow(MODEL, EngineOptions())
    engine.delay_s = 0.1
    run = live(Synthetic(SIZE, fps=50, frames=100), engine=engine)
    report = run.run()
    assert report.frames_in == report.frames_out + report.dropped
    assert report.frames_out <= 21 and report.dropped >= 70
    assert (
        run.figures.drops["inference"] > 0.6 * report.dropped
    )  # a busy machine adds some of the other causes
    assert report.latency_ms["p95"] < 900  # one frame waits at most; a queue would come to 8000


def test_a_slow_screen_drops_too():
    screen = Screen()
    show = screen.show
    screen.show = lambda pixels: (time.sleep(0.1), show(pixels))
    run = live(Synthetic(SIZE, fps=50, frames=60), screen)
    report = run.run()
    assert run.figures.drops["display"] > 5 and report.latency_ms["p95"] < 900


def test_what_the_source_leaves_out_is_counted():
    class Skips(Synthetic):
        def read(self, timeout_s: float) -> LiveFrame | None:
            frame = super().read(timeout_s)
            return frame and replace(frame, index=frame.index * 3)

    run = live(Skips(SIZE, fps=50, frames=20))
    report = run.run()
    assert run.figures.drops["capture"] == pytest.approx(2 * 19, abs=4)
    assert report.frames_in == report.frames_out + report.dropped


FRAMES = 12
FIRST, MIDDLE, LAST = 0, 5, FRAMES - 1


@pytest.mark.parametrize("at", [FIRST, MIDDLE, LAST])
@pytest.mark.parametrize("stage", ["capture", "inference", "display"])
def test_an_error_in_a_stage_ends_the_run_at_once(stage: str, at: int):
    """The last frame is known by its pixels, since a busy machine may drop others; itself it is
    never dropped.
    """
    source, engine, screen = Failing(SIZE, 25, FRAMES), Slow(MODEL, EngineOptions()), Screen()
    last = source.picture(LAST) if at == LAST else None
    if stage == "capture":
        source.fails_at = at
    elif stage == "inference":
        engine.fails_at, engine.fails_on = at, last
    else:
        screen.fails_at, screen.fails_on = at, last
    expected = {"capture": SourceError, "inference": EngineRunError, "display": SinkError}[stage]
    started = time.monotonic()
    run = live(source, screen, engine)
    with pytest.raises(expected) as caught:
        run.run()
    assert time.monotonic() - started < 3 and screen.is_closed
    assert caught.value.exit_code == {"capture": 3, "inference": 4, "display": 5}[stage]
    assert "\n" not in str(caught.value) and run.report().frames_out <= at


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Files of this process, and so the log of the tests too, cannot grow beyond so many bytes, as
    on a full disk.
    """
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("at", ["first", "middle", "last"])
def test_a_recording_that_fails_ends_alone_wherever_it_is(at: str, tmp_path: Path):
    """The last failure is that of the very last byte, when the recording is closed at the end of
    the run.
    """
    whole = record(tmp_path / "whole.mp4").stat().st_size
    said: list[str] = []
    with full_disk({"first": 0, "middle": whole // 2, "last": whole - 1}[at]):
        path = record(tmp_path / "show.mp4", said)
    ends = [line for line in said if line.startswith("recording ended")]
    assert len(ends) == 1 and "too large" in ends[0] and not path.exists()
    if at != "first":
        assert path.with_name("show.partial.mp4").stat().st_size > whole // 3
    assert "recording" not in [thread.name for thread in threading.enumerate()]


def record(path: Path, said: list[str] | None = None) -> Path:
    """A run of 70 frames recorded from the first to the last, all of them shown."""
    recorder = Recorder(path.parent, path)
    screen, source = Screen(), Synthetic(SIZE, fps=25, frames=70)
    say = (lambda line: None) if said is None else said.append
    report = live(source, screen, outputs=[recorder], say=say, state={"recording": True}).run()
    assert report.frames_in >= 65  # the failure of the recording is nobody else's
    return path


@pytest.mark.parametrize("key", ["q", "esc"])
def test_keys_end_it(key: str):
    started = time.monotonic()
    live(Synthetic(SIZE, fps=50), Screen({3: [key]})).run()
    assert time.monotonic() - started < 3


def test_an_engine_that_hangs_does_not_hold_the_end():
    engine = Slow(MODEL, EngineOptions())
    engine.delay_s = 4.0
    started = time.monotonic()
    run = live(Synthetic(SIZE, fps=50), engine=engine, duration_s=0.3)
    with pytest.raises(EngineRunError, match="hangs"):
        run.run()
    assert time.monotonic() - started < 5
    end_s = time.monotonic() + 6
    while our_threads() and time.monotonic() < end_s:
        time.sleep(0.05)


def test_while_the_engine_hangs_the_original_is_shown_and_told():
    class Pausing(Slow):
        def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
            if self.count == 20:
                time.sleep(4.5)
            return 255 - super()._infer(frames, conditions)

    class Plain(Synthetic):
        def picture(self, index: int) -> np.ndarray:
            return np.full((*SIZE, 3), 200, np.uint8)

    told: list[str] = []
    screen, taken = Screen(), Recorder(Path("."), None)
    taken.put = lambda frame, painting: paintings.append(painting[0, 0, 0])
    paintings: list[int] = []
    run = live(
        Plain(SIZE, fps=25),
        screen,
        Pausing(MODEL, EngineOptions()),
        outputs=[taken],
        duration_s=7,
        say=told.append,
    )
    report = run.run()
    assert [line for line in told if "hangs" in line or "goes on" in line] == [
        "passthrough hangs: no painting comes any more; the original picture is shown",
        "it goes on",
    ]
    assert paintings.count(200) > 10 and paintings[-1] == 55
    assert report.extra["longest_gap_ms"] > 4000 and run.status()["problem"] is None


def test_duration_ends_it():
    report = live(Synthetic(SIZE, fps=50), duration_s=0.5).run()
    assert 5 <= report.frames_out <= 27


def test_interrupting_it_stops_everything_and_keeps_the_figures():
    class Interrupted(Screen):
        def poll(self) -> list[str]:
            if len(self.pictures) > 5:
                raise KeyboardInterrupt
            return []

    run = live(Synthetic(SIZE, fps=50), Interrupted())
    with pytest.raises(KeyboardInterrupt):
        run.run()
    assert run.report().frames_out >= 5


@pytest.fixture
def tiny_engine(tiny_model: ModelFile):
    return open_engine("onnxruntime", tiny_model, EngineOptions(threads=1), SIZE)


def test_a_style_switch_fades_without_a_gap(tiny_engine: Engine):
    """``dim`` is half as bright as ``original``: the brightness must fall step by step, with no
    frame late.
    """

    class Plain(Synthetic):
        def picture(self, index: int) -> np.ndarray:
            return np.full((*SIZE, 3), 200, np.uint8)

    screen = Screen({20: ["2"]})
    live(
        Plain(SIZE, fps=50, frames=120),
        screen,
        tiny_engine,
        Look((("original", 1.0),)),
        state={"fade_s": 1.2},
    ).run()
    means = [picture[:10].mean() for picture in screen.pictures]  # the toast is at the bottom
    assert (means[0], means[-1]) == (200, 100)
    assert means == sorted(means, reverse=True) and len(set(means)) > 2
    gaps = np.diff(screen.times)
    assert max(gaps[20:]) < 2 * max(gaps[:20]) + 0.1


def test_a_new_brush_waits_for_its_engine_while_the_picture_goes_on():
    opened: list[tuple[int, int]] = []
    busy_s: list[float] = []

    def open_slowly(first: Engine, size: tuple[int, int], model: ModelFile) -> Engine:
        opened.append(size)
        busy_s.append(time.monotonic())
        time.sleep(1.0)
        busy_s.append(time.monotonic())
        return Slow(first.model, first.options)

    screen = Screen({5: ["}"] * 2})
    report = live(
        Synthetic((480, 640), fps=25, frames=80), screen, fixed_size=None, open_for=open_slowly
    ).run()
    assert opened == [network_size((480, 640), 1.5)] and report.size == size_text(opened[0])
    assert sum(busy_s[0] < at < busy_s[1] for at in screen.times) >= 4


def test_an_engine_that_cannot_be_opened_for_a_new_brush_ends_the_run():
    def refuse(first: Engine, size: tuple[int, int], model: ModelFile) -> Engine:
        raise EngineRunError("no memory for that size")

    with pytest.raises(EngineRunError):
        live(
            Synthetic((480, 640), fps=25), Screen({2: ["}"]}), fixed_size=None, open_for=refuse
        ).run()


def test_only_so_many_engines_are_kept():
    closed: list[Engine] = []

    class Counted(Slow):
        def close(self) -> None:
            closed.append(self)

    sizes = EngineSizes(
        [Counted(MODEL, EngineOptions())],
        (2, 2),
        lambda first, size, model: Counted(model, first.options),
    )
    for side in range(4, 16, 2):
        while sizes.get((side, side), [MODEL]) is None:
            time.sleep(0.005)
    assert len(closed) == 3
    sizes.close()
    assert len(closed) == 7


def test_a_build_is_stopped_and_waited_for_at_the_end():
    """It calls Python from threads of its own, which at the end of the program aborts it."""
    begun = threading.Event()

    def build(first: Engine, size: tuple[int, int], model: ModelFile) -> Engine:
        begun.set()
        while not first.options.cancel.is_asked:
            time.sleep(0.005)
        raise EngineUnavailable("the build was stopped.")

    sizes = EngineSizes([Slow(MODEL, EngineOptions())], (2, 2), build)
    assert sizes.get((4, 4), [MODEL]) is None and begun.wait(5)
    sizes.close()
    assert not any(thread.name == "engine sizes" for thread in threading.enumerate())


def test_frozen_means_frozen_but_the_style_can_still_change(tiny_engine: Engine):
    screen = Screen({10: ["space"], 12: ["2"], 45: ["q"]})
    run = live(Synthetic(SIZE, fps=50), screen, tiny_engine, Look((("original", 1.0),)))
    run.run()
    assert (screen.pictures[-1][40:] == screen.pictures[-2][40:]).all()
    assert screen.pictures[-1][40:].mean() == pytest.approx(
        screen.pictures[11][40:].mean() / 2, rel=0.1
    )
    assert (
        run.report().frames_out < len(screen.pictures) - 5
    )  # what is painted once more is not a new frame


def test_mirror():
    screen = Screen({4: ["m"], 12: ["q"]})
    live(Synthetic(SIZE, fps=50), screen).run()
    first, last = Synthetic(SIZE).picture(0), Synthetic(SIZE).picture(30)
    assert np.abs(screen.pictures[0].astype(int) - first).mean() < 12
    assert np.abs(screen.pictures[-1][:, ::-1][40:].astype(int) - last[40:]).mean() < 90
    mirrored = Screen({1: ["q"]})
    live(Synthetic(SIZE, fps=50), mirrored, mirror=True).run()
    assert np.abs(mirrored.pictures[0][:, ::-1].astype(int) - first).mean() < 12


def test_snapshots_show_no_hud_and_overwrite_nothing(tmp_path: Path):
    import cv2

    big = (240, 320)
    screen = Screen({3: ["space"], 8: ["s"], 10: ["s"], 30: ["q"]}, size=big)
    live(Synthetic(big, fps=50), screen, fixed_size=big, hud="all", snapshot_dir=tmp_path).run()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 4 and all("great_wave" in name for name in names)
    for original in tmp_path.glob("*-original.png"):
        frame = cv2.imread(str(original))
        painting = cv2.imread(str(original).replace("-original", ""))
        assert (
            frame.shape == (*big, 3) and (frame == painting).all()
        )  # passthrough, and no text on either
    assert (
        screen.pictures[-1][:60, :100] != frame[:60, :100, ::-1]
    ).any()  # while the screen had its figures


def test_a_snapshot_name_in_use_is_left_alone(tmp_path: Path):
    frame = np.zeros((*SIZE, 3), np.uint8)
    paths = {save_snapshot(tmp_path, frame, frame, "the_scream") for _ in range(5)}
    assert len(paths) == 5 and len(list(tmp_path.iterdir())) == 10


def test_a_snapshot_that_cannot_be_written_is_said_and_survived(tmp_path: Path):
    screen = Screen({3: ["s"], 20: ["q"]})
    live(Synthetic(SIZE, fps=50), screen, snapshot_dir=tmp_path / "missing").run()
    assert len(screen.pictures) >= 20


def test_a_lost_source_is_told_on_the_screen_and_in_words():
    class Goes(Synthetic):
        gone = False

        def read(self, timeout_s: float) -> LiveFrame | None:
            frame = super().read(timeout_s)
            self.gone = frame is None or 10 <= frame.index < 60
            return None if self.gone else frame

        @property
        def problem(self) -> str | None:
            return "camera 0 lost: reopening" if self.gone and self._next > 10 else None

    big, lines = (240, 320), []
    screen = Screen(size=big)
    live(Goes(big, fps=50, frames=70), screen, fixed_size=big, say=lines.append).run()
    assert lines[0] == "camera 0 lost: reopening" and lines[1] == "test is back"
    darkest = min(picture[-20:].mean() for picture in screen.pictures)
    assert darkest < 0.6 * screen.pictures[0][-20:].mean()  # the card darkens the last picture


def frames_at(fps: float, count: int, first: int = 0) -> list[LiveFrame]:
    pixels = np.zeros((2, 2, 3), np.uint8)
    return [LiveFrame(pixels, n, captured_s=n / fps) for n in range(first, first + count)]


def run_quality(quality: Quality, seconds: float, full_s: float, begin: int = 0) -> int:
    """Frames at 30 fps whose painting takes ``full_s`` at full size and in proportion to the pixels
    below it.
    """
    frames = frames_at(30, int(seconds * 30), begin)
    for frame in frames:
        quality.note(frame, full_s * quality.scale**2, frame.captured_s)
    return begin + len(frames)


def test_quality_steps_down_until_it_fits_and_stays_there():
    quality = Quality()
    at = run_quality(quality, 5, full_s=0.045)
    assert quality.scale == 0.75
    seen = set()
    for _ in range(30):
        at = run_quality(quality, 1, full_s=0.045, begin=at)
        seen.add(quality.scale)
    assert seen == {0.75}


def test_quality_goes_at_once_where_it_must():
    """At 1.8 times the time between frames; the next size would not fit either."""
    quality = Quality()
    run_quality(quality, 1.5, full_s=0.06)
    assert quality.scale == 0.5


def test_frames_of_the_first_second_tell_nothing():
    quality = Quality()
    at = run_quality(quality, 0.9, full_s=0.3)
    run_quality(quality, 5, full_s=0.01, begin=at)
    assert quality.scale == 1.0 and not quality.is_tight


def test_quality_comes_back_when_there_is_room_and_not_before():
    quality = Quality()
    at = run_quality(quality, 5, full_s=0.1)
    assert quality.scale == 0.5
    at = run_quality(quality, 3, full_s=0.01, begin=at)
    assert quality.scale == 0.5
    at = run_quality(quality, 12, full_s=0.01, begin=at)
    assert quality.scale == 1.0


def test_a_machine_that_copes_keeps_its_full_size():
    quality = Quality()
    run_quality(quality, 20, full_s=0.025)
    assert quality.scale == 1.0


def test_quality_auto_shrinks_a_live_run():
    class PerPixel(Slow):
        def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
            time.sleep(0.04 * frames.shape[1] / 480)
            return super()._infer(frames, conditions)

    said: list[str] = []
    engine = PerPixel(MODEL, EngineOptions())
    report = live(
        Synthetic((480, 640), fps=30, frames=110),
        engine=engine,
        fixed_size=None,
        quality=Quality(),
        say=said.append,
    ).run()
    assert report.size in ("480x360", "320x240") and any("quality" in line for line in said)


def test_the_strip_shows_every_style_of_the_current_frame_and_the_divider_moves(
    tiny_engine: Engine,
):
    """The picture is grey 200: ``negative`` is 55, ``dim`` 100, and both must be on the screen
    while ``original`` is painted.
    """

    class Plain(Synthetic):
        def picture(self, index: int) -> np.ndarray:
            return np.full((*SIZE, 3), 200, np.uint8)

    class Patient(Screen):
        def poll(self) -> list[str]:
            bottom = self.pictures[-1][-20:] if self.pictures else np.zeros(1)
            return ["q"] if {55, 100} <= set(np.unique(bottom)) else super().poll()

    screen = Patient({2: ["t"], 400: ["q"]}, size=(120, 160))
    live(Plain(SIZE, fps=50), screen, tiny_engine, Look((("original", 1.0),))).run()
    assert {55, 100} <= set(np.unique(screen.pictures[-1][-20:])) and screen.pictures[-1][
        5, 80, 0
    ] == 200
    split = Screen({1: ["c", ">", ">"], 20: ["q"]}, size=(120, 160))
    engine = open_engine("onnxruntime", tiny_engine.model, EngineOptions(threads=1), SIZE)
    live(Plain(SIZE, fps=50), split, engine, Look((("dim", 1.0),))).run()
    row = split.pictures[-1][20, :, 0]
    assert (row[:90] == 200).all() and (row[102:] == 100).all()  # 0.6 of 160 is 96


def test_a_recording_that_fails_ends_alone(tmp_path: Path):
    screen = Screen({3: ["r"], 40: ["q"]})
    said: list[str] = []
    run = live(Synthetic(SIZE, fps=50), screen, snapshot_dir=tmp_path / "missing", say=said.append)
    run.run()
    assert len(screen.pictures) >= 40 and sum("recording ended" in line for line in said) == 1
    assert not run._screen.state.recording


def test_a_recording_of_a_live_run_holds_no_hud(tmp_path: Path):
    import av

    big = (240, 320)
    screen = Screen({3: ["r"], 30: ["r"], 35: ["q"]}, size=big)
    live(Synthetic(big, fps=50), screen, fixed_size=big, hud="all", snapshot_dir=tmp_path).run()
    (path,) = tmp_path.iterdir()
    with av.open(str(path)) as file:
        first = next(file.decode(video=0)).to_ndarray(format="rgb24")
    source = Synthetic(big)
    assert min(np.abs(first.astype(int) - source.picture(n)).mean() for n in range(60)) < 4
    assert path.name.startswith("livebrush-great_wave-") and "partial" not in path.name


class Faster(Slow):
    """The engine that is built while another one runs."""

    name = "faster"


def test_a_better_engine_takes_over_when_it_is_built():
    closed: list[Engine] = []
    build = threading.Event()

    class First(Slow):
        def close(self) -> None:
            closed.append(self)

    first = First(MODEL, EngineOptions())

    built = Faster(MODEL, EngineOptions())

    def better(size: tuple[int, int]) -> Engine:
        build.wait(5)
        return built

    first.better = better
    told: list[str] = []
    screen = Screen({40: ["q"]}, size=SIZE)
    run = live(Synthetic(SIZE, fps=50), screen, first, say=told.append)
    poll = screen.poll

    def poll_and_build() -> list[str]:
        if len(screen.pictures) == 10:
            build.set()
        return poll()

    screen.poll = poll_and_build
    report = run.run()
    assert report.engine == "faster" and closed == [first]
    assert built.count > 10 and first.count + built.count >= 40, "it has painted too"
    assert any("faster" in line and "from now on" in line for line in told)
    assert len(screen.pictures) >= 40, (
        "the picture went on all the while: the build began to end only after the tenth"
    )


def test_another_size_is_painted_by_the_engine_that_was_opened_for_it():
    opened: list[Slow] = []

    def open_for(first: Engine, size: tuple[int, int], model: ModelFile) -> Engine:
        opened.append(Slow(MODEL, EngineOptions()))
        return opened[-1]

    first = Slow(MODEL, EngineOptions())
    screen = Screen({10: ["}"], 60: ["q"]}, size=SIZE)
    live(Synthetic(SIZE, fps=50), screen, first, fixed_size=None, open_for=open_for).run()
    assert len(opened) == 1 and opened[0].count > 10
    assert first.count < 40, "the first one is not asked any more"


def test_a_better_engine_that_cannot_be_built_is_said_and_the_run_goes_on():
    first = Slow(MODEL, EngineOptions())

    def refuse(size: tuple[int, int]) -> Engine:
        raise EngineRunError("the card is full")

    first.better = refuse
    told: list[str] = []
    report = live(
        Synthetic(SIZE, fps=50), Screen({30: ["q"]}, size=SIZE), first, say=told.append
    ).run()
    assert report.engine == Slow.name and report.frames_out >= 20
    assert [line for line in told if "the card is full" in line and "goes on" in line]


def test_a_better_engine_follows_a_size_that_changed_meanwhile():
    first = Slow(MODEL, EngineOptions())
    build = threading.Event()

    def better(size: tuple[int, int]) -> Engine:
        build.wait(5)
        return Faster(MODEL, EngineOptions())

    first.better = better
    sizes = EngineSizes([first], (8, 8), lambda kind, size, model: type(kind)(model, kind.options))
    assert sizes.get((4, 4), [MODEL]) is None and sizes.get((8, 8), [MODEL]) == [first]
    build.set()
    while not sizes.replaces:
        time.sleep(0.005)
    while (engines := sizes.get((4, 4), [MODEL])) is None:
        time.sleep(0.005)
    assert engines[0].name == "faster" and not sizes.replaces
    sizes.close()


class OnGpu(Passthrough):
    """Takes tensors, as engines on a GPU do; ``seen``: what kind each frame was."""

    takes_tensors = True

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        super().__init__(model, options)
        self.seen: list[bool] = []

    def _start(self, frames, conditions):
        self.seen.append(False)
        return super()._start(frames, conditions)

    def _start_tensor(self, frames, conditions):
        self.seen.append(True)
        return lambda: frames


@pytest.mark.parametrize(
    ("problem", "more", "on_gpu"),
    [
        (None, {}, True),
        (None, {"keep_color": True}, True),
        ("this PyTorch sees no CUDA GPU", {}, False),
        (None, {"stability": 0.5}, False),
        (None, {"paint": "person"}, False),
        (None, {"grade": "sunset"}, False),
    ],
)
def test_frames_go_to_the_gpu_once_where_all_is_done_there(
    problem, more, on_gpu, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
    monkeypatch.setattr(realtime.live.painter, "tensors_problem", lambda device: problem)
    engine, screen, size = OnGpu(MODEL, EngineOptions()), Screen(size=(96, 128)), (96, 128)
    look = replace(LOOK, **more)
    source = Synthetic(size, fps=20, frames=4)
    live(source, screen, engine, look, open_for=lambda first, size, model: first).run()
    assert engine.seen and set(engine.seen) == {on_gpu}
    assert screen.pictures[0].shape == (*size, 3)
    # The engine gives back what it is given: all that is left is scaling down and up again.
    wanted = Synthetic(size, fps=20, frames=4)
    wanted.open()
    first = wanted.read(5).pixels
    wanted.close()
    assert any(np.abs(first.astype(int) - p).mean() < 6 for p in screen.pictures)
