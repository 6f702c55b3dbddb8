"""Work that was done is never lost: whatever ends a run, --resume goes on from it, to the frames of
an uninterrupted run.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import stylize_video
from engines.errors import UsageError
from engines.machine import cpu_threads, processor
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.manifest import read_manifest
from realtime.media.writing.segment_writer import reorder_delay
from realtime.media.writing.work_folder import WorkFolder
from tests.conftest import write_tiny_model, write_video
from tests.realtime.media.test_write_video import sound, times

ROOT = Path(__file__).parents[1]
FRAMES = 120
WORK = ".out.mp4.unfinished"
NOISE = np.random.default_rng(0).integers(0, 256, (8, 96, 128, 3), dtype=np.uint8)


class Case:
    """A clip of two seconds, and the program that paints it with a memory of the frames before
    (--stability).
    """

    def __init__(self, folder: Path) -> None:
        self.model = folder / "tiny.onnx"
        write_tiny_model(self.model)
        pts = [17 * index + (index * index) % 5 for index in range(FRAMES)]
        self.clip = write_video(
            folder / "clip.mp4",
            pts=pts,
            size=(96, 128),
            tones=1,
            pixels=lambda index: NOISE[index // 9 % 8],
        )
        self.whole = folder / "whole" / "out.mp4"
        self.whole.parent.mkdir()
        started_s = time.monotonic()
        self.finish(self.whole)
        self.takes_s = time.monotonic() - started_s
        self.frames = frames_of(self.whole)
        assert len(self.frames) == FRAMES

    def command(self, output: Path, *flags: str) -> list[str]:
        look = ("-s", "negative", "--stability", "0.9", "--strength", "0.7", "--brush", "2")
        engine = ("--engine", "onnxruntime", "--model", self.model)
        return [
            str(part)
            for part in (
                sys.executable,
                "stylize_video.py",
                self.clip,
                "-o",
                output,
                *look,
                *engine,
                *flags,
            )
        ]

    def start(self, output: Path, *flags: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(output, *flags),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, output: Path, *flags: str) -> str:
        done = subprocess.run(
            self.command(output, *flags), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def run_here(self, output: Path, *flags: str) -> int:
        return stylize_video.main(self.command(output, *flags)[2:])

    def has_all(self, output: Path) -> bool:
        return (
            frames_of(output) == self.frames
            and times(output) == times(self.whole)
            and sound(output) == sound(self.whole)
        )

    def is_whole(self, output: Path) -> bool:
        return self.has_all(output) and [path.name for path in output.parent.iterdir()] == [
            output.name
        ]


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Case:
    return Case(tmp_path_factory.mktemp("resume"))


def frames_of(path: Path) -> list[str]:
    """A hash per decoded frame."""
    with av.open(str(path)) as container:
        return [
            hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
            for frame in container.decode(video=0)
        ]


def kill_when(
    program: subprocess.Popen, ready: Callable[[], bool], number: int = signal.SIGKILL
) -> str:
    deadline_s = time.monotonic() + 60
    while not ready() and program.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.002)
    program.send_signal(number)
    return program.communicate(timeout=60)[1]


def at_segment(work: Path, number: int) -> Callable[[], bool]:
    return lambda: segments_in(work) >= number


def segments_in(work: Path) -> int:
    manifest = read_manifest(work)
    return len(manifest.segments) if manifest else 0


def test_a_whole_run_has_the_frames_times_and_sound_of_its_clip(case):
    assert times(case.whole) == times(case.clip)
    assert sound(case.whole) == sound(case.clip)


@pytest.mark.parametrize(
    "moment",
    [
        lambda work: work.is_dir,
        lambda work: at_segment(work, 1),
        lambda work: at_segment(work, 2),
        lambda work: (work / "joined.mp4").exists,
    ],
    ids=["at the start", "after one segment", "after two", "while joining"],
)
def test_a_killed_run_is_resumed_to_the_same_frames(case, tmp_path, moment):
    output = tmp_path / "out.mp4"
    kill_when(case.start(output), moment(tmp_path / WORK))
    case.finish(output, "--resume")
    assert case.is_whole(output)


def test_of_several_files_those_that_are_finished_stay(case, tmp_path, capfd):
    shutil.copyfile(case.clip, tmp_path / "one.mp4")
    shutil.copyfile(case.clip, tmp_path / "two.mp4")
    painted = tmp_path / "painted"
    flags = (
        "-s",
        "negative",
        "--model",
        str(case.model),
        "--engine",
        "passthrough",
        "-o",
        f"{painted}/",
        "--resume",
    )
    assert stylize_video.main([str(tmp_path / "one.mp4"), *flags]) == 0
    before = (painted / "one_negative.mp4").stat()
    assert stylize_video.main([str(tmp_path), *flags]) == 0
    assert "exists, skipped (--resume)" in capfd.readouterr().err
    assert (painted / "one_negative.mp4").stat().st_mtime_ns == before.st_mtime_ns
    assert (painted / "two_negative.mp4").is_file()


def test_a_run_killed_twice_is_resumed_to_the_same_frames(case, tmp_path):
    output = tmp_path / "out.mp4"
    kill_when(case.start(output), at_segment(tmp_path / WORK, 1))
    kill_when(case.start(output, "--resume"), at_segment(tmp_path / WORK, 2))
    assert "of them from before" in case.finish(output, "--resume")
    assert case.is_whole(output)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_at_random_moments(case, tmp_path, record_property):
    dice = random.Random(1)
    before = Counter()
    for kill in range(200):
        output = tmp_path / f"{kill}" / "out.mp4"
        output.parent.mkdir()
        program = case.start(output)
        reached = dice.choice(
            [lambda: True, *(at_segment(output.parent / WORK, number) for number in (1, 2))]
        )
        while not reached() and program.poll() is None:
            time.sleep(0.002)
        moment_s = time.monotonic() + dice.uniform(0, 0.2 * case.takes_s)
        kill_when(program, lambda: time.monotonic() >= moment_s)  # noqa: B023
        segments = segments_in(output.parent / WORK)
        before["finished" if output.exists() else f"{segments} segments"] += 1
        if (
            output.exists()
        ):  # killed after the file had its name, perhaps while the hidden folder was being removed
            assert case.has_all(output), kill
        else:
            case.finish(output, "--resume")
            assert case.is_whole(output), kill
        shutil.rmtree(output.parent)
    record_property(
        "seen",
        "200 whole; when killed: "
        + ", ".join(f"{n} had {what}" for what, n in sorted(before.items())),
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_is_finished_and_says_so(case, tmp_path, number, code):
    output = tmp_path / "out.mp4"
    program = case.start(output)
    err = kill_when(program, at_segment(tmp_path / WORK, 1), number)
    assert (program.returncode, "Traceback" in err) == (code, False), err
    assert "--resume goes on" in err
    assert [path.name for path in tmp_path.iterdir()] == [WORK]
    case.finish(output, "--resume")
    assert case.is_whole(output)


def test_a_folder_that_a_kill_has_left_goes_with_the_next_run(case, tmp_path):
    output = tmp_path / "out.mp4"
    kill_when(case.start(output), at_segment(tmp_path / WORK, 1))
    shutil.copyfile(
        case.whole, output
    )  # as if it had been killed between naming the file and removing the folder
    case.finish(output, "-y")
    assert case.is_whole(output)


def test_a_signal_before_the_first_segment_leaves_nothing(case, tmp_path):
    program = case.start(tmp_path / "out.mp4")
    err = kill_when(program, (tmp_path / WORK / "part.mp4").exists, signal.SIGTERM)
    assert (program.returncode, "Traceback" in err) == (143, False), err
    assert not list(tmp_path.iterdir()) or "--resume goes on" in err


def interrupted(case: Case, folder: Path) -> Path:
    kill_when(case.start(folder / "out.mp4"), at_segment(folder / WORK, 1))
    return folder / "out.mp4"


def test_what_was_begun_in_another_way_is_not_mixed(case, tmp_path):
    output = interrupted(case, tmp_path)
    for flags, named in (
        (("--crf", "30"), "encoder"),
        (("--strength", "0.5"), "look"),
        (("--engine", "passthrough"), "engine"),
        (("--to", "1.5"), "begin and end"),
    ):
        with pytest.raises(UsageError, match=f"made with {named}"):
            case.run_here(output, "--resume", *flags)
    manifest = read_manifest(tmp_path / WORK)
    assert {"engine", "model", "processor", "input"} <= manifest.plan.keys()
    with pytest.raises(UsageError, match="--resume goes on"):
        case.run_here(output)
    assert case.run_here(output, "-y") == 0
    assert case.is_whole(output)


def manifest_of_format_3(case: Case, segment: Path) -> list[dict]:
    """The manifest of a run of which one ``segment`` is finished, written out key for key."""
    state = segment.with_suffix(".npz").read_bytes()
    with VideoFile(case.clip) as video:
        fingerprint, ticks_a_ms = video.info.fingerprint(), 1 / video.info.time_base / 1000
    packages = ("livebrush", "av", "numpy", "onnxruntime")
    look = {"strength": 0.7, "brush": 2.0, "keep_color": False, "stability": 0.9, "denoise": True}
    look |= {"canvas": 1.0, "canvas_seed": 1}
    look |= {"paint": "all", "behind": "painting", "face": 1.0}
    look |= {"grade": "", "grade_strength": 1.0, "grade_parts": False, "grade_hold": False}
    engine = {"name": "onnxruntime", "precision": "fp32", "device": "cpu", "threads": cpu_threads()}
    plan = {
        "look": {"mix": [["negative", 1.0]], **look},
        "rows": {},
        "timeline": "",
        "side_by_side": False,
        "pictures": "",
        "size_of_the_network": [240, 320],
        "tile": [240, 320],
        "engine": engine,
        "model": hashlib.sha256(case.model.read_bytes()).hexdigest(),
        "processor": hashlib.sha256(processor().encode()).hexdigest()[:16],
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "input": fingerprint,
        "begin_and_end": [None, None],
        "deinterlace": True,
        "decoder": "cpu",
        "size": [96, 128],
        "encoder": ["libx264", "yuv420p", Encoding().options_for(Path("out.mp4"))],
        "encoder_threads": cpu_threads(),
        "segment_frames": 48,
    }
    first = {
        "frames": 48,
        "first_pts": 0,
        "last_pts": int((17 * 47 + 47 * 47 % 5) * ticks_a_ms),
        "delay": 2,
        "sha256": hashlib.sha256(segment.read_bytes()).hexdigest(),
        "leaves_state": True,
        "state_sha256": hashlib.sha256(state).hexdigest(),
        "state_bytes": len(state),
    }
    return [{"format": 3, "plan": plan}, {"number": 0, "segment": first}]


def test_a_folder_of_format_3_is_gone_on_with(case, tmp_path, monkeypatch, capfd):
    """What is on the disk today must be found and written by every later program."""
    output, put = tmp_path / "out.mp4", WorkFolder.put

    def put_one(self: WorkFolder, number: int, *rest: object) -> None:
        if number == 1:
            raise KeyboardInterrupt
        put(self, number, *rest)

    monkeypatch.setattr(WorkFolder, "put", put_one)
    with pytest.raises(KeyboardInterrupt):
        case.run_here(output)
    monkeypatch.undo()
    work = tmp_path / WORK
    assert {path.name for path in work.iterdir()} >= {"000000.mp4", "000000.npz", "manifest.jsonl"}
    expected = manifest_of_format_3(case, work / "000000.mp4")
    manifest = work / "manifest.jsonl"
    assert [json.loads(line) for line in manifest.read_text().splitlines()] == expected
    manifest.write_text("".join(json.dumps(line) + "\n" for line in expected))
    assert case.run_here(output, "--resume") == 0
    assert "48 of them from before" in capfd.readouterr().err
    assert case.is_whole(output)


def test_a_segment_that_was_damaged_is_made_again(case, tmp_path):
    output = interrupted(case, tmp_path)
    with open(tmp_path / WORK / "000000.mp4", "rb+") as segment:
        segment.seek(200)
        segment.write(b"power loss")
    assert case.run_here(output, "--resume") == 0
    assert case.is_whole(output)


def test_two_runs_do_not_write_one_output(case, tmp_path):
    first = case.start(tmp_path / "out.mp4")
    while not (tmp_path / WORK / "manifest.jsonl").exists():
        time.sleep(0.002)
    first.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(UsageError, match="another run"):
            case.run_here(tmp_path / "out.mp4", "-y")
    finally:
        first.send_signal(signal.SIGCONT)
    first.communicate(timeout=60)
    assert first.returncode == 0
    assert case.is_whole(tmp_path / "out.mp4")


@contextlib.contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(
    os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="mounting needs root"
)
@pytest.mark.parametrize(
    "share", [0.2, 0.9, 1.6], ids=["first segment", "a later segment", "joining"]
)
def test_a_full_disk_costs_only_what_was_not_finished(case, tmp_path, share):
    """The segments need the room of the video once, and joining them once more."""
    disk = tmp_path / "disk"
    with small_disk(disk, 64 + int(case.whole.stat().st_size * share / 1024)):
        done = subprocess.run(
            case.command(disk / "out.mp4"), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode, "disk is full" in done.stderr) == (5, True), done.stderr
        assert not (disk / "out.mp4").exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        case.finish(disk / "out.mp4", "--resume")
        assert case.is_whole(disk / "out.mp4")


def test_the_delay_of_b_frames_is_found_from_their_order():
    assert reorder_delay([0, 1, 2, 3]) == 0
    assert reorder_delay([0, 2, 1, 4, 3]) == 1
    assert reorder_delay([0, 4, 2, 1, 3]) == 2
    assert reorder_delay([]) == 0
