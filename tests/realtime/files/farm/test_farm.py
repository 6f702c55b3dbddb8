"""The whole program on real Ray clusters of several nodes on this machine, some of which are
killed.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import stylize_video
from engines.cache import read_json
from engines.errors import EngineUnavailable, UsageError
from realtime.files.farm import farm
from realtime.media.writing.manifest import read_manifest
from tests.conftest import write_tiny_model, write_video
from tests.realtime.files.farm.test_part_painter import pictures
from tests.realtime.media.test_write_video import sound, times

pytestmark = [pytest.mark.timeout(400), pytest.mark.filterwarnings("ignore")]
ROOT = Path(__file__).parents[4]
FRAMES = 300
WORK = ".out.mp4.unfinished"
NOISE = np.random.default_rng(0).integers(0, 256, (8, 96, 128, 3), dtype=np.uint8)
SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000}


class Case:
    """A clip, what one machine makes of it, and the program that makes it on a cluster."""

    def __init__(self, folder: Path, address: str, frames: int = FRAMES) -> None:
        self.address = address
        self.model, self.style = folder / "tiny.onnx", "negative"
        write_tiny_model(self.model)
        pts = [17 * index + (index * index) % 5 for index in range(frames)]
        scenes = lambda index: NOISE[index // 90 % 8]  # noqa: E731
        self.clip = write_video(
            folder / "clip.mp4",
            pts=pts,
            size=(96, 128),
            tones=2,
            pixels=scenes,
            options={"g": "100"},
        )
        self.whole = folder / "whole.mp4"
        done = self.run(self.whole)
        assert done.returncode == 0, done.stderr
        assert len(pictures(self.whole)) == frames

    def command(self, output: Path, *flags: str) -> list[str]:
        # Nothing is remembered: the same bits.
        look = ("-s", self.style, "--strength", "0.7", "--crf", "0", "--no-denoise")
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

    def run(self, output: Path, *flags: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(output, *flags), cwd=ROOT, capture_output=True, text=True, check=False
        )

    def start(self, output: Path, *flags: str) -> subprocess.Popen:
        command = [*self.command(output, *flags), "--cluster", self.address]
        return subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def is_whole(self, output: Path) -> bool:
        frames = zip(pictures(output), pictures(self.whole), strict=True)
        same = all(np.array_equal(one, other) for one, other in frames)
        return same and times(output) == times(self.whole) and sound(output) == sound(self.whole)


def started_cluster(nodes: int):
    """A head that paints nothing, and ``nodes`` that do."""
    # Before Ray is imported, which reads it then.
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray keeps the first
    from ray.cluster_utils import Cluster

    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "180"}
    head = {"include_dashboard": False, "object_store_memory": 80_000_000, "num_cpus": 0}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(nodes):
        cluster.add_node(**SMALL, wait=False)
    cluster.wait_for_nodes()
    return cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    cluster = started_cluster(2)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def case(tmp_path_factory, cluster) -> Case:
    return Case(tmp_path_factory.mktemp("farm"), cluster.address)


def test_who_has_not_the_token_is_refused(case: Case):
    code = (
        "import sys; from pathlib import Path; from engines import load_model;"
        "from realtime.files.farm.cluster import Cluster;"
        "Cluster(sys.argv[1], load_model(Path(sys.argv[2])))"
    )
    wrong = {**os.environ, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    done = subprocess.run(
        [sys.executable, "-c", code, case.address, str(case.model)],
        env=wrong,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode and "~/.ray/auth_token" in done.stderr, done.stderr


def wait_for(ready: Callable[[], object], program: subprocess.Popen) -> None:
    deadline_s = time.monotonic() + 120
    while not ready():
        assert program.poll() is None, program.communicate()[1]
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def segments(folder: Path) -> dict:
    manifest = read_manifest(folder / WORK)
    return manifest.segments if manifest else {}


def workers(doing: str = "") -> list[int]:
    """Processes that Ray has given the name of our actor, and of the method that they are in."""
    lines = subprocess.run(
        ["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return [int(line.split()[0]) for line in lines if f"ray::_Actor{doing}" in line]


def stop_a_painter(program: subprocess.Popen) -> int:
    """Stop a worker in its first segment, and return its number.

    Later ones may be painted already, and wait for the program to write them.
    """
    while True:
        wait_for(lambda: workers(".paint"), program)
        for worker in workers(".paint")[:1]:
            os.kill(worker, signal.SIGSTOP)
            if worker in workers(".paint"):
                return worker
            os.kill(worker, signal.SIGCONT)  # it had just finished


def test_a_worker_that_is_killed_costs_only_its_segment(case, tmp_path):
    output, report = tmp_path / "out.mp4", tmp_path / "report.json"
    program = case.start(output, "--report", report, "--json")
    os.kill(stop_a_painter(program), signal.SIGKILL)
    out, err = program.communicate()
    assert program.returncode == 0, err
    assert case.is_whole(output)
    figures = read_json(report)
    assert json.loads(out) == figures
    assert (figures["frames_in"], figures["frames_out"], figures["engine"]) == (
        FRAMES,
        FRAMES,
        "onnxruntime",
    )
    assert figures["cluster"]["segments"] == 7
    assert figures["cluster"]["lost_workers"] == 1
    assert figures["stage_ms"]["infer"] > 0
    first, last = map(int, re.search(r"frames (\d+) to (\d+) are painted by another", err).groups())
    assert 0 < last - first < 2 * 48
    assert not workers()


def test_a_worker_that_hangs_without_dying_is_dropped(case, tmp_path):
    output = tmp_path / "out.mp4"
    program = case.start(output, "--stall", "3")  # ten times that before the first segment
    hung = stop_a_painter(program)
    try:
        _, err = program.communicate(timeout=110)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(hung, signal.SIGKILL)
    assert program.returncode == 0, err
    assert "was lost" in err and case.is_whole(output)


def test_silence_is_a_hang_when_it_is_long_for_this_video():
    now_s = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(farm.time, "monotonic", lambda: now_s)
        silence, worker = farm._Silence(5.0), object()
        silence.begin(worker)
        now_s = 49.0
        assert not silence.hanging([worker]), "nobody knows yet how long a segment takes"
        now_s = 51.0
        assert silence.hanging([worker]) == [worker]
        silence.heard(worker, made_segment=False)
        now_s = 53.0
        silence.heard(worker, made_segment=True)
        now_s = 72.0
        assert not silence.hanging([worker])
        now_s = 74.0
        assert silence.hanging([worker]) == [worker]
        assert not farm._Silence(0.0).hanging([])


def test_a_farm_that_was_killed_is_gone_on_with_by_one_machine_and_by_a_farm(case, tmp_path):
    output = tmp_path / "out.mp4"
    program = case.start(output)
    wait_for(lambda: len(segments(tmp_path)) >= 1, program)
    program.kill()
    program.communicate()
    there = len(segments(tmp_path))
    assert 1 <= there < 7
    deadline_s = time.monotonic() + 60
    while workers() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert not workers()
    program = case.start(output, "--resume", "--report", tmp_path / "report.json")
    wait_for(lambda: len(segments(tmp_path)) > there, program)
    program.send_signal(signal.SIGINT)
    _, err = program.communicate()
    assert program.returncode == 130, err
    assert "--resume goes on" in err
    assert "Traceback" not in err
    done = case.run(output, "--resume", "--report", tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    assert read_json(tmp_path / "report.json")["resumed_frames"] > 48
    assert case.is_whole(output)


@pytest.mark.slow
def test_one_machine_is_gone_on_with_by_a_farm_and_not_mixed(case, tmp_path):
    output = tmp_path / "out.mp4"
    program = subprocess.Popen(case.command(output), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(segments(tmp_path)) >= 2, program)
    program.kill()
    program.communicate()
    there = len(segments(tmp_path))
    other = case.start(output, "--resume", "--crf", "30")
    _, err = other.communicate()
    assert (other.returncode, "made with encoder" in err) == (2, True), err
    program = case.start(output, "--resume", "--report", tmp_path / "report.json")
    _, err = program.communicate()
    assert program.returncode == 0, err
    assert read_json(tmp_path / "report.json")["cluster"]["segments"] == 7 - there
    assert case.is_whole(output)


@pytest.mark.slow
def test_a_machine_with_another_package_is_refused(case, cluster, tmp_path):
    (tmp_path / "av-9.9.dist-info").mkdir()
    (tmp_path / "av-9.9.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: av\nVersion: 9.9\n"
    )
    other = cluster.add_node(**SMALL, env_vars={"PYTHONPATH": str(tmp_path)})
    try:
        program = case.start(
            tmp_path / "out.mp4", "--brush", "0.5"
        )  # slowly, so that all machines get something to do
        _, err = program.communicate()
    finally:
        cluster.remove_node(other)
    assert program.returncode == 2, err
    assert "9.9" in err
    assert "Use machines of one kind with the same packages" in err.splitlines()[-1]


def failure(clip: Path, model: Path, *flags: str) -> int:
    return stylize_video.main(
        [str(clip), "--engine", "passthrough", "--model", str(model), *map(str, flags)]
    )


def test_what_a_cluster_cannot_paint_is_refused_at_once(make_video, tiny_model, tmp_path):
    clip = make_video()
    with pytest.raises(UsageError, match="no pipes"):
        failure(clip, tiny_model.path, "-o", "-", "--cluster", "local")
    with pytest.raises(UsageError, match="is a picture"):
        failure(clip, tiny_model.path, "-o", tmp_path / "a.png", "--cluster", "local")
    with pytest.raises(UsageError, match="CPUs only"):
        failure(clip, tiny_model.path, "--device", "cuda", "--cluster", "local")
    with pytest.raises(UsageError, match="HOST:PORT"):
        failure(clip, tiny_model.path, "--cluster", "ray://there")


def test_a_cluster_that_is_not_there_is_said_soon(make_video, tiny_model):
    started_s = time.monotonic()
    with pytest.raises(EngineUnavailable, match=r"no cluster answers there.*ray start --head"):
        failure(make_video(), tiny_model.path, "--cluster", "127.0.0.1:1")
    assert time.monotonic() - started_s < 15


def test_without_ray_it_says_what_to_install(make_video, tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'livebrush\[farm\]'"):
        failure(make_video(), tiny_model.path, "--cluster", "local")


@pytest.mark.slow
def test_a_machine_of_four_that_is_killed_costs_only_its_segments_with_the_model_that_ships(
    tmp_path,
):
    cluster = started_cluster(4)
    try:
        case = Case(tmp_path, cluster.address, 600)
        case.model = ROOT / "engines" / "styles" / "gallery.onnx"
        case.style = "the_scream"
        look = ("--brush", "2")
        one = case.run(tmp_path / "one.mp4", *look)
        assert one.returncode == 0, one.stderr
        case.whole = tmp_path / "one.mp4"
        program = case.start(tmp_path / "out.mp4", *look, "--report", tmp_path / "report.json")
        wait_for(lambda: len(segments(tmp_path)) >= 2 and len(workers(".paint")) == 4, program)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        _, err = program.communicate()
        assert program.returncode == 0, err
        assert case.is_whole(tmp_path / "out.mp4")
        figures = read_json(tmp_path / "report.json")["cluster"]
        assert figures == {"segments": 13, "lost_workers": 1, "machines": 4, "workers": 4}
    finally:
        cluster.shutdown()
